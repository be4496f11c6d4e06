"""The child of runtime.imaging.sandbox: one photo from stdin, one normalised PNG to stdout.

The child first writes an empty line, which says that it has started. Then it writes one line of
JSON with the size and the repairs, or with the code of the refusal. The PNG follows. Limits are set
before the first byte of the photo is read. The module imports only Pillow, its two neighbours and
PhotoRejectedError.
"""

import io
import json
import resource
import sys
import warnings
from contextlib import suppress
from datetime import date
from typing import Any

from PIL import Image, ImageCms, ImageOps

from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.photo_metrics import measure
from runtime.imaging.png_integrity import is_whole

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 20
MAX_ASPECT = 4
ANIMATED = {"PNG", "WEBP", "AVIF"}
"""A JPEG with several frames is a photo with a preview."""

MASK_SIDE = 8
MASK_SKEW = 0.02
"""Largest difference between the aspect ratios of mask and photo: a rounded pixel."""
MASK_WHITE = 128
ORIENTATION, EXIF, TAKEN = 0x0112, 0x8769, 0x9003
_TURNED = range(2, 9)
_WHITE = (255, 255, 255, 255)


def main(order: str) -> None:
    """Decode the photo on stdin and answer on stdout."""
    _limit()
    sys.stdout.buffer.write(b"\n")  # from here on, every failure is about the photo
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
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    image = opened(body, kind)
    check_header(image, min_side)
    if kind == "PNG" and not is_whole(body):
        raise PhotoRejectedError("damaged_image")
    taken = day_of(image)
    large = max(image.size) > max_side
    image.draft(None, (max_side, max_side))
    image.load()
    upright, turned = turn(image)
    rgb, converted = to_srgb(upright)
    rgb.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    if all(low == high for low, high in _extrema(rgb)):
        raise PhotoRejectedError("blank_image")
    repairs = {"rotated": turned, "converted": converted, "downscaled": large}
    codes = [code for code, done in repairs.items() if done]
    out = io.BytesIO()
    clean = Image.frombytes("RGB", rgb.size, rgb.tobytes())
    clean.save(out, "PNG", compress_level=3)
    facts = {"width": clean.width, "height": clean.height, "codes": codes, "taken": taken}
    return {**facts, "metrics": measure(clean)}, out.getvalue()


def normalise_mask(  # noqa: PLR0913 - an order's fields
    body: bytes, *, kind: str, mask_of: list[int], min_side: int, max_side: int, max_pixels: int
) -> tuple[dict[str, Any], bytes]:
    """Return a grey PNG of the photo's size, white where the subject is; see ``normalise``.

    Raises:
        PhotoRejectedError: the mask's aspect ratio differs from the photo's, or no part is white.
    """
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    image = opened(body, kind)
    check_header(image, min(min_side, MASK_SIDE))
    image.draft(None, (max_side, max_side))
    image.load()
    upright, _ = turn(image)
    width, height = mask_of
    if abs(upright.width * height - upright.height * width) > MASK_SKEW * upright.width * height:
        raise PhotoRejectedError("mask_ignored")
    grey = to_grey(upright).resize((width, height), Image.Resampling.BILINEAR)
    if grey.getextrema()[1] < MASK_WHITE:  # type: ignore[operator]  # a pair, for one band
        raise PhotoRejectedError("mask_ignored")
    out = io.BytesIO()
    Image.frombytes("L", grey.size, grey.tobytes()).save(out, "PNG", compress_level=3)
    return {"width": width, "height": height}, out.getvalue()


def to_grey(mask: Image.Image) -> Image.Image:
    """Return a mask as grey; a mask in the alpha channel is taken from there."""
    if "A" in mask.getbands():
        alpha = mask.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return alpha
    return to_srgb(mask)[0].convert("L")


def opened(body: bytes, name: str) -> Image.Image:
    """Return the image with only its header read."""
    if name == "HEIF":
        register_heif()
    try:
        return Image.open(io.BytesIO(body), formats=[name])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PhotoRejectedError("too_many_pixels") from None


def register_heif() -> None:
    """Register the HEIC decoder with Pillow; the decoder turns a photo upright by itself."""
    from pi_heif import register_heif_opener  # noqa: PLC0415 - other photos need not load it

    register_heif_opener(thumbnails=False, decode_threads=1)


def check_header(image: Image.Image, min_side: int) -> None:
    """Check the header before any pixel is decoded.

    Raises:
        PhotoRejectedError: the image is too small, too elongated, or animated.
    """
    if min(image.size) < min_side:
        raise PhotoRejectedError("too_small")
    if max(image.size) > MAX_ASPECT * min(image.size):
        raise PhotoRejectedError("too_elongated")
    if image.format in ANIMATED and getattr(image, "is_animated", False):
        raise PhotoRejectedError("animated_image")


def turn(image: Image.Image) -> tuple[Image.Image, bool]:
    """Apply the EXIF orientation; ignore a broken one."""
    with suppress(Exception):
        if image.getexif().get(ORIENTATION) in _TURNED:
            return ImageOps.exif_transpose(image), True
    return image, False


def day_of(image: Image.Image) -> int | None:
    """Return the EXIF day on which the photo was taken, as an ordinal; None without one."""
    with suppress(Exception):
        taken = str(image.getexif().get_ifd(EXIF)[TAKEN])
        return date(int(taken[:4]), int(taken[5:7]), int(taken[8:10])).toordinal()
    return None


def to_srgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return the image as opaque sRGB, and whether its colours were converted."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):  # 16 bits of grey: scale, where convert() would clip
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        return image.convert("RGB"), True
    if "A" in image.getbands() or "transparency" in image.info:
        opaque = Image.new("RGBA", image.size, _WHITE)
        opaque.alpha_composite(image.convert("RGBA"))
        return _profiled(opaque.convert("RGB"), profile), True
    mode = image.mode
    if mode in {"1", "P", "L", "YCbCr"}:
        image = image.convert("RGB")
    managed = _profiled(image, profile)
    return managed.convert("RGB"), mode != "RGB" or managed is not image


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image in sRGB; the same object when it is sRGB or its profile is unusable."""
    if not profile:
        return image
    with suppress(Exception):
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return image
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        return image if converted is None else converted
    return image


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in image.split()]  # type: ignore[misc]


def _limit() -> None:
    """Set this process's limits, which bound everything that the decoder does."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1])
