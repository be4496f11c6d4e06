"""What a file's tensors say by their names: kinds that equal no plain pair, and whose layers."""

import re
from collections.abc import Iterable
from typing import NamedTuple

REFUSED = {
    "dora_scale": "DoRA",
    "lora_magnitude_vector": "DoRA",
    "on_input": "(IA)3",
    "ia3_l": "(IA)3",
    "oft_blocks": "OFT",
    "oft_diag": "OFT",
    "oft_r": "OFT",
    "a1.weight": "GLoRA",
    "w_norm": "norms",
    "diff": "whole differences",
    "diff_b": "whole differences",
    "string_to_param": "embeddings",
    "dyn_up": "DyLoRA",
}
"""Formats without an equal plain pair, by a part of a tensor's name."""


class RefusedKind(NamedTuple):
    """A kind that is refused."""

    name: str
    tensors: int
    """Number of tensors of this kind."""


def refused_kind(names: Iterable[str]) -> RefusedKind | None:
    """Return the kind of a file that has no equal plain pair; None: it may have one.

    >>> refused_kind(["lora_unet_mid_block_attentions_0_proj_in.dora_scale"])
    RefusedKind(name='DoRA', tensors=1)
    >>> refused_kind(["unet.conv_in.lora_A.weight"]) is None
    True
    """
    keys = list(names)
    for part, name in REFUSED.items():
        count = sum(key.endswith(f".{part}") or f".{part}." in key for key in keys)
        if count:
            return RefusedKind(name, count)
    return None


_UNET_BLOCK = re.compile(r"(?:down|up|input|output)_blocks[._]\d|mid(?:dle)?_block[._]")
_Z_IMAGE_BLOCK = re.compile(
    r"(?:^|[._])(?:layers|noise_refiner|context_refiner)[._]\d+[._](?:attention|feed_forward|adaLN)[._]"
)


def network_of(names: Iterable[str]) -> str | None:
    """Return diffusers' name of the network that a file changes; None: its names do not say.

    >>> network_of(["lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.alpha"])
    'unet'
    >>> network_of(["diffusion_model.layers.0.attention.qkv.lora_A.weight"])
    'transformer'
    >>> network_of(["text_encoder.encoder.layers.0.mlp.fc1.alpha"]) is None
    True
    """
    for name in names:
        if _UNET_BLOCK.search(name):
            return "unet"
        if _Z_IMAGE_BLOCK.search(name):
            return "transformer"
    return None
