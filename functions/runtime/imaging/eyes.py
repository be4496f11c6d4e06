"""Whether the eyes of a face are seen: how much darker the iris is than what is beside it.

An open eye has a dark disc between brighter parts: its white, or skin where the gaze goes aside. A
closed lid has a dark line, which goes on left and right; behind sunglasses all is dark. So discs of
several sizes are tried at several places between the corners of the eye.

Source: after Daugman 1993, who finds an iris by a disc against its surroundings.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Point: TypeAlias = tuple[float, float]

SIDE, SPAN = 48, 1.5
"""Side of the part that is looked at: pixels, and distances between the corners of the eye."""

RADII, ACROSS, DOWN = (0.12, 0.16, 0.20), 0.24, 0.08
"""Radii of the discs, and how far their centres lie from the eye's, in the same distances."""

STEP, CORNER, MIN_PIXELS = 0.04, 0.5, 7
BRIGHT = 90
"""Percentile of the brightness that stands for skin."""


def iris_contrast(image: Image.Image, landmarks: Sequence[Point]) -> float:
    """Return the contrast of the clearer eye, as a share of the brightness of the skin.

    Args:
        image: the photo, in grey.
        landmarks: the corners of an eye, those of the other eye, and more points.

    Returns:
        0.16 to 0.45 for open eyes, 0.1 for closed ones, 0 behind sunglasses; docs/faces.md.
    """
    return max(contrast(part(image, *landmarks[n : n + 2])) for n in (0, 2))


def contrast(levels: NDArray[np.float64]) -> float:
    """Return how much darker the best disc is than the brighter half of its two sides is at least.

    Args:
        levels: (SIDE, SIDE), the brightness of the part around an eye.
    """
    discs, left, right = patterns()
    flat = levels.ravel()
    beside = np.minimum(left @ flat, right @ flat)
    skin = float(np.percentile(levels, BRIGHT)) or 1.0
    return float((beside - discs @ flat).max()) / skin


def part(image: Image.Image, one: Point, other: Point) -> NDArray[np.float64]:
    """Return the part around an eye, (SIDE, SIDE), turned until its corners are level."""
    (x1, y1), (x2, y2) = sorted((one, other))
    width = float(np.hypot(x2 - x1, y2 - y1)) or 1.0
    across, down = (x2 - x1) / width, (y2 - y1) / width
    coarse = max(1, int(SPAN * width / SIDE))
    step = SPAN * width / SIDE
    left = (x1 + x2) / 2 - step * SIDE / 2 * (across - down)
    top = (y1 + y2) / 2 - step * SIDE / 2 * (down + across)
    turn = (step * across, -step * down, left, step * down, step * across, top)
    small = image.reduce(coarse)
    scaled = tuple(value / coarse for value in turn)
    seen = small.transform((SIDE, SIDE), Image.Transform.AFFINE, scaled, Image.Resampling.BILINEAR)
    return np.asarray(seen, float)


@lru_cache(maxsize=1)
def patterns() -> tuple[NDArray[np.float64], ...]:
    """Return discs, their left and their right sides, (N, SIDE * SIDE); each row sums to 1."""
    places = (np.arange(SIDE) + 0.5 - SIDE / 2) * SPAN / SIDE
    x, y = np.meshgrid(places, places)
    rows: list[list[NDArray[np.float64]]] = []
    for radius in RADII:
        for down in np.arange(-DOWN, DOWN + STEP / 2, STEP):
            for across in np.arange(-ACROSS, ACROSS + STEP / 2, STEP):
                disc = (x - across) ** 2 + (y - down) ** 2 < (0.85 * radius) ** 2
                away = np.abs(x - across)
                side = (np.abs(y - down) < 0.7 * radius) & (away > 1.3 * radius)
                side &= (away < 2.2 * radius) & (np.abs(x) < CORNER)
                masks = (disc, side & (x < across), side & (x > across))
                if min(mask.sum() for mask in masks) >= MIN_PIXELS:
                    rows.append([mask.ravel() / mask.sum() for mask in masks])
    return tuple(np.stack(column) for column in zip(*rows, strict=True))
