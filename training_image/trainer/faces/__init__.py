"""Faces on photos: where they are, which one the photo is about, and how clear it is.

The image and the base choose the detector; it is never replaced by another one silently:

dlib     dlib's detectors, for real photos; the judge of likeness comes with it
retina   RetinaFace, for real photos; its weights are part of the image
haar     OpenCV's cascades, for real photos of upright frontal faces; needs no download
drawn    for the drawn portraits of the embedded base, which brings the weights

Coordinates are pixels of the photo, x to the right and y down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.documents.photos import FaceMetrics
from contracts.shared.people.thresholds import DEFAULTS

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3), RGB."""

Point = tuple[float, float]

CLARITY_SIDE, CLARITY_HALF = 96, 100.0
"""The side in pixels at which clarity is measured; the Laplacian's variance of clarity 0.5."""


@dataclass(frozen=True)
class Face:
    """One face's box; it may extend beyond the photo."""

    left: float
    top: float
    width: float
    height: float
    score: float
    """The detector's confidence, on the detector's own scale."""
    eyes: tuple[Point, Point] | None = None
    """The eyes, the left one in the photo first; None if they were not detected."""

    @property
    def centre(self) -> Point:
        """Return the centre of the box."""
        return self.left + self.width / 2, self.top + self.height / 2


class Detector(Protocol):
    """Detects faces."""

    def find(self, pixels: Pixels) -> list[Face]:
        """Return every face, in any order."""
        ...


def by_size(faces: Sequence[Face]) -> list[Face]:
    """Return faces, the largest first."""
    return sorted(faces, key=lambda face: -face.height)


def are_ambiguous(faces: Sequence[Face]) -> bool:
    """Return whether the two largest faces are about equally large.

    >>> near, far = Face(0, 0, 90, 100, 1.0), Face(200, 0, 40, 45, 1.0)
    >>> are_ambiguous([near, far]), are_ambiguous([near, near])
    (False, True)
    """
    largest, *others = by_size(faces)
    return any(other.height >= DEFAULTS.ambiguous_face_ratio * largest.height for other in others)


def measure_face(face: Face, pixels: Pixels) -> FaceMetrics:
    """Return the size, the clarity and the score of a face."""
    height, width = pixels.shape[:2]
    return FaceMetrics(
        share=round(face.height / min(height, width), 3),
        clarity=round(clarity(cut(face, pixels)), 3),
        score=round(face.score, 3),
    )


def advice_on(measures: FaceMetrics) -> tuple[str, ...]:
    """Return the codes of a face's faults."""
    advice = {
        "face_small": measures.share < DEFAULTS.min_face_share,
        "face_unclear": measures.clarity < DEFAULTS.clear_face,
    }
    return tuple(code for code, applies in advice.items() if applies)


def cut(face: Face, pixels: Pixels) -> Pixels:
    """Return the part of a face's box that is on the photo: at least one pixel."""
    height, width = pixels.shape[:2]
    left, top = (int(np.clip(v, 0, m - 1)) for v, m in ((face.left, width), (face.top, height)))
    right = int(np.clip(face.left + face.width, left + 1, width))
    bottom = int(np.clip(face.top + face.height, top + 1, height))
    return pixels[top:bottom, left:right]


def clarity(pixels: Pixels) -> float:
    """Return the sharpness of a cropped face, 0 to 1, measured at one size for all faces."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (CLARITY_SIDE, CLARITY_SIDE), interpolation=cv2.INTER_AREA)
    variance = float(cv2.Laplacian(small, cv2.CV_64F).var())
    return variance / (variance + CLARITY_HALF)
