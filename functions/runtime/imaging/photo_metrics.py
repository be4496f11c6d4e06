"""Measure a photo in a few figures, cheap enough for every photo. Pillow only."""

from collections.abc import Iterator
from typing import Any

from PIL import Image, ImageFilter, ImageOps, ImageStat

WIDTH = 256
"""Width in pixels at which every photo is measured."""

_EDGES = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
_HASH = 8
_CELLS = 16
_SMALL = 96
_STEP, _STEPS = 0.04, 7
"""Windows have 100 % to 72 % of the photo's sides, and lie 4 % of its sides apart."""


def measure(image: Image.Image) -> dict[str, Any]:
    """Return sharpness, brightness, contrast, fingerprint, views and mirrored of an RGB image.

    Sharpness is the variance of the Laplacian; brightness and contrast are mean and standard
    deviation, 0 to 255; fingerprint is a 64-bit difference hash: similar pictures differ in few
    bits. Views are the colour hashes of 204 windows, the whole photo first; mirrored is that of the
    mirrored photo.
    """
    views, mirrored = colour_views(image)
    grey = image.convert("L")
    small = grey.resize((WIDTH, max(1, round(WIDTH * grey.height / grey.width))))
    light = ImageStat.Stat(small)
    return {
        "sharpness": ImageStat.Stat(small.filter(_EDGES)).var[0],
        "brightness": light.mean[0],
        "contrast": light.stddev[0],
        "fingerprint": fingerprint(grey),
        "views": views,
        "mirrored": mirrored,
    }


def colour_views(image: Image.Image) -> tuple[list[int], int]:
    """Return the colour hash of each window of an RGB image, and that of the mirrored image."""
    small = image.resize((_SMALL, _SMALL), Image.Resampling.BOX)
    views = [colour_hash(small, box) for box in windows()]
    return views, colour_hash(ImageOps.mirror(small), (0, 0, _SMALL, _SMALL))


def windows() -> Iterator[tuple[float, float, float, float]]:
    """Yield the boxes of the windows, in pixels of the small picture; the whole one comes first."""
    step = _STEP * _SMALL
    for smaller in range(_STEPS + 1):
        side = _SMALL - smaller * step
        for column in range(smaller + 1):
            for row in range(smaller + 1):
                left, top = column * step, row * step
                yield left, top, left + side, top + side


def colour_hash(small: Image.Image, box: tuple[float, float, float, float]) -> int:
    """Return 768 bits: for each channel, whether each of 16 x 16 cells is above the mean."""
    cells = small.resize((_CELLS, _CELLS), Image.Resampling.BOX, box=box)
    bits = b""
    for channel, mean in zip(cells.split(), ImageStat.Stat(cells).mean, strict=True):
        table = [0 if value <= mean else 255 for value in range(256)]
        bits += channel.point(table, "1").tobytes()
    return int.from_bytes(bits)


def fingerprint(grey: Image.Image) -> int:
    """Return one bit for each of 8 x 8 cells: whether the cell to its right is brighter."""
    cells = grey.resize((_HASH + 1, _HASH), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(_HASH):
        for column in range(_HASH):
            at = row * (_HASH + 1) + column
            bits = bits << 1 | (cells[at] < cells[at + 1])
    return bits
