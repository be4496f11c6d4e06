"""The user's photos: read as they were accepted, squared, encoded once.

N photos, S pixels a side, latents of C channels and H x W.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from contracts.layout import PHOTOS_CHANNEL
from contracts.photos import PhotoVerdict
from contracts.training import TaskPhoto, TrainingTask
from trainer.base import Base
from trainer.outcome import TrainingError, sha256_of
from trainer.plan import caption_of, count_held_out
from trainer.sampling import at_once


@dataclass(frozen=True)
class Photo:
    """One photo, ready to train on."""

    index: int
    caption: str
    has_own_caption: bool
    """Whether the user wrote it; else it is the instance prompt."""
    image: Image.Image
    """RGB, S x S."""


@dataclass(frozen=True)
class Latents:
    """What the autoencoder says of N photos: distributions, so that sampling stays exact."""

    mean: Tensor
    """(N, C, H, W) float32 on the CPU."""

    std: Tensor
    """(N, C, H, W)."""

    scale: float
    """The UNet sees latents times this."""

    def draw(self, index: int, noise: Tensor) -> Tensor:
        """Return one sample (C, H, W) for the UNet, from noise (C, H, W)."""
        return (self.mean[index] + self.std[index] * noise) * self.scale


def read_photos(root: Path, task: TrainingTask, side: int) -> list[Photo]:
    """Return the task's photos as squares.

    Raises:
        TrainingError: ``photo_changed``; a photo is missing, or not the one that was accepted.
    """
    folder = root / "input" / "data" / PHOTOS_CHANNEL
    return [
        Photo(
            photo.index,
            caption_of(photo.caption, task.request),
            photo.caption is not None,
            square(_read(folder, photo), side),
        )
        for photo in task.photos
    ]


def split(photos: list[Photo]) -> tuple[list[Photo], list[Photo]]:
    """Return the photos to train on, and those kept to judge the likeness by (spread evenly)."""
    kept = count_held_out(len(photos))
    stride = len(photos) // kept if kept else 0
    held_out = [photos[(i + 1) * stride - 1] for i in range(kept)]
    return [photo for photo in photos if photo not in held_out], held_out


def verdicts(task: TrainingTask, side: int) -> tuple[PhotoVerdict, ...]:
    """Return what the trainer did with each photo."""
    return tuple(
        PhotoVerdict(
            index=photo.index,
            verdict="accepted",
            sha256=photo.sha256,
            width=side,
            height=side,
        )
        for photo in task.photos
    )


def square(image: Image.Image, side: int) -> Image.Image:
    """Return the centre of an image, the largest square that fits, at ``side`` pixels.

    >>> square(Image.new("RGB", (300, 200)), 64).size
    (64, 64)
    """
    return ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.LANCZOS)


def to_tensor(images: list[Image.Image]) -> Tensor:
    """Return (N, 3, S, S) float32 in -1 to 1."""
    pixels = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1


def encode_photos(base: Base, photos: list[Photo]) -> Latents:
    """Encode every photo once; the steps then draw from the result."""
    vae = base.pipeline.vae
    means, stds = [], []
    size = at_once(photos[0].image.width)
    for first in range(0, len(photos), size):
        images = [photo.image for photo in photos[first : first + size]]
        with torch.no_grad():
            encoded = vae.encode(to_tensor(images).to(base.device)).latent_dist
        means.append(encoded.mean.float().cpu())
        stds.append(encoded.std.float().cpu())
    return Latents(torch.cat(means), torch.cat(stds), vae.config.scaling_factor)


def _read(folder: Path, photo: TaskPhoto) -> Image.Image:
    path = folder / photo.file
    if not path.is_file() or sha256_of(path) != photo.sha256:
        raise TrainingError("photo_changed", f"photo {photo.index} is not what was accepted")
    try:
        with Image.open(path) as image:
            picture: Image.Image = image.convert("RGB")
    except (OSError, ValueError) as error:
        raise TrainingError("photo_changed", f"photo {photo.index} cannot be decoded") from error
    return picture
