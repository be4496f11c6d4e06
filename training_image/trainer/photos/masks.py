"""Loss masks: the user's own mask, or one that is made from the photo.

H and W are a photo's pixels; a mask is (H, W) float32, 0 to 1: the weight of each pixel.
"""

from pathlib import Path

import cv2
import numpy as np

from contracts.documents.training import TaskPhoto
from contracts.documents.upload.photo_options import PhotoOptions
from trainer.faces import Face, Pixels
from trainer.photos.background import Mask
from trainer.photos.photos import read_picture

MAX_ASPECT_DIFFERENCE = 0.02
"""The largest relative difference between the aspect ratios of a photo and its mask."""

FACE_GROWTH = 1.5
"""The size of a face mask relative to the face's box: hair and chin belong to the likeness."""


def read_mask(root: Path, photo: TaskPhoto, height: int, width: int) -> Mask | None:
    """Return the mask that was sent with a photo; None if it is empty or has another aspect.

    Raises:
        TrainingError: ``photo_changed``; the file is not the one that was accepted.
    """
    if photo.mask is None:
        return None
    name = f"the mask of photo {photo.index}"
    grey = read_picture(root, photo.mask.file, photo.mask.sha256, name).convert("L")
    if abs(grey.width / grey.height * height / width - 1) > MAX_ASPECT_DIFFERENCE:
        return None
    values = np.asarray(grey.resize((width, height)), dtype=np.float32) / 255
    return values if values.max() > 0 else None


def own_mask(
    root: Path, photo: TaskPhoto, pixels: Pixels, options: PhotoOptions
) -> tuple[Mask | None, tuple[str, ...]]:
    """Return a photo's own mask, if masks are used, and the codes for the verdict."""
    if photo.mask is None or options.use_masks is False:
        return None, ()
    mask = read_mask(root, photo, *pixels.shape[:2])
    return mask, () if mask is not None else ("mask_ignored",)


def face_mask(face: Face, height: int, width: int) -> Mask:
    """Return a mask of a face, with hair and chin."""
    mask: Mask = np.zeros((height, width), np.float32)
    x, y = (round(value) for value in face.centre)
    half = round(FACE_GROWTH * face.width / 2), round(FACE_GROWTH * face.height / 2)
    cv2.ellipse(mask, (x, y), half, 0, 0, 360, 1.0, -1)
    return mask


def to_weights(mask: Mask, floor: float) -> Pixels:
    """Return grey loss weights (H, W): 255 inside the mask, ``floor`` times 255 outside.

    >>> to_weights(np.array([[0.0, 1.0]], np.float32), 0.2).tolist()
    [[51, 255]]
    """
    weights: Pixels = (255 * (floor + (1 - floor) * mask)).round().astype(np.uint8)
    return weights
