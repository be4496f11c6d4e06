"""Turns a picture upright, as its EXIF data says, however broken the rest of the file is."""

import struct

from PIL import Image

UNREADABLE = (OSError, ValueError, SyntaxError, LookupError, struct.error)
"""What Pillow raises for a damaged file; the last two for a chunk of a PNG that is too short."""

ORIENTATION = 0x0112
"""The EXIF tag."""

UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture with this EXIF orientation upright."""


def turn_upright(image: Image.Image) -> Image.Image:
    """Return a decoded copy, upright.

    Pillow's ``exif_transpose`` writes all tags anew, and raises whatever it likes where one of them
    is not of the type that it should have.
    """
    way = UPRIGHT.get(read_orientation(image) or 1)
    return image.copy() if way is None else image.transpose(way)


def read_orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation; None where the file says none that can be read."""
    try:
        found = image.getexif().get(ORIENTATION)
    except Exception:  # noqa: BLE001 (broken EXIF data fail in many ways)
        return None
    return found if isinstance(found, int) else None
