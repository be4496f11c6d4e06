"""What a file's tensors say by name and shape: kinds that are not served, and whose layers."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

DORA_SCALE = "dora_scale"
"""LyCORIS' name of DoRA's lengths; its shape says whose they are."""

DORA_OF_INPUTS = "DoRA of inputs"
"""DoRA with a length for each input of a layer, instead of each output."""

REFUSED = {
    "wd_for_diff": "DoRA of differences",
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
"""Formats that equal neither a plain pair nor a DoRA of outputs, by a part of a tensor's name."""


_HALVES = {
    "lora_down.weight": "down",
    "lora_up.weight": "up",
    "lora_mid.weight": "mid",
    "lora_A.weight": "down",
    "lora_B.weight": "up",
    "lora_A.default.weight": "down",
    "lora_B.default.weight": "up",
    "lora.down.weight": "down",
    "lora.up.weight": "up",
    "lora_linear_layer.down.weight": "down",
    "lora_linear_layer.up.weight": "up",
    "_lora.down.weight": "down",
    "_lora.up.weight": "up",
    "alpha": "alpha",
    DORA_SCALE: "lengths",
    "lora_magnitude_vector": "lengths",
    "lora_magnitude_vector.weight": "lengths",
}
"""Ends of the names of a layer's tensors, and what each of them is.

``default`` is peft's name of an adapter. Scripts that save weights without peft's function keep it.
"""

_LYCORIS = re.compile(r"(.+)\.(hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t[12]))")


def split_key(key: str) -> tuple[str, str] | None:
    """Return the layer's name in the file and the tensor's part in it; None: another tensor.

    >>> split_key("lora_unet_conv_in.lora_down.weight"), split_key("unet.conv_in.weight")
    (('lora_unet_conv_in', 'down'), None)
    """
    if found := _LYCORIS.fullmatch(key):
        return found[1], found[2]
    for ending, part in sorted(_HALVES.items(), key=lambda each: -len(each[0])):
        joint = "" if ending.startswith("_") else "."
        if key.endswith(f"{joint}{ending}"):
            return key.removesuffix(f"{joint}{ending}"), part
    return None


class RefusedKind(NamedTuple):
    """A kind that is refused."""

    name: str
    tensors: int
    """Number of tensors of this kind."""


def refused_kind(shapes: Mapping[str, tuple[int, ...]]) -> RefusedKind | None:
    """Return the kind of a file that cannot be served exactly; None: it may be.

    Args:
        shapes: the shape of each tensor by its name.

    >>> refused_kind({"lora_unet_mid_block_attentions_0_proj_in.dora_scale": (1, 320)})
    RefusedKind(name='DoRA of inputs', tensors=1)
    >>> refused_kind({"lora_unet_mid_block_attentions_0_proj_in.dora_scale": (320, 1)}) is None
    True
    >>> refused_kind({"unet.mid_block.resnets.0.conv1.on_input": (4,)})
    RefusedKind(name='(IA)3', tensors=1)
    """
    for part, name in REFUSED.items():
        count = sum(key.endswith(f".{part}") or f".{part}." in key for key in shapes)
        if count:
            return RefusedKind(name, count)
    of_inputs = sum(
        key.endswith(f".{DORA_SCALE}") and not has_output_axis(shape)
        for key, shape in shapes.items()
    )
    return RefusedKind(DORA_OF_INPUTS, of_inputs) if of_inputs else None


def has_output_axis(shape: tuple[int, ...]) -> bool:
    """Return whether LyCORIS' lengths of this shape are those of a layer's outputs.

    A layer's weight is (out, in, ...), and the lengths keep its axes: (out, 1, ...) or (1, in,
    ...). So the shape tells them apart where a layer has as many inputs as outputs, too.

    >>> has_output_axis((320, 1, 1, 1)), has_output_axis((1, 320, 1, 1)), has_output_axis((320,))
    (True, False, False)
    """
    return len(shape) > 1 and all(side == 1 for side in shape[1:])


_UNET_BLOCK = re.compile(r"(?:down|up|input|output)_blocks[._]\d|mid(?:dle)?_block[._]")
_OTHER_BLOCK = re.compile(
    r"(?:double|single|joint)_blocks[._]\d|single_transformer_blocks[._]\d"
    r"|^(?:transformer\.|lora_transformer_)transformer_blocks[._]\d"
)
"""Blocks of Flux, Stable Diffusion 3 and others, whose paths no UNet begins with."""

_Z_IMAGE_BLOCK = re.compile(
    r"(?:^|[._])(?:layers|noise_refiner|context_refiner)[._]\d+[._](?:attention|feed_forward|adaLN)[._]"
)


def network_of(names: Iterable[str]) -> str | None:
    """Return diffusers' name of the network that a file changes; None: its names do not say.

    ``other`` is a network of a family that is not here.

    >>> network_of(["lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.alpha"])
    'unet'
    >>> network_of(["diffusion_model.layers.0.attention.qkv.lora_A.weight"])
    'transformer'
    >>> network_of(["text_encoder.encoder.layers.0.mlp.fc1.alpha"]) is None
    True
    """
    for name in names:
        if _OTHER_BLOCK.search(name):
            return "other"
        if _UNET_BLOCK.search(name):
            return "unet"
        if _Z_IMAGE_BLOCK.search(name):
            return "transformer"
    return None
