"""Check that a PNG has all its rows, and keep only the chunks that its picture needs.

Pillow shows missing rows as black without an error, and unpacks texts that nobody reads.
Source: the PNG specification, third edition, sections 5 and 11.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from contracts.shared.rejection import PhotoRejectedError

MAX_CHUNKS = 20_000
"""Largest number of chunks; a writer with blocks of 8 kB needs 2,500 for 20 MB."""
MAX_PROFILE_BYTES = 4_000_000
MAX_TEXT_BYTES = 200_000
"""Largest text of which an orientation is read."""

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME = 12
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PIECE = 1 << 20
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # fmt: skip # noqa: E501
"""Adam7's seven passes: first column, first row, and the steps between columns and rows."""
_XMP, _RAW_EXIF = b"XML:com.adobe.xmp\0", b"Raw profile type exif\0"
_PALETTE = 3


class CheckedPng(NamedTuple):
    """A PNG that a decoder may read."""

    width: int
    height: int
    body: bytes
    """The picture and nothing else."""
    exif: bytes
    xmp: bytes
    profile: bytes | None


def check_png(body: bytes, max_pixels: int) -> CheckedPng:
    """Return the PNG's picture.

    Raises:
        PhotoRejectedError: ``damaged_image``, ``format_not_taken``, ``animated_image``,
            ``too_many_pixels`` or ``too_complex``.
    """
    found: dict[bytes, list[bytes]] = {}
    for kind, data in checked_chunks(body):
        found.setdefault(kind, []).append(data)
    if b"CgBI" in found:  # Apple's own variant, which only iOS reads
        raise PhotoRejectedError("format_not_taken")
    (header,) = found.get(b"IHDR", [b""])
    if len(header) != 13 or b"IDAT" not in found:  # noqa: PLR2004 - the header's length
        raise PhotoRejectedError("damaged_image")
    width, height = struct.unpack_from(">II", header)
    if width * height > max_pixels:
        raise PhotoRejectedError("too_many_pixels")
    if any(int.from_bytes(data[:4]) > 1 for data in found.get(b"acTL", [])):
        raise PhotoRejectedError("animated_image")
    if header[9] == _PALETTE and b"PLTE" not in found:
        raise PhotoRejectedError("damaged_image")
    needed = rows_length(header)
    if not needed or unpacked_length(found[b"IDAT"], needed) < needed:
        raise PhotoRejectedError("damaged_image")
    return CheckedPng(
        width,
        height,
        rebuilt(header, found),
        exif=_exif(found),
        xmp=_text(found.get(b"iTXt", []), _XMP),
        profile=_profile(found.get(b"iCCP", [])),
    )


def checked_chunks(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks that can be used, up to the end of the picture.

    Raises:
        PhotoRejectedError: a chunk of the picture has a wrong checksum, or there are too many.
    """
    for count, (kind, data, whole) in enumerate(chunks_of(body)):
        if count >= MAX_CHUNKS:
            raise PhotoRejectedError("too_complex")
        if whole:
            yield kind, data
        elif kind[:1].isupper():  # the picture cannot be shown without it
            raise PhotoRejectedError("damaged_image")
        if kind == b"IEND":
            return


def chunks_of(body: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield each chunk's kind and data, and whether its checksum fits, up to the file's end."""
    at = len(SIGNATURE)
    while at + _FRAME <= len(body):
        (length,) = struct.unpack_from(">I", body, at)
        kind, data = body[at + 4 : at + 8], body[at + 8 : at + 8 + length]
        check = body[at + 8 + length : at + _FRAME + length]
        yield kind, data, check == zlib.crc32(data, zlib.crc32(kind)).to_bytes(4)
        at += _FRAME + length


def rows_length(header: bytes) -> int:
    """Return the bytes of all rows, each with its filter; 0 for a header that is not valid."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    depth = bits * _CHANNELS.get(colour, 0)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = (
        ((width - left + step - 1) // step, (height - top + leap - 1) // leap)
        for left, top, step, leap in passes
    )
    rows = ((1 + (columns * depth + 7) // 8) * lines for columns, lines in sizes if columns > 0)
    return sum(rows) if depth and width and height else 0


def unpacked_length(pieces: list[bytes], enough: int) -> int:
    """Return the length of the unpacked stream; stop counting when there are enough bytes."""
    stream = zlib.decompressobj()
    length = 0
    for piece in pieces:
        waiting = piece
        while waiting and length < enough:
            length += len(stream.decompress(waiting, _PIECE))
            waiting = stream.unconsumed_tail
    return length


def rebuilt(header: bytes, found: dict[bytes, list[bytes]]) -> bytes:
    """Return a PNG of the chunks that make the picture."""
    chunks = [(b"IHDR", header)]
    chunks += [(kind, found[kind][0]) for kind in (b"PLTE", b"tRNS") if kind in found]
    chunks += [(b"IDAT", data) for data in found[b"IDAT"]]
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in [*chunks, (b"IEND", b"")])


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return len(data).to_bytes(4) + kind + data + check.to_bytes(4)


def _profile(chunks: list[bytes]) -> bytes | None:
    """Return the colour profile.

    Raises:
        PhotoRejectedError: the profile unpacks to more than a profile has.
    """
    if not chunks:
        return None
    packed = chunks[0].partition(b"\0")[2][1:]
    try:
        profile = zlib.decompressobj().decompress(packed, MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return None
    if len(profile) > MAX_PROFILE_BYTES:
        raise PhotoRejectedError("damaged_image")
    return profile


def _exif(found: dict[bytes, list[bytes]]) -> bytes:
    """Return the EXIF data of its own chunk, or of the text in which ImageMagick keeps it."""
    if b"eXIf" in found:
        return found[b"eXIf"][0]
    text = _text(found.get(b"tEXt", []), _RAW_EXIF)
    packed = _text(found.get(b"zTXt", []), _RAW_EXIF)
    try:
        text = text or zlib.decompressobj().decompress(packed[1:], MAX_TEXT_BYTES)
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except (ValueError, zlib.error):
        return b""


def _text(chunks: list[bytes], name: bytes) -> bytes:
    """Return the text of this name; empty when there is none, or it is too long."""
    texts = (data[len(name) :] for data in chunks if data.startswith(name))
    return next((text for text in texts if len(text) <= MAX_TEXT_BYTES), b"")
