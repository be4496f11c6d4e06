"""Draws shapes through one transformation, so that a picture can have any size.

A point is (x, y) in shares of the picture's side, with y downwards. The transformation rotates and
scales around the bottom of the neck, then shifts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import ImageDraw

from local.portraits.characters import Colour

Point = tuple[float, float]
PIVOT: Point = (0.5, 0.92)


@dataclass(frozen=True)
class Pen:
    """Draws on one canvas of `side` pixels."""

    canvas: ImageDraw.ImageDraw
    side: int
    degrees: float = 0
    zoom: float = 1
    shift: Point = (0, 0)
    turn: Point = field(init=False)

    def __post_init__(self) -> None:
        """Compute the rotation once."""
        angle = math.radians(self.degrees)
        turn = (math.cos(angle) * self.zoom, math.sin(angle) * self.zoom)
        object.__setattr__(self, "turn", turn)

    def place(self, point: Point) -> Point:
        """Return a point's position on the canvas in pixels."""
        x, y = point[0] - PIVOT[0], point[1] - PIVOT[1]
        cos, sin = self.turn
        return (
            (PIVOT[0] + x * cos - y * sin + self.shift[0]) * self.side,
            (PIVOT[1] + x * sin + y * cos + self.shift[1]) * self.side,
        )

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        self.canvas.polygon([self.place(point) for point in points], fill=colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """Fill an ellipse with its centre at (x, y)."""
        self.polygon(oval(x, y, rx, ry), colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a line with round ends; `width` is a share of the side."""
        placed = [self.place(point) for point in points]
        pixels = width * self.zoom * self.side
        self.canvas.line(placed, fill=colour, width=max(1, round(pixels)), joint="curve")
        radius = pixels / 2
        for x, y in (placed[0], placed[-1]):
            self.canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def oval(
    x: float,
    y: float,
    rx: float,
    ry: float,
    start: float = 0,
    end: float = 360,
) -> list[Point]:
    """Return points on an ellipse, clockwise by degrees: 0 is right, 90 is down."""
    count = max(8, int(28 * (end - start) / 360))
    angles = [math.radians(start + (end - start) * i / count) for i in range(count + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def star(x: float, y: float, radius: float) -> list[Point]:
    """Return a star of five rays."""
    reach = [radius if i % 2 == 0 else radius * 0.45 for i in range(10)]
    return [
        (x + r * math.sin(i * math.pi / 5), y - r * math.cos(i * math.pi / 5))
        for i, r in enumerate(reach)
    ]


def heart(x: float, y: float, radius: float) -> list[Point]:
    """Return a heart."""
    points = []
    for i in range(24):
        t = i / 24 * 2 * math.pi
        wide = 16 * math.sin(t) ** 3
        tall = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
        points.append((x + radius * wide / 16, y - radius * tall / 16))
    return points


def shade(colour: Colour, factor: float) -> Colour:
    """Return a colour made darker (below 1) or lighter (above 1)."""
    red, green, blue = (max(0, min(255, round(part * factor))) for part in colour)
    return red, green, blue


def blend(one: Colour, other: Colour, share: float) -> Colour:
    """Return a mix, with `share` of the other colour in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
