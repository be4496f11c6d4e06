"""The transforms of torchvision that diffusers' DreamBooth scripts use, in Pillow and torch.

Same pixels for what the benchmark feeds them (square photos, resized by Pillow, cropped, scaled to
-1 to 1). A stand-in for machines on which torchvision cannot be installed; never part of a product.
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
    """The names that the script's command line takes."""

    NEAREST = "nearest"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    LANCZOS = "lanczos"


class Compose:
    """One transform after the other."""

    def __init__(self, transforms: list[Callable[[Any], Any]]) -> None:
        """Take them in their order."""
        self.transforms = transforms

    def __call__(self, image: Any) -> Any:  # noqa: ANN401 (an image, then a tensor)
        """Return what the last one gives."""
        for transform in self.transforms:
            image = transform(image)
        return image


class Resize:
    """The shorter side to ``size``."""

    def __init__(self, size: int, interpolation: InterpolationMode) -> None:
        """Take pixels."""
        self.size = size
        self.filter = Image.Resampling[interpolation.name]

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return the resized image."""
        ratio = self.size / min(image.size)
        return image.resize((round(image.width * ratio), round(image.height * ratio)), self.filter)


class RandomCrop:
    """A square anywhere."""

    def __init__(self, size: int) -> None:
        """Take pixels."""
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
    """The square in the middle."""

    @staticmethod
    def get_params(image: Image.Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return top, left, height and width."""
        return (image.height - size[0]) // 2, (image.width - size[1]) // 2, *size


class RandomHorizontalFlip:
    """A mirror image, always: the script asks for a probability of 1."""

    def __init__(self, p: float) -> None:
        """Take the probability."""
        self.p = p

    def __call__(self, image: Image.Image) -> Image.Image:
        """Return it."""
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


class ToTensor:
    """(3, H, W) float32 in 0 to 1."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return the tensor."""
        pixels = torch.from_numpy(np.array(image, dtype=np.float32))
        return pixels.permute(2, 0, 1).contiguous() / 255


class Normalize:
    """Minus the mean, over the deviation."""

    def __init__(self, mean: list[float], std: list[float]) -> None:
        """Take one value for all channels."""
        self.mean, self.std = mean[0], std[0]

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return the scaled tensor."""
        return (pixels - self.mean) / self.std


def crop(image: Image.Image, top: int, left: int, height: int, width: int) -> Image.Image:
    """Return a rectangle of the image."""
    return image.crop((left, top, left + width, top + height))


def install() -> None:
    """Put ``torchvision`` and its two modules where import finds them."""
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
