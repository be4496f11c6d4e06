"""Convert an adapter file between kohya's and diffusers' formats.

    PYTHONPATH=training_image python -m trainer.export.convert IN.safetensors OUT.safetensors

The keys of IN decide the direction. A training delivers both formats; this is for other people's
files. kohya's format stores alpha with each pair, diffusers' has it multiplied into B: both draw
the same image.
"""

import re
import sys
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

Tensors = dict[str, Tensor]

PREFIXES = {"lora_unet": "unet", "lora_te1": "text_encoder", "lora_te2": "text_encoder_2"}
SINGLE_ENCODER_PREFIX = {"lora_te": "text_encoder"}
"""The prefix for a base with one text encoder."""

NAMES = (
    *("down_blocks", "up_blocks", "mid_block", "transformer_blocks", "to_q", "to_k", "to_v"),
    *("to_out", "proj_in", "proj_out", "text_model", "self_attn", "q_proj", "k_proj", "v_proj"),
    *("out_proj", "time_emb_proj", "time_embedding", "add_embedding", "conv_shortcut"),
    *("conv_in", "conv_out", "linear_1", "linear_2"),
)
"""Names of modules that contain a ``_``."""

KOHYA = re.compile(r"(lora_(?:unet|te[12]?))_(\w+)\.(lora_down\.weight|lora_up\.weight|alpha)")
DIFFUSERS = re.compile(r"(unet|text_encoder|text_encoder_2)\.(.+)\.lora_(A|B)\.weight")


class UnknownFileError(ValueError):
    """A file in another format; the text says which keys are not supported."""


def main() -> int:
    """Convert a file; return 2 if that is not possible."""
    if len(sys.argv) != 3:  # noqa: PLR2004 (the program, in, out)
        sys.stderr.write(f"{__doc__}\n")
        return 2
    source, target = map(Path, sys.argv[1:])
    try:
        tensors, form = convert(load_file(source))
    except (UnknownFileError, SafetensorError, OSError) as error:
        sys.stderr.write(f"cannot be converted: {error}\n")
        return 2
    save_file(tensors, target, metadata={"format": "pt"})
    sys.stdout.write(f"{target}: {len(tensors)} tensors, in {form} format\n")
    return 0


def convert(tensors: Tensors) -> tuple[Tensors, str]:
    """Return the adapter in the other format, and the name of that format.

    Raises:
        UnknownFileError: the file has neither format, or contains more than LoRA pairs.
    """
    if all(KOHYA.fullmatch(key) for key in tensors):
        return to_diffusers(tensors), "diffusers"
    if all(DIFFUSERS.fullmatch(key) for key in tensors):
        return to_kohya(tensors), "kohya"
    odd = [key for key in tensors if not KOHYA.fullmatch(key) and not DIFFUSERS.fullmatch(key)]
    message = f"{len(odd) or len(tensors)} of {len(tensors)} keys are not LoRA pairs of one format"
    raise UnknownFileError(message)


def to_diffusers(tensors: Tensors) -> Tensors:
    """Multiply alpha / rank into B; a pair without alpha gets factor 1, as in kohya's scripts."""
    converted: Tensors = {}
    for key, down in tensors.items():
        found = KOHYA.fullmatch(key)
        if found is None or found[3] != "lora_down.weight":
            continue
        stem = key.removesuffix(".lora_down.weight")
        up = tensors.get(f"{stem}.lora_up.weight")
        if up is None:
            message = "a pair has lora_down and no lora_up"
            raise UnknownFileError(message)
        alpha = float(tensors.get(f"{stem}.alpha", torch.tensor(float(len(down)))))
        path = f"{(PREFIXES | SINGLE_ENCODER_PREFIX)[found[1]]}.{dotted(found[2])}"
        converted[f"{path}.lora_A.weight"] = down.contiguous()
        converted[f"{path}.lora_B.weight"] = (up * (alpha / len(down))).contiguous()
    return converted


def to_kohya(tensors: Tensors) -> Tensors:
    """Store alpha with each pair: it is the rank, since B has it multiplied in."""
    several = any(key.startswith("text_encoder_2.") for key in tensors)
    heads = {
        network: head
        for head, network in (PREFIXES if several else PREFIXES | SINGLE_ENCODER_PREFIX).items()
    }
    converted: Tensors = {}
    for key, tensor in tensors.items():
        found = DIFFUSERS.fullmatch(key)
        assert found is not None  # noqa: S101 (``convert`` has checked the keys)
        stem = f"{heads[found[1]]}_{found[2].replace('.', '_')}"
        converted[f"{stem}.lora_{'down' if found[3] == 'A' else 'up'}.weight"] = tensor
        if found[3] == "A":
            converted[f"{stem}.alpha"] = torch.tensor(float(len(tensor)))
    return converted


def dotted(name: str) -> str:
    """Return a module's path from kohya's name for it.

    >>> dotted("mid_block_attentions_0_transformer_blocks_1_attn2_to_out_0")
    'mid_block.attentions.0.transformer_blocks.1.attn2.to_out.0'

    kohya's own scripts name SDXL's blocks as its first release did:

    >>> dotted("input_blocks_8_1_proj_in"), dotted("output_blocks_4_1_proj_in")
    ('down_blocks.2.attentions.1.proj_in', 'up_blocks.1.attentions.1.proj_in')
    """
    name = re.sub(r"^input_blocks_(\d+)_1_", lambda m: _attention("down", int(m[1]) - 1), name)
    name = re.sub(r"^output_blocks_(\d+)_1_", lambda m: _attention("up", int(m[1])), name)
    name = re.sub(r"^middle_block_1_", "mid_block_attentions_0_", name)
    names = "|".join(sorted(NAMES, key=len, reverse=True))
    escaped = re.sub(rf"(?<![^_])({names})(?![^_])", lambda m: m[1].replace("_", "\0"), name)
    return escaped.replace("_", ".").replace("\0", "_")


def _attention(side: str, number: int) -> str:
    return f"{side}_blocks_{number // 3}_attentions_{number % 3}_"


if __name__ == "__main__":
    sys.exit(main())
