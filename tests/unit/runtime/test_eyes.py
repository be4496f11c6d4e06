"""An open eye has a dark disc; the part around an eye is level, however the head is turned."""

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from contracts.shared.people.thresholds import DEFAULTS
from runtime.imaging.eyes import SIDE, SPAN, iris_contrast, part

MIDDLE, WIDTH = (200.0, 200.0), 64.0
CORNER = SIDE / SPAN / 2
"""Distance of an eye's corner from the middle of the part, in its pixels."""


def corners(degrees: float, width: float = WIDTH) -> list[tuple[float, float]]:
    """Return the two corners of an eye around MIDDLE, turned clockwise."""
    across, down = (math.cos(math.radians(degrees)), math.sin(math.radians(degrees)))
    return [
        (MIDDLE[0] + side * across * width / 2, MIDDLE[1] + side * down * width / 2)
        for side in (-1, 1)
    ]


def dot(draw: ImageDraw.ImageDraw, at: tuple[float, float], radius: float, level: int) -> None:
    draw.ellipse([at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius], fill=level)


@pytest.mark.parametrize("degrees", [0, 20, -35, 80])
@pytest.mark.parametrize("width", [40.0, 64.0, 130.0])
def test_the_part_has_the_eyes_corners_level_and_in_their_places(
    degrees: float, width: float
) -> None:
    for side, corner in zip((-1, 1), corners(degrees, width), strict=True):
        image = Image.new("L", (400, 400), 200)
        dot(ImageDraw.Draw(image), corner, width / 16, 0)
        for given in (corners(degrees, width), corners(degrees, width)[::-1]):
            seen = part(image, *given)
            assert seen.shape == (SIDE, SIDE)
            rows, columns = np.nonzero(seen < 100)
            assert rows.mean() + 0.5 == pytest.approx(SIDE / 2, abs=1)
            assert columns.mean() + 0.5 == pytest.approx(SIDE / 2 + side * CORNER, abs=1)


def eye(kind: str) -> Image.Image:
    """Return a face of grey skin with one eye around MIDDLE."""
    image = Image.new("L", (400, 400), 170)
    draw, (x, y) = ImageDraw.Draw(image), MIDDLE
    if kind == "open":
        draw.ellipse([x - 30, y - 13, x + 30, y + 13], fill=210)
        dot(draw, MIDDLE, 11, 40)
    if kind == "closed":
        draw.line([x - 34, y, x + 34, y], fill=60, width=4)
    if kind == "sunglasses":
        draw.ellipse([x - 80, y - 60, x + 80, y + 60], fill=20)
    return image


@pytest.mark.parametrize(
    ("kind", "is_open"), [("open", True), ("closed", False), ("sunglasses", False)]
)
@pytest.mark.parametrize("degrees", [0, 15])
def test_an_iris_is_darker_than_what_is_beside_it(kind: str, is_open: bool, degrees: float) -> None:
    image = eye(kind).rotate(-degrees, center=MIDDLE, fillcolor=170)
    landmarks = corners(degrees)
    found = iris_contrast(image, [*landmarks, *landmarks, (0.0, 0.0)])
    assert (found >= DEFAULTS.min_iris_contrast) == is_open


def test_the_clearer_eye_counts() -> None:
    image = Image.new("L", (800, 400), 170)
    image.paste(eye("open"), (400, 0))
    blank = corners(0)
    seen = [(x + 400, y) for x, y in blank]
    for landmarks in ([*blank, *seen], [*seen, *blank]):
        assert iris_contrast(image, landmarks) >= DEFAULTS.min_iris_contrast
