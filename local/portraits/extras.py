"""Marks, glasses and accessories, which only some people have."""

from collections.abc import Callable

from local.portraits.characters import Colour
from local.portraits.pen import Point, heart, oval, shade, star
from local.portraits.portrait import GOLD, INK, Portrait

SKY: Colour = (40, 170, 255)
RED: Colour = (232, 30, 64)
PAINT: Colour = (40, 60, 220)


def mark(s: Portrait) -> None:
    """Draw the person's mark."""
    if s.person.mark in MARKINGS:
        x = s.ahead(0.9) + s.person.mark_side * s.fw * 0.58
        MARKINGS[s.person.mark](s, (x, s.y + s.fh * 0.34))


def draw_mole(s: Portrait, at: Point) -> None:
    """Draw a dark spot low on the cheek."""
    s.pen.ellipse(at[0], at[1] + s.fh * 0.08, s.fw * 0.09, s.fw * 0.09, (64, 34, 26))


def draw_freckles(s: Portrait, _at: Point) -> None:
    """Draw five spots on each cheek."""
    for dx, dy in ((-0.2, -0.05), (0, -0.09), (0.2, -0.04), (-0.1, 0.06), (0.11, 0.07)):
        for cheek in (-1, 1):
            spot = s.ahead(0.9) + cheek * s.fw * (0.52 + dx), s.y + s.fh * (0.3 + dy)
            s.pen.ellipse(*spot, s.fw * 0.045, s.fw * 0.045, shade(s.skin, 0.62))


def draw_plaster(s: Portrait, at: Point) -> None:
    """Draw a strip across the cheek."""
    x, y = at
    ends = [(x - s.fw * 0.2, y - s.fh * 0.06), (x + s.fw * 0.2, y + s.fh * 0.06)]
    s.pen.line(ends, 0.046, (244, 170, 128) if s.person.skin != "tan" else (250, 206, 170))


def draw_star(s: Portrait, at: Point) -> None:
    """Draw a golden star."""
    s.pen.polygon(star(at[0], at[1] + s.fh * 0.02, s.fw * 0.34), GOLD)


def draw_heart(s: Portrait, at: Point) -> None:
    """Draw a red heart."""
    s.pen.polygon(heart(at[0], at[1] + s.fh * 0.02, s.fw * 0.27), RED)


def draw_bolt(s: Portrait, at: Point) -> None:
    """Draw a bolt of lightning."""
    bolt = ((0.1, -0.36), (-0.2, 0.06), (0, 0.04), (-0.12, 0.36), (0.22, -0.06), (0.02, -0.04))
    s.pen.polygon([(at[0] + s.fw * dx, at[1] + s.fw * dy) for dx, dy in bolt], SKY)


def draw_stripes(s: Portrait, at: Point) -> None:
    """Draw two strokes of paint on each cheek."""
    y = at[1]
    for cheek in (-1, 1):
        for step in (0, 1):
            a = s.ahead(0.9) + cheek * s.fw * 0.4, y - s.fh * (0.06 - 0.15 * step)
            b = s.ahead(0.9) + cheek * s.fw * 0.8, y - s.fh * (0.1 - 0.15 * step)
            s.pen.line([a, b], 0.024, PAINT)


MARKINGS: dict[str, Callable[[Portrait, Point], None]] = {
    "mole": draw_mole,
    "freckles": draw_freckles,
    "plaster": draw_plaster,
    "star": draw_star,
    "heart": draw_heart,
    "bolt": draw_bolt,
    "stripes": draw_stripes,
}


def glasses(s: Portrait) -> None:
    """Draw round or square frames."""
    if s.person.glasses == "none":
        return
    y, rx = s.y - s.fh * 0.12, s.fw * 0.37
    for side in (-1, 1):
        x = s.ahead(1.1) + side * s.fw * 0.45 * s.person.eye_gap
        if s.person.glasses == "round":
            frame = oval(x, y, rx, rx)
        else:
            left, right, top, bottom = x - rx, x + rx, y - rx * 0.78, y + rx * 0.78
            frame = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        s.pen.line(frame, 0.021, INK)
    gap = s.fw * (0.45 * s.person.eye_gap - 0.36)
    s.pen.line([(s.ahead(1.1) - gap, y), (s.ahead(1.1) + gap, y)], 0.021, INK)


def accessory(s: Portrait) -> None:
    """Draw the accessory, which a person wears in every photo."""
    kind, x = s.person.accessory, s.ahead(0.4)
    if kind == "earrings":
        for side in (-1, 1):
            ear = s.x + side * s.fw * 1.04 + s.ahead(-0.5) - s.x
            s.pen.ellipse(ear, s.y + s.fh * 0.36, s.fw * 0.12, s.fw * 0.14, GOLD)
    elif kind == "headband":
        band = [(px, py - s.fh * 0.12) for px, py in s.outline(1.12, 200, 340)]
        s.pen.line(
            [(px, s.y + (py - s.y) * 0.8 - s.fh * 0.02) for px, py in band], 0.05, (232, 62, 120)
        )
    elif kind == "crown":
        base, top = s.y - s.fh * 0.78, s.y - s.fh * 1.34
        rays = [(-0.66, base), (-0.74, top), (-0.36, base - s.fh * 0.2), (0, top)]
        points = rays + [(-dx, py) for dx, py in reversed(rays[:3])]
        s.pen.polygon([(x + s.fw * dx, py) for dx, py in points], GOLD)
    elif kind == "horns":
        for side in (-1, 1):
            horn = ((0.35, -0.86), (0.8, -0.66), (0.86, -1.36))
            s.pen.polygon(
                [(x + side * s.fw * dx, s.y + s.fh * dy) for dx, dy in horn], (204, 34, 40)
            )
