"""OpenCV's Haar cascades, which are part of OpenCV 4's wheel: nothing is downloaded.

For real photos of upright frontal faces. On the embedded base's drawn portraits they find 8 of 100
faces (docs/training.md), so that base brings a detector of its own.
"""

from pathlib import Path

import cv2
import numpy as np

from trainer.faces import Face, Pixels, Point

FACE_FILE, EYE_FILE = "haarcascade_frontalface_alt2.xml", "haarcascade_eye.xml"
MAX_SIDE = 800
"""The longer side in pixels at which faces are detected."""

MIN_FACE_SHARE = 0.06
"""The smallest face, as a share of the photo's shorter side."""

UPPER_HALF = 0.6
"""The upper share of a face's box in which eyes are looked for."""


class HaarDetector:
    """Detects upright frontal faces and their eyes."""

    def __init__(self) -> None:
        folder = Path(cv2.data.haarcascades)
        self._faces = cv2.CascadeClassifier(str(folder / FACE_FILE))
        self._eyes = cv2.CascadeClassifier(str(folder / EYE_FILE))

    def find(self, pixels: Pixels) -> list[Face]:
        """Return every face."""
        scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        min_side = max(24, round(MIN_FACE_SHARE * min(small.shape)))
        boxes, _, weights = self._faces.detectMultiScale3(
            small, 1.1, 4, minSize=(min_side, min_side), outputRejectLevels=True
        )
        return [
            Face(
                x / scale,
                y / scale,
                width / scale,
                height / scale,
                float(weight),
                self._find_eyes(small, (x, y, width, height), scale),
            )
            for (x, y, width, height), weight in zip(boxes, np.ravel(weights), strict=True)
        ]

    def _find_eyes(
        self, grey: Pixels, box: tuple[int, int, int, int], scale: float
    ) -> tuple[Point, Point] | None:
        """Return the two eyes of a face; None unless there is exactly one on each side."""
        left, top, width, height = box
        upper = grey[top : top + round(UPPER_HALF * height), left : left + width]
        found = self._eyes.detectMultiScale(upper, 1.1, 5, minSize=(width // 8, width // 8))
        centres = [(left + x + w / 2, top + y + h / 2) for x, y, w, h in found]
        sides = (
            [(x / scale, y / scale) for x, y in centres if (x < left + width / 2) == is_left]
            for is_left in (True, False)
        )
        one, other = sides
        return (one[0], other[0]) if len(one) == len(other) == 1 else None
