"""Photos and their latents: read as they were accepted, resized, encoded once.

N photos, S pixels a side, latents of C channels and H x W.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from contracts.documents.training import TaskPhoto
from contracts.shared.layout.container import PHOTOS_CHANNEL
from contracts.shared.steps import held_out_among
from trainer.model.base import Base
from trainer.model.latents import LatentCodec
from trainer.model.sampling import images_per_batch
from trainer.process.results import TrainingError, sha256_of


@dataclass(frozen=True)
class Photo:
    """One photo that is ready to train on."""

    index: int
    caption: str
    has_own_caption: bool
    """Whether the caption describes this photo; otherwise it is the instance prompt."""
    image: Image.Image
    """RGB, S x S."""
    whole: Image.Image | None = None
    """RGB at the original size; ``image`` is its centre. None if ``image`` is the whole photo."""
    weight: Image.Image | None = None
    """Grey, as large as ``whole``: each pixel's loss weight, white for 1; None for equal weights.
    """
    subject: int = 0
    """The number of the subject that it shows."""

    def at(self, width: int, height: int) -> "Photo":
        """Return the photo at another size: its largest centred part with that aspect."""
        return replace(self, image=fit(self.whole or self.image, width, height))

    @property
    def time_ids(self) -> tuple[int, ...]:
        """Return SDXL's time ids: what ``image`` shows of the whole photo."""
        return time_ids_of((self.whole or self.image).size, self.image.size)

    def weights(self, width: int, height: int) -> NDArray[np.float32]:
        """Return (height, width), 0 to 1: the loss weight of each latent pixel."""
        if self.weight is None:
            return np.ones((height, width), dtype=np.float32)
        shown = ImageOps.fit(self.weight, self.image.size, Image.Resampling.LANCZOS)
        small = shown.resize((width, height), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.float32) / 255


@dataclass(frozen=True)
class Latents:
    """The autoencoder's distributions for N photos, from which each step draws a sample."""

    mean: Tensor
    """(N, C, H, W) float32 on the CPU."""

    std: Tensor
    """(N, C, H, W)."""

    codec: LatentCodec
    """Makes the latents those that the denoising network takes."""

    weights: Tensor | None = None
    """(N, 1, H, W) in 0 to 1, the loss weight of each latent pixel; None for equal weights."""

    time_ids: Tensor | None = None
    """(N, 6) int64, as ``time_ids_of`` returns them; None for photos that were not cropped."""

    def draw(self, index: int, noise: Tensor) -> Tensor:
        """Return one sample (C, H, W) for the denoising network, from noise (C, H, W)."""
        return self.codec.to_network(self.mean[index] + self.std[index] * noise)


def split(photos: list[Photo]) -> tuple[list[Photo], list[Photo]]:
    """Return the photos to train on, and those held out, of each subject, to measure likeness."""
    held_out = set(held_out_among([photo.subject for photo in photos]))
    learnt = [photo for position, photo in enumerate(photos) if position not in held_out]
    return learnt, [photos[position] for position in sorted(held_out)]


def square(image: Image.Image, side: int) -> Image.Image:
    """Return the largest centred square of an image at ``side`` pixels.

    >>> square(Image.new("RGB", (300, 200)), 64).size
    (64, 64)
    """
    return fit(image, side, side)


def fit(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return the largest centred part of an image with the size's aspect, at this size."""
    return ImageOps.fit(image.convert("RGB"), (width, height), Image.Resampling.LANCZOS)


def time_ids_of(whole: tuple[int, int], shown: tuple[int, int]) -> tuple[int, ...]:
    """Return SDXL's time ids of the centre of an image, computed as diffusers' script does.

    Args:
        whole: width and height of the image before it is resized and cropped, in pixels.
        shown: width and height of its centre that is trained on, in pixels.

    Returns:
        height and width before; top and left of the crop, in pixels after resizing; height and
        width that are shown.

    Source: ``train_dreambooth_lora_sdxl.py`` of diffusers 0.42.1, with ``--center_crop``.

    >>> time_ids_of((1600, 900), (512, 512)), time_ids_of((640, 640), (512, 512))
    ((900, 1600, 0, 199, 512, 512), (640, 640, 0, 0, 512, 512))
    """
    (whole_width, whole_height), (width, height) = whole, shown
    if width * whole_height >= height * whole_width:
        resized_width, resized_height = width, width * whole_height // whole_width
    else:
        resized_width, resized_height = height * whole_width // whole_height, height
    top = max(0, round((resized_height - height) / 2))
    left = max(0, round((resized_width - width) / 2))
    return whole_height, whole_width, top, left, height, width


def to_tensor(images: list[Image.Image]) -> Tensor:
    """Return (N, 3, S, S) float32 in -1 to 1."""
    pixels = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1


def encode_photos(base: Base, photos: list[Photo]) -> Latents:
    """Encode every photo once."""
    vae = base.pipeline.vae
    means, stds = [], []
    size = images_per_batch(photos[0].image.width)
    for first in range(0, len(photos), size):
        images = [photo.image for photo in photos[first : first + size]]
        with torch.no_grad():
            encoded = vae.encode(to_tensor(images).to(base.device)).latent_dist
        means.append(encoded.mean.float().cpu())
        stds.append(encoded.std.float().cpu())
    mean = torch.cat(means)
    ids = torch.tensor([photo.time_ids for photo in photos])
    return Latents(mean, torch.cat(stds), base.latents, weights_of(photos, mean), ids)


def weights_of(photos: list[Photo], latents: Tensor) -> Tensor | None:
    """Return loss weights (N, 1, H, W) for latents (N, C, H, W); None for equal weights."""
    if all(photo.weight is None for photo in photos):
        return None
    height, width = latents.shape[-2:]
    return torch.from_numpy(np.stack([photo.weights(width, height)[None] for photo in photos]))


def read_image(root: Path, photo: TaskPhoto) -> Image.Image:
    """Return a photo as it was accepted.

    Raises:
        TrainingError: ``photo_changed``; the file is missing, or not the accepted one.
    """
    return read_picture(root, photo.file, photo.sha256, f"photo {photo.index}")


def read_picture(root: Path, file: str, sha256: str, name: str) -> Image.Image:
    """Return an image of the ``photos`` channel as RGB; ``name`` is for the error's text.

    Raises:
        TrainingError: ``photo_changed``; the file is missing, not the accepted one, or no image.
    """
    path = root / "input" / "data" / PHOTOS_CHANNEL / file
    if not path.is_file() or sha256_of(path) != sha256:
        raise TrainingError("photo_changed", f"{name} is missing or is not the accepted file")
    try:
        with Image.open(path) as image:
            picture: Image.Image = image.convert("RGB")
    except (OSError, ValueError) as error:
        raise TrainingError("photo_changed", f"{name} cannot be decoded") from error
    return picture
