"""Check a WebP's chunks before a decoder reads it, and return its metadata.

Source: RFC 9649, section 2.
"""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.shared.rejection import PhotoRejectedError

MAX_CHUNKS = 1000
_HEAD, _FRAME = 12, 8
_KNOWN = {b"EXIF", b"XMP ", b"ICCP"}


class CheckedWebp(NamedTuple):
    """The metadata of a WebP that a decoder may read."""

    exif: bytes
    xmp: bytes


def check_webp(body: bytes) -> CheckedWebp:
    """Return the metadata.

    Raises:
        PhotoRejectedError: ``damaged_image``, ``too_complex``, or ``animated_image``.
    """
    if _number(body, 4) + _FRAME > len(body):
        raise PhotoRejectedError("damaged_image")
    found: dict[bytes, bytes] = {}
    frames = 0
    for count, (kind, start, end) in enumerate(_chunks(body)):
        if count >= MAX_CHUNKS:
            raise PhotoRejectedError("too_complex")
        frames += kind == b"ANMF"
        if kind in _KNOWN:
            found.setdefault(kind, body[start:end])
    if frames > 1:
        raise PhotoRejectedError("animated_image")
    return CheckedWebp(found.get(b"EXIF", b""), found.get(b"XMP ", b""))


def _chunks(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's kind, and where its data begins and ends.

    Raises:
        PhotoRejectedError: a chunk is longer than the file.
    """
    at, end = _HEAD, _number(body, 4) + _FRAME
    while at + _FRAME <= end:
        start, length = at + _FRAME, _number(body, at + 4)
        if start + length > end:
            raise PhotoRejectedError("damaged_image")
        yield body[at : at + 4], start, start + length
        at = start + length + (length & 1)


def _number(body: bytes, at: int) -> int:
    return int.from_bytes(body[at : at + 4], "little")
