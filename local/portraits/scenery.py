"""Draws backgrounds."""

import random

import numpy as np
from PIL import Image, ImageDraw

from local.portraits.moments import BACKGROUNDS, Circumstance
from local.portraits.pen import Pen, shade


def backdrop(moment: Circumstance, side: int) -> Image.Image:
    """Return a background without a person."""
    top, bottom = BACKGROUNDS[moment.background]
    shares = np.linspace(0, 1, side)[:, None, None]
    rows = np.array(top) * (1 - shares) + np.array(bottom) * shares
    image = Image.fromarray(np.broadcast_to(rows, (side, side, 3)).astype(np.uint8))
    pen = Pen(ImageDraw.Draw(image), side)
    rng = random.Random(f"{moment.background} {moment.scenery}")
    scenery = SCENERY.get(moment.background)
    if scenery is not None:
        scenery(pen, rng)
    return image


def draw_sunset(pen: Pen, rng: random.Random) -> None:
    """Draw a low sun over the horizon."""
    pen.ellipse(rng.choice((0.16, 0.84)), 0.3, 0.12, 0.12, (255, 234, 150))
    pen.box(0, 0.72, 1, 1, (96, 54, 110))


def draw_night(pen: Pen, rng: random.Random) -> None:
    """Draw a moon and stars."""
    pen.ellipse(rng.choice((0.13, 0.87)), 0.14, 0.075, 0.075, (250, 246, 214))
    for _ in range(14):
        pen.ellipse(rng.random(), rng.random() * 0.7, 0.008, 0.008, (236, 236, 214))


def draw_beach(pen: Pen, rng: random.Random) -> None:
    """Draw sea and sand."""
    sea = rng.uniform(0.5, 0.56)
    pen.box(0, sea, 1, sea + 0.14, (36, 140, 200))
    pen.box(0, sea + 0.14, 1, 1, (246, 222, 160))


def draw_forest(pen: Pen, rng: random.Random) -> None:
    """Draw firs of several greens."""
    for i in range(7):
        x, top = (i + rng.random()) / 7, rng.uniform(0.05, 0.4)
        green = shade((38, 104, 62), rng.uniform(0.75, 1.25))
        pen.polygon([(x - 0.13, 1), (x + 0.13, 1), (x, top)], green)


def draw_city(pen: Pen, rng: random.Random) -> None:
    """Draw towers with lit windows."""
    for i in range(6):
        left, top = i / 6, rng.uniform(0.15, 0.5)
        pen.box(left, top, left + 0.15, 1, shade((92, 104, 132), rng.uniform(0.75, 1.15)))
        for row in range(3):
            y = top + 0.06 + row * 0.11
            pen.box(left + 0.04, y, left + 0.11, y + 0.045, (252, 226, 140))


SCENERY = {
    "sunset": draw_sunset,
    "night": draw_night,
    "beach": draw_beach,
    "forest": draw_forest,
    "city": draw_city,
}
