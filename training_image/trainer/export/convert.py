"""Convert an adapter file between the formats of kohya's scripts and of diffusers.

    export PYTHONPATH=functions:training_image
    python -m trainer.export.convert IN.safetensors OUT.safetensors

The keys of IN decide the direction: a file of diffusers or peft becomes one for kohya's scripts,
A1111 and ComfyUI, any other one becomes diffusers', and so does every file for Z-Image. A training
delivers both; this is for other people's files. IN may be of kohya's scripts, diffusers (also
before peft), peft, LoCon, LoHa, LoKr and DoRA of outputs. kohya's format stores alpha with each
pair, diffusers' has it multiplied into B: both draw the same image.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from contracts.shared.weights import lora_names
from trainer.export.foreign import (
    Pair,
    Scales,
    UnknownFileError,
    read_pairs,
    refuse_without_kernel,
)

Tensors = dict[str, Tensor]

DOTTED = ("unet.", "text_encoder.", "text_encoder_2.", "base_model.model.")
"""How the keys of diffusers' and peft's files begin."""


def main() -> int:
    """Convert a file; return 2 if that is not possible."""
    if len(sys.argv) != 3:  # noqa: PLR2004 (the program, in, out)
        sys.stderr.write(f"{__doc__}\n")
        return 2
    source, target = map(Path, sys.argv[1:])
    try:
        tensors, form = convert(*read_file(source))
    except (UnknownFileError, SafetensorError, OSError) as error:
        sys.stderr.write(f"cannot be converted: {error}\n")
        return 2
    save_file(tensors, target, metadata={"format": "pt"})
    sys.stdout.write(f"{target}: {len(tensors)} tensors, in {form} format\n")
    return 0


class AdapterFile(NamedTuple):
    """What a file holds."""

    tensors: Tensors
    layers_per_block: int
    """Number of layers in a block of the UNet; our own files say it."""
    scales: Scales


def read_file(path: Path) -> AdapterFile:
    """Return a file's tensors and what its metadata say of them.

    Raises:
        UnknownFileError: the metadata cannot be read.
    """
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
        metadata = file.metadata() or {}
    blocks = metadata.get(lora_names.LAYERS_PER_BLOCK, "")
    number = int(blocks) if blocks.isdecimal() else lora_names.OFFICIAL_LAYERS_PER_BLOCK
    return AdapterFile(tensors, number, Scales.of_metadata(metadata))


def convert(
    tensors: Tensors,
    layers_per_block: int = lora_names.OFFICIAL_LAYERS_PER_BLOCK,
    scales: Scales = Scales(),  # noqa: B008 - frozen
) -> tuple[Tensors, str]:
    """Return the adapter in the other format, and the name of that format.

    Raises:
        UnknownFileError: the file cannot be expressed as pairs of matrices.
    """
    pairs = read_pairs(tensors, layers_per_block, scales)
    refuse_without_kernel(pairs)
    of_unets = not any(layer.startswith("transformer.") for layer in pairs)
    if of_unets and all(key.startswith(DOTTED) for key in tensors):
        return to_kohya(pairs, layers_per_block), "kohya"
    return to_diffusers(pairs), "diffusers"


def to_diffusers(pairs: dict[str, Pair]) -> Tensors:
    """Multiply alpha / rank into B."""
    converted: Tensors = {}
    for layer, pair in pairs.items():
        converted[f"{layer}.lora_A.weight"] = pair.down.contiguous()
        converted[f"{layer}.lora_B.weight"] = (pair.up * (pair.alpha / pair.rank)).contiguous()
        if pair.lengths is not None:
            sides = (1, -1, 1, 1) if pair.is_convolution else (-1,)
            converted[lora_names.lengths_name(layer)] = pair.lengths.reshape(sides).contiguous()
    return converted


def to_kohya(pairs: dict[str, Pair], layers_per_block: int) -> Tensors:
    """Store alpha with each pair."""
    sdxl = lora_names.is_sdxl(pairs)
    converted: Tensors = {}
    for layer, pair in pairs.items():
        network, path = layer.split(".", 1)
        name = lora_names.kohya_name(network, path, sdxl=sdxl, layers_per_block=layers_per_block)
        converted[f"{name}.lora_down.weight"] = pair.down.contiguous()
        converted[f"{name}.lora_up.weight"] = pair.up.contiguous()
        converted[f"{name}.alpha"] = torch.tensor(pair.alpha)
        if pair.lengths is not None:
            sides = (-1, 1, 1, 1) if pair.is_convolution else (-1, 1)
            converted[f"{name}.dora_scale"] = pair.lengths.reshape(sides).contiguous()
    return converted


if __name__ == "__main__":
    sys.exit(main())
