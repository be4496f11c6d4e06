"""The transforms of torchvision that diffusers' DreamBooth scripts use, in Pillow and torch.

For the benchmark's input (square photos, resized by Pillow, cropped, scaled to -1 to 1) the pixels
equal torchvision's. Only the benchmark uses this module, where torchvision cannot be installed.
"""

import random
import sys
import types
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import torch
from PIL import Image


class InterpolationMode(Enum):
    """The interpolation names of the script's command line."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class Compose:
    """Applies transforms one after the other."""

    def __init__(self, transforms: list[Callable[[Any], Any]]) -> None:
        """Store the transforms in order."""
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:  # noqa: ANN401 (an image, then a tensor)
        """Return the result of the last transform."""
        for transform in self.transforms:
            image = transform(image)
        return image


class Resize:
    """Resizes the shorter side to ``size``."""

    def __init__(self, size: int, interpolation: InterpolationMode) -> None:
        """Store the size in pixels."""
        self.size = size
        self.filter = Image.Resampling[interpolation.name]

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the resized image."""
        ratio = self.size / min(image.size)
        return image.resize((round(image.width * ratio), round(image.height * ratio)), self.filter)


class RandomCrop:
    """Crops a random square."""

    def __init__(self, size: int) -> None:
        """Store the size in pixels."""
        self.size = size

    @staticmethod
    def get_params(image: Image.Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return top, left, height and width."""
        top = random.randint(0, image.height - size[0])  # noqa: S311 (no secret)
        left = random.randint(0, image.width - size[1])  # noqa: S311
        return top, left, *size

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the square."""
        return crop(image, *self.get_params(image, (self.size, self.size)))


class CenterCrop(RandomCrop):
    """Crops the square in the middle."""

    @staticmethod
    def get_params(image: Image.Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return top, left, height and width."""
        return (image.height - size[0]) // 2, (image.width - size[1]) // 2, *size


class RandomHorizontalFlip:
    """Mirrors every image, as the script uses a probability of 1."""

    def __init__(self, p: float) -> None:
        """Store the probability."""
        self.p = p

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the mirrored image."""
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


class ToTensor:
    """Converts an image to (3, H, W) float32 in 0 to 1."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return the tensor."""
        pixels = torch.from_numpy(np.array(image, dtype=np.float32))
        return pixels.permute(2, 0, 1).contiguous() / 255


class Normalize:
    """Subtracts the mean and divides by the standard deviation."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        """Store one value for all channels."""
        self.mean, self.std = mean[0], std[0]

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the scaled tensor."""
        return (pixels - self.mean) / self.std


def crop(image: Image.Image, top: int, left: int, height: int, width: int) -> Image.Image:
    """Return a rectangle of the image."""
    return image.crop((left, top, left + width, top + height))


def install() -> None:
    """Register ``torchvision`` and its two modules in ``sys.modules``."""
    package, transforms = types.ModuleType("torchvision"), types.ModuleType("transforms")
    functional = types.ModuleType("functional")
    functional.crop = crop  # type: ignore[attr-defined]
    for thing in (
        *(InterpolationMode, Compose, Resize, RandomCrop, CenterCrop),
        *(RandomHorizontalFlip, ToTensor, Normalize),
    ):
        setattr(transforms, thing.__name__, thing)
    transforms.functional = functional  # type: ignore[attr-defined]
    package.transforms = transforms  # type: ignore[attr-defined]
    sys.modules |= {
        "torchvision": package,
        "torchvision.transforms": transforms,
        "torchvision.transforms.functional": functional,
    }
