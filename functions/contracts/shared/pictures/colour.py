"""Turns a picture's colours into those of sRGB, as its colour profile says.

Photos at intake and start images at the endpoint are read by this one rule: networks learn and draw
sRGB. A profile that cannot be read is left out, as browsers do.
"""

import io
from itertools import product

from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 4 << 20
"""A larger profile is not read; those of printers have up to 3 MB."""

SAME = 2
"""Largest difference of a channel with which a profile's colours are sRGB's."""

_LEVELS = (0, 36, 73, 110, 146, 183, 219, 255)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a picture in sRGB; the same object where its colours are sRGB's already.

    What is transparent stays so.

    Args:
        image: decoded, of 8 bits.
        profile: the file's ICC profile; None: it has none.
    """
    if not profile or len(profile) > MAX_PROFILE_BYTES:
        return image
    try:
        return _converted(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    except (OSError, UnicodeDecodeError, ImageCms.PyCMSError):  # the second: a broken colour space
        return image


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    space = profile.profile.xcolor_space.strip()
    mode = {"GRAY": "L", "CMYK": "CMYK"}.get(space, "RGB")
    if "CMYK" in {mode, image.mode} and mode != image.mode:
        return image  # the profile of another file
    made = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    if mode == "RGB" and _keeps_colours(made):
        return image
    converted = ImageCms.applyTransform(image.convert(mode), made)
    if converted is None:
        return image
    if alpha is not None:
        converted.putalpha(alpha)
    return converted


def _keeps_colours(made: ImageCms.ImageCmsTransform) -> bool:
    """Return whether a transform of RGB changes no colour so far that it can be seen."""
    colours = bytes(level for colour in product(_LEVELS, repeat=3) for level in colour)
    before = Image.frombytes("RGB", (len(colours) // 3, 1), colours)
    after = ImageCms.applyTransform(before, made)
    if after is None:
        return True
    return all(abs(a - b) <= SAME for a, b in zip(after.tobytes(), colours, strict=True))
