"""Generated colour profiles, and the colours that a picture with such a profile must have.

Colours are sRGB triples, 0 to 255; XYZ is relative to D50, as in every ICC profile.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

D50: Triple = (0.96420, 1.0, 0.82491)
SRGB: Matrix = (
    (0.43607, 0.22249, 0.01392),
    (0.38515, 0.71687, 0.09708),
    (0.14307, 0.06061, 0.71410),
)
P3: Matrix = (
    (0.51512, 0.24120, -0.00105),
    (0.29198, 0.69225, 0.04189),
    (0.15710, 0.06657, 0.78407),
)
ADOBE: Matrix = (
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
)
ADOBE_GAMMA = 563 / 256
DARK_CODED, DARK_LIGHT = 0.04045, 0.0031308
"""sRGB's transfer curve is linear below these values."""


class Space(NamedTuple):
    """A colour space with three primaries and one transfer curve."""

    name: str
    primaries: Matrix
    linear: Callable[[float], float]
    """Convert a coded value, 0 to 1, to light."""
    coded: Callable[[float], float]
    """Convert light to a coded value."""


def srgb_linear(value: float) -> float:
    """Return the light of a coded value, both 0 to 1."""
    return value / 12.92 if value <= DARK_CODED else ((value + 0.055) / 1.055) ** 2.4


def srgb_coded(light: float) -> float:
    """Return the coded value of a light, both 0 to 1."""
    return light * 12.92 if light <= DARK_LIGHT else 1.055 * light ** (1 / 2.4) - 0.055


SPACES = (
    Space("Display P3", P3, srgb_linear, srgb_coded),
    Space("Adobe RGB", ADOBE, lambda v: v**ADOBE_GAMMA, lambda v: max(v, 0.0) ** (1 / ADOBE_GAMMA)),
)


def to_xyz(colour: Triple) -> Triple:
    """Return an sRGB colour's XYZ."""
    return mixed(SRGB, tuple(srgb_linear(part / 255) for part in colour))  # type: ignore[arg-type]


def mixed(primaries: Matrix, light: Triple) -> Triple:
    """Return the sum of three primaries, each as bright as its light."""
    x, y, z = (sum(p[i] * part for p, part in zip(primaries, light, strict=True)) for i in range(3))
    return x, y, z


def in_space(colour: Triple, space: Space) -> tuple[int, int, int]:
    """Return an sRGB colour's coded values in another space, 0 to 255."""
    light = solved(space.primaries, to_xyz(colour))
    red, green, blue = (round(255 * space.coded(min(max(part, 0.0), 1.0))) for part in light)
    return red, green, blue


def solved(columns: Matrix, target: Triple) -> Triple:
    """Return the weights of three columns whose sum is the target (Cramer's rule)."""
    whole = determinant(columns)
    replaced = (tuple(target if i == n else c for i, c in enumerate(columns)) for n in range(3))
    first, second, third = (determinant(m) / whole for m in replaced)  # type: ignore[arg-type]
    return first, second, third


def determinant(m: Matrix) -> float:
    """Return the determinant of three columns."""
    (a, b, c), (d, e, f), (g, h, i) = m
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


def difference(one: Triple, other: Triple) -> float:
    """Return the CIE 1976 difference of two sRGB colours; below 2 it is hard to see."""
    pairs = zip(to_lab(one), to_lab(other), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


def to_lab(colour: Triple) -> Triple:
    """Return an sRGB colour's CIELAB coordinates."""
    x, y, z = (
        r ** (1 / 3) if r > 216 / 24389 else (24389 / 27 * r + 16) / 116
        for r in (part / white for part, white in zip(to_xyz(colour), D50, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def profile(space: Space) -> bytes:
    """Return the space as an ICC profile, version 2."""
    name = space.name.encode() + b"\0"
    description = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)
    curve = [round(65535 * space.linear(step / 1023)) for step in range(1024)]
    bend = b"curv" + bytes(4) + struct.pack(">I1024H", 1024, *curve)
    tags = {
        b"desc": description,
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": _xyz(D50),
        **{
            kind: _xyz(p)
            for kind, p in zip((b"rXYZ", b"gXYZ", b"bXYZ"), space.primaries, strict=True)
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), bend),
    }
    at, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for kind, body in tags.items():
        padded = body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", kind, at + len(data), len(body))
        data += padded
    header = struct.pack(
        ">I4sI4s4s4s12s4s", at + len(data), bytes(4), 0x02100000, b"mntr", b"RGB ", b"XYZ ",
        struct.pack(">6H", 2026, 11, 21, 0, 0, 0), b"acsp",
    )  # fmt: skip
    header += bytes(28) + _fixed(D50)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + data


def _xyz(values: Triple) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _fixed(values: Triple) -> bytes:
    return struct.pack(">3i", *(round(value * 65536) for value in values))
