"""The safety checker: on when LIKENESS_SAFETY_DIR names a folder with diffusers' own one.

The folder is a Stable Diffusion pipeline's: ``safety_checker/`` and ``feature_extractor/``.
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
    """Looks at pictures before anybody gets them."""

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return which of them must not be shown."""
        ...


class NoChecker:
    """Lets everything pass: the operator named no checker."""

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return False for each."""
        return [False for _ in images]


class DiffusersChecker:
    """Compares each picture with concepts that must not be shown."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        checker = StableDiffusionSafetyChecker.from_pretrained(folder / "safety_checker")
        self.checker = checker.to(device).eval()
        self.prepare = CLIPImageProcessor.from_pretrained(folder / "feature_extractor")
        self.device = device

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return which of them come near one of the concepts."""
        pixels = self.prepare(list(images), return_tensors="pt").pixel_values.to(self.device)
        # It would paint unsafe pictures black; ours are refused, so it gets something to paint on.
        canvas = [np.zeros((1, 1, 3)) for _ in images]
        _, flags = self.checker(clip_input=pixels, images=canvas)
        return [bool(flag) for flag in flags]


def make_checker(folder: str | None, device: torch.device) -> Checker:
    """Return the checker that the operator chose."""
    return DiffusersChecker(Path(folder), device) if folder else NoChecker()
