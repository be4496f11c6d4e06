"""Drawn pictures, and files of them: what every part of the corpus starts from."""

import io
import random
from typing import Any, TypeAlias

import pillow_heif
from PIL import Image, ImageDraw

SIDE = 96
ORIENTATION = 0x0112
Option: TypeAlias = Any  # whatever Pillow takes


def scene(seed: int = 1, size: tuple[int, int] = (SIDE, SIDE), mode: str = "RGB") -> Image.Image:
    """Draw a picture with many colours and edges."""
    chance = random.Random(seed)  # noqa: S311 - the same picture every time
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        colour = tuple(chance.randrange(256) for _ in range(3))
        draw.ellipse((x - 12, y - 12, x + 12, y + 12), fill=colour)
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Option) -> bytes:
    """Return the picture as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(kind: str = "JPEG", mode: str = "RGB", **options: Option) -> bytes:
    """Return a plain photo as a file."""
    return encoded(scene(mode=mode), kind, **options)


def large(size: tuple[int, int], mode: str = "RGB", seed: int = 1) -> Image.Image:
    """Return a large picture of many equal tiles, which is quick to make."""
    tile = scene(seed, (500, 500))
    image = Image.new("RGB", size)
    for x in range(0, size[0], tile.width):
        for y in range(0, size[1], tile.height):
            image.paste(tile, (x, y))
    return image.convert(mode)


def heic(orientation: int = 1, size: tuple[int, int] = (SIDE, SIDE), mode: str = "RGB") -> bytes:
    """Return a HEIC photo as an iPhone writes it, with an Exif orientation."""
    out, exif, image = io.BytesIO(), Image.Exif(), scene(size=size, mode=mode)
    exif[ORIENTATION] = orientation
    pillow_heif.encode(mode, image.size, image.tobytes(), out, exif=exif.tobytes())
    return out.getvalue()
