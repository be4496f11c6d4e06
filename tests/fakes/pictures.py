"""Pictures made by code: each seed gives another one."""

import io
from typing import Any

from PIL import Image


def picture(seed: int = 0, size: tuple[int, int] = (80, 96), mode: str = "RGB") -> Image.Image:
    """Return a picture with a slope in each channel and a corner of its own colour."""
    across = Image.linear_gradient("L").resize(size)
    down = across.transpose(Image.Transpose.ROTATE_90).resize(size)
    flat = Image.new("L", size, (seed * 37) % 256)
    image = Image.merge("RGB", (across, down, flat))
    image.paste((255, 0, 0), (0, 0, size[0] // 4, size[1] // 4))
    return image.convert(mode)


def encoded(image: Image.Image, name: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def jpegs(count: int) -> dict[str, bytes]:
    """Return so many different photos by file name."""
    return {f"photo-{n}.jpg": encoded(picture(n)) for n in range(count)}
