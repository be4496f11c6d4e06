"""The child of runtime.imaging.sandbox: one photo from stdin, one normalised PNG to stdout.

The child first writes an empty line, which says that it has started. Then it writes one line of
JSON with the size and the repairs, or with the code of the refusal. The PNG follows. Limits are set
before the first byte of the photo is read. The module imports only Pillow, its neighbours, two
limits, the rules of colours and EXIF orientations, and PhotoRejectedError.
"""

import io
import json
import sys
import warnings
from typing import Any

from PIL import Image

from contracts.shared.limits import MAX_PHOTO_SECONDS
from contracts.shared.pictures.colour import to_srgb
from contracts.shared.pictures.upright import UPRIGHT
from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.child_limits import STARTED, limit_process
from runtime.imaging.photo_metrics import measure
from runtime.imaging.sources import Source, check_header, open_photo

MEMORY_BYTES = 1024 * 1024 * 1024
MASK_SIDE = 8
MASK_SKEW = 0.02
"""Largest difference between the aspect ratios of mask and photo: a rounded pixel."""
MASK_WHITE = 128


def main(order: str) -> None:
    """Decode the photo on stdin and answer on stdout."""
    limit_process(MEMORY_BYTES, MAX_PHOTO_SECONDS)
    sys.stdout.buffer.write(STARTED)  # from here on, every failure is about the photo
    sys.stdout.buffer.flush()
    facts, png = answer(sys.stdin.buffer.read(), json.loads(order))
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + png)


def answer(body: bytes, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return the photo's facts and PNG, or the code of the refusal; never raise."""
    try:
        return normalise_mask(body, **order) if "mask_of" in order else normalise(body, **order)
    except PhotoRejectedError as refusal:
        return {"refused": refusal.code}, b""
    except MemoryError:
        return {"refused": "too_complex"}, b""
    except Exception:  # noqa: BLE001 - a decoder may fail in any way on a hostile file
        return {"refused": "damaged_image"}, b""


def normalise(
    body: bytes,
    *,
    kind: str,
    min_side: int,
    max_side: int,
    max_pixels: int,
) -> tuple[dict[str, Any], bytes]:
    """Return the photo's facts and its PNG: upright, sRGB, opaque, without metadata.

    Raises:
        PhotoRejectedError: with the code.
    """
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    source = open_photo(body, kind, max_pixels)
    check_header(source.image, min_side)
    width, height, mode = *source.image.size, source.image.mode
    upright, turned = turn(source.decoded(max_side), source.facts.orientation)
    managed = to_srgb(upright, source.profile)
    rgb = managed.convert("RGB")
    rgb.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if all(low == high for low, high in _extrema(rgb)):
        raise PhotoRejectedError("blank_image")
    converted = managed is not upright or mode != "RGB" or "transparency" in source.image.info
    large = max(width, height) > max_side
    repairs = {"rotated": turned, "converted": converted, "downscaled": large}
    codes = [code for code, done in repairs.items() if done]
    facts = {"width": rgb.width, "height": rgb.height, "codes": codes}
    facts |= {"taken": source.facts.taken, "metrics": measure(rgb)}
    return facts, png_of(rgb)


def normalise_mask(  # noqa: PLR0913 - an order's fields
    body: bytes, *, kind: str, mask_of: list[int], min_side: int, max_side: int, max_pixels: int
) -> tuple[dict[str, Any], bytes]:
    """Return a grey PNG of the photo's size, white where the subject is; see ``normalise``.

    Raises:
        PhotoRejectedError: the mask's aspect ratio differs from the photo's, or no part is white.
    """
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    source = open_photo(body, kind, max_pixels)
    check_header(source.image, min(min_side, MASK_SIDE))
    upright, _ = turn(mask_pixels(source, max_side), source.facts.orientation)
    width, height = mask_of
    if abs(upright.width * height - upright.height * width) > MASK_SKEW * upright.width * height:
        raise PhotoRejectedError("mask_ignored")
    grey = upright.resize((width, height), Image.Resampling.BILINEAR)
    if grey.getextrema()[1] < MASK_WHITE:  # type: ignore[operator]  # a pair, for one band
        raise PhotoRejectedError("mask_ignored")
    return {"width": width, "height": height}, png_of(grey)


def png_of(image: Image.Image) -> bytes:
    """Return the image's pixels as a PNG, and nothing else of the image."""
    out = io.BytesIO()
    clean = Image.frombytes(image.mode, image.size, image.tobytes())
    clean.save(out, "PNG", compress_level=3)
    return out.getvalue()


def mask_pixels(source: Source, max_side: int) -> Image.Image:
    """Return a mask as grey; a mask in the alpha channel is taken from there."""
    decoded = source.decoded(max_side)
    if "A" in source.image.getbands():
        alpha = source.image.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha
    return to_srgb(decoded, source.profile).convert("L")


def turn(image: Image.Image, orientation: int | None) -> tuple[Image.Image, bool]:
    """Apply the EXIF orientation; ignore a broken one."""
    way = None if orientation is None else UPRIGHT.get(orientation)
    return (image, False) if way is None else (image.transpose(way), True)


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in image.split()]  # type: ignore[misc]


if __name__ == "__main__":
    main(sys.argv[1])
