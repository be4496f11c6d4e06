"""The detector for drawn portraits: a linear classifier on histograms of oriented gradients.

The base brings its weights (``faces.safetensors``), made by ``local/embedded_base/faces.py``.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from trainer.faces import Face, Pixels, Point

WEIGHTS_FILE = "faces.safetensors"
WINDOW = 64
MAX_SIDE = 320
"""The longer side in pixels at which faces are detected."""

THRESHOLD = 0.0
"""The smallest score of a face.

Measured on 630 portraits, 60 pairs and 80 empty rooms: every face but one scores more than 0.36,
that one 0.19, and nothing else more than -0.2.
"""

OVERLAP = 0.4
"""The shared part of the smaller box from which on two boxes are one face."""

EYE_SIDE = 288
"""The side in pixels at which the eyes of a face are detected."""

WHITE_ABOVE, GREY_WITHIN, DARK_BELOW = 150, 30, 110
EYE_WIDTHS, EYE_HEIGHTS, EYE_LEVELS = (0.1, 0.36), (0.5, 1.5), (0.25, 0.62)
"""An eye's width and level as shares of the face's box; its height as a share of its width."""


def descriptor() -> "cv2.HOGDescriptor":
    """Return the descriptor of a window of 64 x 64 pixels: 1764 numbers."""
    return cv2.HOGDescriptor((WINDOW, WINDOW), (16, 16), (8, 8), (8, 8), 9)


class DrawnDetector:
    """Detects faces as the embedded base draws them, tilted by up to 10 degrees."""

    def __init__(self, folder: Path) -> None:
        """Read the weights from a base's folder.

        Raises:
            OSError: the file is missing.
        """
        weights = load_file(folder / WEIGHTS_FILE)
        self._hog = descriptor()
        self._hog.setSVMDetector(np.append(weights["weight"], weights["bias"]))

    def find(self, pixels: Pixels) -> list[Face]:
        """Return every face."""
        scale = MAX_SIDE / max(pixels.shape[:2])
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=kind)
        boxes, scores = self._hog.detectMultiScale(
            small, hitThreshold=THRESHOLD, winStride=(8, 8), padding=(16, 16), scale=1.08,
            groupThreshold=0,
        )  # fmt: skip
        boxes, scores = np.reshape(boxes, (-1, 4)).astype(float), np.ravel(scores)
        return [
            self._face(pixels, boxes[i] / scale, float(scores[i]))
            for i in non_maximum_suppression(boxes, scores)
        ]

    def _face(self, pixels: Pixels, box: NDArray[np.float64], score: float) -> Face:
        left, top, width, height = map(float, box)
        return Face(left, top, width, height, score, eyes_in(pixels, (left, top, width, height)))


def non_maximum_suppression(boxes: NDArray[np.float64], scores: NDArray[np.float64]) -> list[int]:
    """Return the indices of the best boxes among those that overlap."""
    remaining, kept = [int(i) for i in np.argsort(-scores)], list[int]()
    while remaining:
        best = remaining.pop(0)
        kept.append(best)
        remaining = [i for i in remaining if shared(boxes[best], boxes[i]) < OVERLAP]
    return kept


def shared(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the share of the smaller box that lies in the other one, 0 to 1."""
    ends = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    common = np.clip(ends - np.maximum(first[:2], second[:2]), 0, None).prod()
    return float(common / min(first[2:].prod(), second[2:].prod()))


def eyes_in(pixels: Pixels, box: tuple[float, float, float, float]) -> tuple[Point, Point] | None:
    """Return a drawn face's eyes: two white shapes with a dark centre."""
    left, top, width, _ = box
    patch = cv2.getRectSubPix(
        pixels, (max(2, round(width)),) * 2, (left + width / 2, top + width / 2)
    )
    scale = EYE_SIDE / patch.shape[1]
    large = cv2.resize(patch, (EYE_SIDE, EYE_SIDE), interpolation=cv2.INTER_CUBIC).astype(int)
    bright, dim = large.max(axis=2), large.min(axis=2)
    white = ((dim > WHITE_ABOVE) & (bright - dim < GREY_WITHIN)).astype(np.uint8)
    dark = bright < DARK_BELOW
    found = [eye for eye in shapes(white) if is_eye(eye, dark)]
    halves = (
        [eye for eye in found if (eye[0] < EYE_SIDE / 2) == is_left] for is_left in (True, False)
    )
    first, second = halves
    if len(first) != 1 or len(second) != 1:
        return None
    corner = (left + width / 2 - patch.shape[1] / 2, top + width / 2 - patch.shape[0] / 2)
    (x1, y1, *_), (x2, y2, *_) = first[0], second[0]
    return (
        (corner[0] + x1 / scale, corner[1] + y1 / scale),
        (corner[0] + x2 / scale, corner[1] + y2 / scale),
    )


def shapes(white: NDArray[np.uint8]) -> list[tuple[float, float, int, int]]:
    """Return centre, width and height of the white shapes in the part of a face where eyes are."""
    closed = cv2.morphologyEx(white, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [cv2.boundingRect(contour) for contour in contours]
    return [
        (x + w / 2, y + h / 2, w, h)
        for x, y, w, h in boxes
        if EYE_LEVELS[0] < (y + h / 2) / EYE_SIDE < EYE_LEVELS[1]
    ]


def is_eye(shape: tuple[float, float, int, int], dark: NDArray[np.bool_]) -> bool:
    """Return whether a shape has the size, the proportions and the pupil of an eye."""
    x, y, width, height = shape
    if not EYE_WIDTHS[0] < width / EYE_SIDE < EYE_WIDTHS[1]:
        return False
    if not EYE_HEIGHTS[0] < height / width < EYE_HEIGHTS[1]:
        return False
    reach = max(2, width // 8)
    middle = dark[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach]
    return bool(2 * middle.sum() > middle.size)
