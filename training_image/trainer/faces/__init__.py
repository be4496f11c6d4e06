"""Faces on photos: where they are, whose photo it is, how clearly the face is seen.

A detector is chosen by what the image and the base bring, never silently replaced by another:

retina   RetinaFace, for real photos; its weights are baked into the image
haar     OpenCV's own cascades, for real photos of upright faces from the front; needs no download
drawn    for the drawn portraits of the embedded base, which brings the weights

Coordinates are pixels of the photo, x to the right and y down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from contracts.documents.photos import FaceMeasures

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W, 3), RGB."""

Point = tuple[float, float]

AMBIGUOUS_RATIO = 0.7
"""A second face of this share of the largest one's height may be meant as well."""

SMALL_SHARE, UNCLEAR_BELOW = 0.15, 0.3
CLARITY_SIDE, CLARITY_HALF = 96, 100.0
"""Pixels that a face is looked at with; the Laplacian's variance that counts as half clear."""


@dataclass(frozen=True)
class Face:
    """One face's box, which need not lie wholly on the photo."""

    left: float
    top: float
    width: float
    height: float
    score: float
    """How sure the detector is, on its own scale."""
    eyes: tuple[Point, Point] | None = None
    """The one on the left of the photo first; None where the detector does not see them."""

    @property
    def centre(self) -> Point:
        """Return the middle of the box."""
        return self.left + self.width / 2, self.top + self.height / 2


class Detector(Protocol):
    """Finds faces."""

    def find(self, pixels: Pixels) -> list[Face]:
        """Return every face, in any order; [] where there is none."""
        ...


def by_size(faces: Sequence[Face]) -> list[Face]:
    """Return faces, the largest first."""
    return sorted(faces, key=lambda face: -face.height)


def are_ambiguous(faces: Sequence[Face]) -> bool:
    """Tell whether it is open whose photo this is: the two largest (of one or more) are alike.

    >>> near, far = Face(0, 0, 90, 100, 1.0), Face(200, 0, 40, 45, 1.0)
    >>> are_ambiguous([near, far]), are_ambiguous([near, near])
    (False, True)
    """
    largest, *others = by_size(faces)
    return any(other.height >= AMBIGUOUS_RATIO * largest.height for other in others)


def measure_face(face: Face, pixels: Pixels) -> FaceMeasures:
    """Return how large, how clear and how sure a face is."""
    height, width = pixels.shape[:2]
    return FaceMeasures(
        share=round(face.height / min(height, width), 3),
        clarity=round(clarity(cut(face, pixels)), 3),
        score=round(face.score, 3),
    )


def advice_on(measures: FaceMeasures) -> tuple[str, ...]:
    """Return the codes of what is not good about a face."""
    advice = {
        "face_small": measures.share < SMALL_SHARE,
        "face_unclear": measures.clarity < UNCLEAR_BELOW,
    }
    return tuple(code for code, applies in advice.items() if applies)


def cut(face: Face, pixels: Pixels) -> Pixels:
    """Return the part of a face's box that lies on the photo: at least one pixel."""
    height, width = pixels.shape[:2]
    left, top = (int(np.clip(v, 0, m - 1)) for v, m in ((face.left, width), (face.top, height)))
    right = int(np.clip(face.left + face.width, left + 1, width))
    bottom = int(np.clip(face.top + face.height, top + 1, height))
    return pixels[top:bottom, left:right]


def clarity(pixels: Pixels) -> float:
    """Return how sharp a cut-out face is, 0 to 1, at one size for all: enlarging adds nothing."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (CLARITY_SIDE, CLARITY_SIDE), interpolation=cv2.INTER_AREA)
    variance = float(cv2.Laplacian(small, cv2.CV_64F).var())
    return variance / (variance + CLARITY_HALF)
