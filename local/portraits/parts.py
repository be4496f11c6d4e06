"""The parts that every portrait has, drawn back to front."""

import math

from local.portraits.characters import EYES
from local.portraits.moments import SHIRTS
from local.portraits.pen import Point, blend, oval, shade
from local.portraits.portrait import INK, LIP, WHITE, Portrait


def hair_behind(s: Portrait) -> None:
    """Draw the hair behind the head."""
    dark, style = shade(s.hair, 0.82), s.person.hair_style
    if style == "long":
        s.pen.polygon(oval(s.x, s.y - s.fh * 0.1, s.fw * 1.32, s.fh * 1.08, 180, 360), dark)
        s.pen.box(s.x - s.fw * 1.32, s.y - s.fh * 0.12, s.x + s.fw * 1.32, s.y + s.fh * 1.5, dark)
    if style == "bob":
        s.pen.polygon(oval(s.x, s.y - s.fh * 0.1, s.fw * 1.34, s.fh * 1.08, 180, 360), dark)
        s.pen.box(s.x - s.fw * 1.34, s.y - s.fh * 0.12, s.x + s.fw * 1.34, s.y + s.fh * 0.62, dark)
    if style == "curly":
        for i in range(13):
            angle = math.radians(160 + 220 * i / 12)
            x, y = s.x + math.cos(angle) * s.fw * 1.12, s.y - s.fh * 0.2 + math.sin(angle) * s.fh
            s.pen.ellipse(x, y, s.fw * 0.36, s.fw * 0.36, dark)
    if style == "bun":
        s.pen.ellipse(s.x, s.y - s.fh * 1.2, s.fw * 0.44, s.fw * 0.42, dark)


def body(s: Portrait) -> None:
    """Draw neck, shirt and collar."""
    cloth, neck = SHIRTS[s.moment.shirt], shade(s.skin, 0.84)
    top = 0.79
    s.pen.polygon(oval(0.5, top + 0.17, 0.42, 0.17, 180, 360), cloth)
    s.pen.box(0.08, top + 0.165, 0.92, 1.3, cloth)
    s.pen.box(s.x - s.fw * 0.46, s.y + s.fh * 0.4, s.x + s.fw * 0.46, top + 0.02, neck)
    s.pen.polygon(oval(0.5, top + 0.015, s.fw * 0.62, 0.075, 0, 180), shade(cloth, 0.8))
    s.pen.polygon(oval(0.5, top + 0.01, s.fw * 0.46, 0.05, 0, 180), neck)


def head(s: Portrait) -> None:
    """Draw ears, face and cheeks."""
    ear = shade(s.skin, 0.9)
    shift = s.ahead(-0.5) - s.x
    for side in (-1, 1):
        x = s.x + side * s.fw * 1.0 + shift
        s.pen.ellipse(x, s.y + s.fh * 0.08, s.fw * 0.17, s.fh * 0.19, ear)
    s.pen.polygon(s.outline(1, 0, 360), s.skin)
    blush = blend(s.skin, (228, 96, 96), 0.22)
    for side in (-1, 1):
        x = s.ahead(0.9) + side * s.fw * 0.58
        s.pen.ellipse(x, s.y + s.fh * 0.36, s.fw * 0.2, s.fh * 0.12, blush)


def beard(s: Portrait) -> None:
    """Draw a beard, moustache or goatee; the mouth is drawn on it."""
    colour, x = shade(s.hair, 0.86), s.ahead(1.1)
    if s.person.beard == "beard":
        upper = [(s.x - s.fw * 0.7, s.y + s.fh * 0.36), (x, s.y + s.fh * 0.3)]
        s.pen.polygon(
            [*s.outline(1.03, 0, 180), *upper, (s.x + s.fw * 0.7, s.y + s.fh * 0.36)], colour
        )
    if s.person.beard == "goatee":
        s.pen.ellipse(x, s.y + s.fh * 0.82, s.fw * 0.34, s.fh * 0.24, colour)
    if s.person.beard == "moustache":
        for side in (-1, 1):
            s.pen.ellipse(
                x + side * s.fw * 0.2, s.y + s.fh * 0.42, s.fw * 0.26, s.fh * 0.085, colour
            )


def mouth(s: Portrait) -> None:
    """Draw the mouth, which shows the expression."""
    x, y, half = s.ahead(1.1), s.y + s.fh * 0.58, s.fw * 0.42 * s.person.mouth
    lip = blend(LIP, s.skin, 0.1)
    if s.moment.expression == "smiling":
        s.pen.polygon(oval(x, y - s.fh * 0.06, half, s.fh * 0.22, 0, 180), shade(lip, 0.8))
        s.pen.polygon(oval(x, y - s.fh * 0.06, half * 0.84, s.fh * 0.11, 0, 180), WHITE)
    elif s.moment.expression == "neutral":
        s.pen.line([(x - half * 0.75, y), (x + half * 0.75, y)], 0.022, lip)
    elif s.moment.expression == "frowning":
        s.pen.line(oval(x, y + s.fh * 0.13, half * 0.85, s.fh * 0.17, 200, 340), 0.026, lip)
    else:
        s.pen.ellipse(x, y + s.fh * 0.03, s.fw * 0.19, s.fh * 0.16, shade(lip, 0.66))


def nose(s: Portrait) -> None:
    """Draw the nose with its shaded side."""
    x, y, wide = s.ahead(1.6), s.y + s.fh * 0.22, s.fw * 0.13 * s.person.nose
    dark = shade(s.skin, 0.8)
    s.pen.polygon([(s.ahead(1), s.y - s.fh * 0.02), (x + wide, y), (x - wide, y)], dark)
    s.pen.ellipse(x, y, wide, s.fh * 0.055, dark)


def eyes(s: Portrait) -> None:
    """Draw eyes and brows."""
    surprised, frowning = (s.moment.expression == word for word in ("surprised", "frowning"))
    rx, ry = s.fw * 0.24 * s.person.eye_size, s.fh * 0.135 * s.person.eye_size
    ry *= 1.25 if surprised else 0.92 if frowning else 1
    y, iris = s.y - s.fh * 0.12, s.fh * 0.105 * s.person.eye_size
    bare = s.person.hair_style == "bald" and s.person.own_hair is None
    brow = shade((70, 50, 42) if bare else s.hair, 0.66)
    for side in (-1, 1):
        x = s.ahead(1) + side * s.fw * 0.45 * s.person.eye_gap
        s.pen.ellipse(x, y, rx, ry, WHITE)
        look = x + s.moment.yaw * rx * 0.25
        s.pen.ellipse(look, y, iris, iris, EYES[s.person.eyes])
        s.pen.ellipse(look, y, iris * 0.48, iris * 0.48, INK)
        s.pen.ellipse(look + iris * 0.35, y - iris * 0.4, iris * 0.26, iris * 0.26, WHITE)
        height = y - s.fh * (0.36 if surprised else 0.25)
        inner = height + s.fh * (0.11 if frowning else -0.01)
        ends = [(x - side * rx * 0.95, inner), (x + side * rx * 1.05, height + s.fh * 0.02)]
        s.pen.line(ends, 0.02 * s.person.brow, brow)


def hair_before(s: Portrait) -> None:
    """Draw the hair on the head."""
    style = s.person.hair_style
    if style == "bald":
        gleam = blend(s.skin, WHITE, 0.45)
        s.pen.ellipse(s.ahead(0.6) - s.fw * 0.3, s.y - s.fh * 0.72, s.fw * 0.2, s.fh * 0.09, gleam)
    elif style == "mohawk":
        x = s.ahead(0.4)
        strip = [*oval(x, s.y - s.fh * 0.8, s.fw * 0.3, s.fh * 0.62, 180, 360)]
        s.pen.polygon(
            [*strip, (x + s.fw * 0.16, s.y - s.fh * 0.56), (x - s.fw * 0.16, s.y - s.fh * 0.56)],
            s.hair,
        )
    else:
        s.pen.polygon(cap(s), s.hair)
        if style == "spiky":
            spikes(s)


def cap(s: Portrait) -> list[Point]:
    """Return the outline of the hair: over the top, and back along the hairline."""
    low = 10 if s.person.hair_style in ("long", "bob", "curly") else -4
    outer = s.outline(1.1, 180 - low, 360 + low)
    parting, x = s.person.fringe * 0.5, s.ahead(0.7)
    ends = (s.x + s.fw * 0.93, s.y - s.fh * 0.12), (s.x - s.fw * 0.93, s.y - s.fh * 0.12)
    peak = (x + s.fw * parting, s.y - s.fh * 0.72)
    right = (x + s.fw * (parting + 1.0) / 2, s.y - s.fh * 0.5)
    left = (x + s.fw * (parting - 1.0) / 2, s.y - s.fh * 0.5)
    return [*outer, ends[0], right, peak, left, ends[1]]


def spikes(s: Portrait) -> None:
    """Draw spikes of hair on the top."""
    for i in range(7):
        angle = math.radians(195 + 150 * i / 6)
        x, y = math.cos(angle), math.sin(angle)
        foot, tip = (s.x + s.fw * x, s.y + s.fh * y), (s.x + s.fw * 1.4 * x, s.y + s.fh * 1.38 * y)
        across = s.fw * 0.24
        s.pen.polygon(
            [
                (foot[0] + across * y, foot[1] - across * x),
                (foot[0] - across * y, foot[1] + across * x),
                tip,
            ],
            s.hair,
        )
