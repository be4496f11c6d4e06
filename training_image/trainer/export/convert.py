"""Convert an adapter file between kohya's and diffusers' formats.

    export PYTHONPATH=functions:training_image
    python -m trainer.export.convert IN.safetensors OUT.safetensors

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

from contracts.shared import lora_names

Tensors = dict[str, Tensor]

PREFIXES = {
    "lora_unet": "unet",
    "lora_te": "text_encoder",
    "lora_te1": "text_encoder",
    "lora_te2": "text_encoder_2",
}

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
        path = f"{PREFIXES[found[1]]}.{lora_names.layer_path(found[2])}"
        converted[f"{path}.lora_A.weight"] = down.contiguous()
        converted[f"{path}.lora_B.weight"] = (up * (alpha / len(down))).contiguous()
    return converted


def to_kohya(tensors: Tensors) -> Tensors:
    """Store alpha with each pair: it is the rank, since B has it multiplied in."""
    sdxl = lora_names.is_sdxl(tensors)
    converted: Tensors = {}
    for key, tensor in tensors.items():
        found = DIFFUSERS.fullmatch(key)
        assert found is not None  # noqa: S101 (``convert`` has checked the keys)
        stem = lora_names.kohya_name(found[1], found[2], sdxl=sdxl)
        converted[f"{stem}.lora_{'down' if found[3] == 'A' else 'up'}.weight"] = tensor
        if found[3] == "A":
            converted[f"{stem}.alpha"] = torch.tensor(float(len(tensor)))
    return converted


if __name__ == "__main__":
    sys.exit(main())
