"""The safety checker; it runs when LIKENESS_SAFETY_URI names a folder with diffusers' checker.

The folder holds ``safety_checker/`` and ``feature_extractor/`` of a Stable Diffusion pipeline.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL.Image import Image
from transformers import CLIPImageProcessor


class Checker(Protocol):
    """Checks pictures before they are returned."""

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return for each picture whether it must be withheld."""
        ...


class NoChecker:
    """Passes every picture; used when the operator named no checker."""

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return False for each picture."""
        return [False for _ in images]


class DiffusersChecker:
    """Compares each picture with the concepts of diffusers' safety checker."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        checker = StableDiffusionSafetyChecker.from_pretrained(
            folder / "safety_checker", use_safetensors=True, local_files_only=True
        )
        self.checker = checker.to(device).eval()
        self.prepare = CLIPImageProcessor.from_pretrained(folder / "feature_extractor")
        self.device = device

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return for each picture whether it is close to one of the concepts."""
        pixels = self.prepare(list(images), return_tensors="pt").pixel_values.to(self.device)
        # The checker paints unsafe pictures black. Ours are refused instead, so it gets dummies.
        dummies = [np.zeros((1, 1, 3)) for _ in images]
        _, flags = self.checker(clip_input=pixels, images=dummies)
        return [bool(flag) for flag in flags]


def make_checker(folder: str | None, device: torch.device) -> Checker:
    """Return the checker in the folder that ``serve`` found; without one, a checker of nothing."""
    return DiffusersChecker(Path(folder), device) if folder else NoChecker()
