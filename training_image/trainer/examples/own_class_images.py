"""The user's own class images, used instead of generated ones.

They belong to one user: they are not cached, not stored as a set and not used for another user.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from contracts.documents.photos import StoredFile
from trainer.config import noise
from trainer.config.recipe import Recipe
from trainer.model.base import Base
from trainer.photos.photos import Photo, encode_photos, fit, read_picture, time_ids_of


@dataclass(frozen=True)
class ClassPhoto:
    """One of the user's own class images."""

    image: Image.Image
    """RGB, S x S: the centre of the picture."""
    time_ids: tuple[int, ...]
    """SDXL's time ids, as ``time_ids_of`` returns them."""


def read_class_photos(root: Path, files: tuple[StoredFile, ...], side: int) -> list[ClassPhoto]:
    """Return the class images as squares.

    Raises:
        TrainingError: ``photo_changed``; a file is not the one that was accepted.
    """
    names = [f"picture {number} of the class" for number in range(len(files))]
    pictures = (
        read_picture(root, file.file, file.sha256, name)
        for file, name in zip(files, names, strict=True)
    )
    return [
        ClassPhoto(fit(picture, side, side), time_ids_of(picture.size, (side, side)))
        for picture in pictures
    ]


def encode_class_photos(base: Base, recipe: Recipe, images: list[Image.Image]) -> Tensor:
    """Return the latents (M, C, H, W) of the class images, scaled: one sample of each."""
    photos = [
        Photo(number, recipe.class_prompt, has_own_caption=False, image=image)
        for number, image in enumerate(images)
    ]
    encoded = encode_photos(base, photos)
    shape = encoded.mean.shape[1:]
    samples = [
        encoded.draw(number, noise.normal(shape, recipe.seed, "own class", number))
        for number in range(len(images))
    ]
    return torch.stack(samples)
