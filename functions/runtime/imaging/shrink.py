"""Make a decoded photo smaller in strips, so that no second copy of all its pixels is needed."""

import zlib
from collections.abc import Iterator

from PIL import Image

STRIP_ROWS = 256
_WHITE = (255, 255, 255, 255)
_INDEXED = {"1", "P", "L", "YCbCr"}


def shrink(image: Image.Image, max_side: int) -> Image.Image:
    """Return the photo opaque and of 8 bits, at a whole fraction of its size.

    The longer side is then less than twice ``max_side``. The mode is RGB, or the photo's own if it
    needs its colour profile to become RGB.
    """
    factor = max(1, max(image.size) // max_side)
    if factor == 1 and image.mode == "RGB" and "transparency" not in image.info:
        return image
    width, height = (-(-side // factor) for side in image.size)
    small: Image.Image | None = None
    for top, strip in strips(image, factor):
        part = flattened(strip)
        small = small or Image.new(part.mode, (width, height))
        small.paste(part.reduce(factor) if factor > 1 else part, (0, top // factor))
    return image if small is None else small


def strips(image: Image.Image, factor: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Yield the first row of each strip, and the strip; its rows are a multiple of the factor."""
    rows = max(1, STRIP_ROWS // factor) * factor
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        if "transparency" in image.info:
            strip.info["transparency"] = image.info["transparency"]
        yield top, strip


def flattened(image: Image.Image) -> Image.Image:
    """Return the image opaque, on white, and of 8 bits."""
    if image.mode.startswith("I"):  # 16 bits of grey: scale, where convert() would clip
        grey = image.convert("I").point(lambda value: value * (1 / 257))
        return grey.convert("L").convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        opaque = Image.new("RGBA", image.size, _WHITE)
        opaque.alpha_composite(image.convert("RGBA"))
        return opaque.convert("RGB")
    return image.convert("RGB") if image.mode in _INDEXED else image


def checksum(image: Image.Image) -> int:
    """Return a checksum of the pixels."""
    total = 0
    for _, strip in strips(image):
        total = zlib.crc32(strip.tobytes(), total)
    return total
