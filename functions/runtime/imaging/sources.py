"""Open a photo of each format: checked, without metadata, and with only its header read."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL import Image

from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.exif import ExifFacts, read_exif
from runtime.imaging.heif_boxes import check_heif
from runtime.imaging.jpeg_scan import check_jpeg
from runtime.imaging.png_integrity import check_png
from runtime.imaging.shrink import checksum, shrink
from runtime.imaging.webp_scan import check_webp

MAX_PIXELS_OF = {"WEBP": 24_000_000, "AVIF": 24_000_000}
"""Largest number of pixels of formats that are decoded whole; others only have the common limit."""

MAX_HEIC_PIXELS_TWICE = 16_000_000
"""Largest number of pixels of a HEIC that is decoded twice to find missing data."""

MAX_ASPECT = 4
ANIMATED = {"PNG", "WEBP", "AVIF", "HEIF"}
"""A JPEG with several frames is a photo with a preview."""


@dataclass
class Source:
    """A photo whose header was read."""

    image: Image.Image
    facts: ExifFacts = field(default_factory=ExifFacts)
    profile: bytes | None = None
    padded: bytes | None = None
    """A file that has the same pixels if no data is missing."""

    def decoded(self, max_side: int) -> Image.Image:
        """Return the pixels, opaque, at the size at which they are needed or up to twice it.

        Raises:
            PhotoRejectedError: rows are missing.
        """
        wanted = None if self.padded is None else self._checksum_of(self.padded, max_side)
        _draft(self.image, max_side)
        if wanted is not None and checksum(self.image) != wanted:
            raise PhotoRejectedError("damaged_image")
        return shrink(self.image, max_side)

    def _checksum_of(self, body: bytes, max_side: int) -> int:
        image = Image.open(io.BytesIO(body), formats=[str(self.image.format)])
        _draft(image, max_side)
        return checksum(image)


def open_photo(body: bytes, kind: str, max_pixels: int) -> Source:
    """Return the photo with only its header read.

    Raises:
        PhotoRejectedError: with the code.
    """
    limit = min(max_pixels, MAX_PIXELS_OF.get(kind, max_pixels))
    with pillow_limit(limit):
        return _OPENERS[kind](body, limit)


@contextmanager
def pillow_limit(pixels: int) -> Iterator[None]:
    """Let Pillow warn of larger pictures inside the block; the limit is the whole process's."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


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


def _open_jpeg(body: bytes, max_pixels: int) -> Source:
    checked = check_jpeg(body, max_pixels)
    image = _opened(checked.body, "JPEG")
    facts = read_exif(checked.exif, checked.xmp)
    return Source(image, facts, checked.profile, checked.padded)


def _open_png(body: bytes, max_pixels: int) -> Source:
    checked = check_png(body, max_pixels)
    return Source(
        _opened(checked.body, "PNG"), read_exif(checked.exif, checked.xmp), checked.profile
    )


def _open_webp(body: bytes, max_pixels: int) -> Source:
    checked = check_webp(body, max_pixels)
    image = _opened(body, "WEBP")
    return Source(image, read_exif(checked.exif, checked.xmp), image.info.get("icc_profile"))


def _open_avif(body: bytes, max_pixels: int) -> Source:
    """Open an AVIF; Pillow gives the turn that its boxes ask for as EXIF data of its own."""
    checked = check_heif(body, max_pixels)
    image = _opened(checked.body, "AVIF")
    turned = read_exif(image.info.get("exif", b"")).orientation
    facts = ExifFacts(turned, read_exif(checked.exif).taken)
    return Source(image, facts, image.info.get("icc_profile"))


def _open_heif(body: bytes, max_pixels: int) -> Source:
    """Open a HEIC; the decoder turns a photo upright by itself."""
    from pi_heif import register_heif_opener  # noqa: PLC0415 - other photos need not load it

    checked = check_heif(body, max_pixels)
    register_heif_opener(thumbnails=False, decode_threads=1)
    image = _opened(checked.body, "HEIF")
    facts = ExifFacts(None, read_exif(checked.exif).taken)
    twice = image.width * image.height <= MAX_HEIC_PIXELS_TWICE
    profile = image.info.get("icc_profile")
    return Source(image, facts, profile, checked.padded if twice else None)


_OPENERS: dict[str, Callable[[bytes, int], Source]] = {
    "JPEG": _open_jpeg,
    "PNG": _open_png,
    "WEBP": _open_webp,
    "AVIF": _open_avif,
    "HEIF": _open_heif,
}


def _opened(body: bytes, name: str) -> Image.Image:
    """Return the image with only its header read."""
    try:
        return Image.open(io.BytesIO(body), formats=[name])
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PhotoRejectedError("too_many_pixels") from None


def _draft(image: Image.Image, max_side: int) -> None:
    """Decode the image; a JPEG at the smallest scale that is large enough."""
    image.draft(None, (max_side, max_side))
    image.load()
