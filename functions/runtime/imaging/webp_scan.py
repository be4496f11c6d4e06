"""Check a WebP's chunks before a decoder reads it, and return its metadata.

Source: RFC 9649, section 2.
"""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.shared.rejection import PhotoRejectedError

MAX_CHUNKS = 1000
_HEAD, _FRAME = 12, 8
_SIDE = 0x3FFF
_KNOWN = {b"EXIF", b"XMP ", b"ICCP"}


class CheckedWebp(NamedTuple):
    """The metadata of a WebP that a decoder may read."""

    exif: bytes
    xmp: bytes


def check_webp(body: bytes, max_pixels: int) -> CheckedWebp:
    """Return the metadata.

    Raises:
        PhotoRejectedError: ``damaged_image``, ``too_many_pixels``, ``too_complex``, or
            ``animated_image``.
    """
    if _number(body, 4) + _FRAME > len(body):
        raise PhotoRejectedError("damaged_image")
    found: dict[bytes, bytes] = {}
    frames = 0
    for count, (kind, start, end) in enumerate(_chunks(body)):
        if count >= MAX_CHUNKS:
            raise PhotoRejectedError("too_complex")
        frames += kind == b"ANMF"
        width, height = _size(kind, body[start : start + _HEAD])
        if width * height > max_pixels:  # the decoder reserves its memory when it is opened
            raise PhotoRejectedError("too_many_pixels")
        if kind in _KNOWN:
            found.setdefault(kind, body[start:end])
    if frames > 1:
        raise PhotoRejectedError("animated_image")
    return CheckedWebp(found.get(b"EXIF", b""), found.get(b"XMP ", b""))


def _size(kind: bytes, head: bytes) -> tuple[int, int]:
    """Return the size that a chunk announces; nothing for a chunk without one."""
    if kind == b"VP8X":
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return (bits & _SIDE) + 1, (bits >> 14 & _SIDE) + 1
    if kind == b"VP8 ":
        bits = int.from_bytes(head[6:10], "little")
        return bits & _SIDE, bits >> 16 & _SIDE
    return 0, 0


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
