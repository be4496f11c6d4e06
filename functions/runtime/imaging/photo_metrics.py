"""Measure a photo in four figures, cheap enough for every photo. Pillow only."""

from typing import Any

from PIL import Image, ImageFilter, ImageStat

WIDTH = 256
"""Width in pixels at which every photo is measured."""

_EDGES = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
_HASH = 8


def measure(image: Image.Image) -> dict[str, Any]:
    """Return sharpness, brightness, contrast and fingerprint of an RGB image.

    Sharpness is the variance of the Laplacian; brightness and contrast are mean and standard
    deviation, 0 to 255; fingerprint is a 64-bit difference hash: similar pictures differ in few
    bits.
    """
    grey = image.convert("L")
    small = grey.resize((WIDTH, max(1, round(WIDTH * grey.height / grey.width))))
    light = ImageStat.Stat(small)
    return {
        "sharpness": ImageStat.Stat(small.filter(_EDGES)).var[0],
        "brightness": light.mean[0],
        "contrast": light.stddev[0],
        "fingerprint": fingerprint(grey),
    }


def fingerprint(grey: Image.Image) -> int:
    """Return one bit for each of 8 x 8 cells: whether the cell to its right is brighter."""
    cells = grey.resize((_HASH + 1, _HASH), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(_HASH):
        for column in range(_HASH):
            at = row * (_HASH + 1) + column
            bits = bits << 1 | (cells[at] < cells[at + 1])
    return bits
