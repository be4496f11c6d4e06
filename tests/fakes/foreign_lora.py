"""Writes a LoRA as kohya's scripts do, for a base's folder, as if trained elsewhere.

python -m tests.fakes.foreign_lora BASE OUT
"""

import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

from trainer.export.convert import to_kohya
from trainer.export.foreign import Pair

RANK = 2


def write(base: Path, target: Path) -> None:
    """Change every query and value of the UNet's attention, by matrices from a fixed seed."""
    torch.manual_seed(7)
    unet = UNet2DConditionModel.from_pretrained(base / "unet", variant="fp16")
    pairs = {
        f"unet.{name}": Pair(
            torch.randn(RANK, layer.in_features), torch.randn(layer.out_features, RANK), RANK / 2
        )
        for name, layer in unet.named_modules()
        if isinstance(layer, nn.Linear) and name.endswith(("to_q", "to_v"))
    }
    save_file(to_kohya(pairs, unet.config.layers_per_block), target)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
