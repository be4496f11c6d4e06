"""Cropping a photo to its face; all layers of a photo are cropped in the same way.

H and W are a photo's pixels. Beyond the photo's edges, the edge pixels are repeated and the loss
weight is 0.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.documents.upload.photo_options import FaceCrop
from trainer.faces import Face

CROP_SCALE, MIN_CROP_SCALE = 2.4, 1.3
"""The side of the crop in heights of the face: the usual one, and the smallest before padding."""

BELOW = 0.15
"""How far the crop's centre lies below the face's, in heights of the face.

Hair is shorter than neck and shoulders.
"""

Layer: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]


@dataclass(frozen=True)
class Cut:
    """A square of a photo, perhaps rotated around the face first."""

    left: int
    top: int
    side: int
    turn: NDArray[np.float64] | None
    """(2, 3), as OpenCV's warpAffine takes it; None for no rotation."""
    codes: tuple[str, ...]

    def apply(self, layer: Layer, *, outside: int | None = None) -> Layer:
        """Return (side, side, ...) of a layer (H, W, ...).

        Args:
            layer: the photo's pixels, or another array of its height and width.
            outside: the value beyond the edges; None to repeat the edge.
        """
        border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
        height, width = layer.shape[:2]
        if self.turn is not None:
            size, kind = (width, height), cv2.INTER_CUBIC
            layer = cv2.warpAffine(
                layer, self.turn, size, flags=kind, borderMode=border, borderValue=outside or 0
            )
        missing = self._missing(height, width)
        if any(missing):
            layer = cv2.copyMakeBorder(layer, *missing, border, value=outside or 0)
        top, left = self.top + missing[0], self.left + missing[2]
        return layer[top : top + self.side, left : left + self.side]

    def _missing(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Return how many pixels are missing above, below, on the left and on the right."""
        below, right = self.top + self.side - height, self.left + self.side - width
        return max(0, -self.top), max(0, below), max(0, -self.left), max(0, right)


def cut_to_face(face: Face, height: int, width: int, how: FaceCrop) -> Cut:
    """Return the square around a face; it is made smaller and moved before it is padded."""
    codes, turn = ["face_cropped"], None
    if how == "align":
        turn = level_eyes(face)
        codes.append("eyes_not_found" if turn is None else "face_aligned")
    side = min(CROP_SCALE * face.height, max(min(height, width), MIN_CROP_SCALE * face.height))
    whole = max(1, round(side))
    x, y = face.centre
    left = clamp_start(round(x - side / 2), whole, width)
    top = clamp_start(round(y + BELOW * face.height - side / 2), whole, height)
    if whole > min(height, width):
        codes.append("padded")
    return Cut(left, top, whole, turn, tuple(codes))


def level_eyes(face: Face) -> NDArray[np.float64] | None:
    """Return the rotation around the face that makes the eyes level; None without eyes."""
    if face.eyes is None:
        return None
    (x1, y1), (x2, y2) = face.eyes
    degrees = math.degrees(math.atan2(y2 - y1, x2 - x1))
    turn: NDArray[np.float64] = cv2.getRotationMatrix2D(face.centre, degrees, 1.0)
    return turn


def clamp_start(start: int, length: int, limit: int) -> int:
    """Return the start of an interval moved inside the limit; centred if it is too long.

    >>> clamp_start(-5, 10, 30), clamp_start(25, 10, 30), clamp_start(-9, 40, 30)
    (0, 20, -5)
    """
    if length > limit:
        return -((length - limit) // 2)
    return min(max(0, start), limit - length)
