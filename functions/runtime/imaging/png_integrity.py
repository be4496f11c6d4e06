"""Check that a PNG has all its rows. Pillow shows missing rows as black without an error."""

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE_LENGTH, _FRAME = 8, 12
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PIECE = 1 << 20


def is_whole(body: bytes) -> bool:
    """Whether the pixel stream is as long as the header says.

    An interlaced PNG, whose rows come in seven passes, counts as complete.
    """
    chunks = list(chunks_of(body))
    header = next(data for kind, data in chunks if kind == b"IHDR")
    packed = [data for kind, data in chunks if kind == b"IDAT"]
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    row = 1 + (width * bits * _CHANNELS[colour] + 7) // 8
    return bool(interlaced) or unpacked_length(packed, row * height) >= row * height


def chunks_of(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk's kind and data, up to the end of the file."""
    at = _SIGNATURE_LENGTH
    while at + _FRAME <= len(body):
        (length,) = struct.unpack_from(">I", body, at)
        yield body[at + 4 : at + 8], body[at + 8 : at + 8 + length]
        at += _FRAME + length


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
