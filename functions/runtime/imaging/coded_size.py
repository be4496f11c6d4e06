"""The size of a picture as its own bitstream says it, whatever the container says.

Sources: AV1 Bitstream and Decoding Process Specification, 5.5; ITU-T H.265, 7.3.2.2 and 7.3.3;
ISO/IEC 14496-15, 8.3.3 (hvcC).
"""

from collections.abc import Iterator
from typing import NamedTuple

from runtime.imaging.bits import BitReader


class Size(NamedTuple):
    """The size of a picture in its bitstream, in pixels."""

    width: int
    height: int
    """What a decoder keeps in memory."""
    shown_width: int
    shown_height: int
    """What it returns."""


_SEQUENCE_HEADER = 1
_SPS = 33
_FULL = 3
"""HEVC's number for 4:4:4; 1 is 4:2:0, and 2 is 4:2:2."""
_MAX_UNITS = 1000
_HEAD = 64
"""Bytes of a header that are enough to find the size."""


def av1_sizes(data: bytes) -> list[Size]:
    """Return the largest frame size of each sequence header among these OBUs.

    Raises:
        ValueError: the OBUs are broken.
    """
    return [_av1_size(unit) for kind, unit in _obus(data) if kind == _SEQUENCE_HEADER]


def _obus(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the type and the first bytes of each OBU."""
    at = 0
    for _ in range(_MAX_UNITS):
        if at >= len(data):
            return
        head = data[at]
        at += 2 if head & 4 else 1
        length = len(data) - at
        if head & 2:
            length, at = _leb128(data, at)
        if head & 0x80 or length > len(data) - at:
            raise ValueError("a broken OBU")
        yield head >> 3 & 15, data[at : at + min(length, _HEAD)]
        at += length
    raise ValueError("too many OBUs")


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and the position behind it."""
    value = 0
    for place, byte in enumerate(data[at : at + 8]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:  # noqa: PLR2004 - the last byte
            return value, at + place + 1
    raise ValueError("a broken length")


def _av1_size(unit: bytes) -> Size:
    """Return the largest frame size of a sequence header."""
    bits = BitReader(unit)
    bits.number(4)  # profile, still picture
    if bits.number(1):  # a reduced header
        bits.number(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.number(4) + 1, bits.number(4) + 1
    width, height = bits.number(wide) + 1, bits.number(high) + 1
    return Size(width, height, width, height)


def _skip_operating_points(bits: BitReader) -> None:
    model_bits = None
    if bits.number(1):  # timing
        bits.number(64)
        if bits.number(1):
            bits.golomb()
        if bits.number(1):  # a decoder model
            model_bits = bits.number(5) + 1
            bits.number(42)
    delays = bits.number(1)
    for _ in range(bits.number(5) + 1):
        bits.number(12)
        if bits.number(5) > 7:  # noqa: PLR2004 - levels that have a tier
            bits.number(1)
        if model_bits is not None and bits.number(1):
            bits.number(2 * model_bits + 1)
        if delays and bits.number(1):
            bits.number(4)


def hevc_sizes(config: bytes, data: bytes) -> list[Size]:
    """Return the size of each sequence parameter set in a hvcC box and in a picture's data.

    Raises:
        ValueError: the box or the data is broken.
    """
    wide = (config[21] & 3) + 1
    return [_sps_size(unit) for unit in (*_config_sets(config), *_sets_among(data, wide))]


def _sets_among(data: bytes, wide: int) -> Iterator[bytes]:
    """Yield the sequence parameter sets among units, each behind its length of ``wide`` bytes."""
    at = 0
    while at + wide < len(data):
        start = at + wide
        at = start + int.from_bytes(data[at:start])
        if at > len(data):
            raise ValueError("a unit is longer than the picture")
        if data[start] >> 1 & 63 == _SPS:
            yield data[start : min(at, start + 5 * _HEAD)]


def _config_sets(config: bytes) -> Iterator[bytes]:
    """Yield the sequence parameter sets of a hvcC box."""
    at = 23
    for _ in range(config[22] if len(config) > 22 else 0):  # noqa: PLR2004 - number of arrays
        kind, count = config[at] & 63, int.from_bytes(config[at + 1 : at + 3])
        at += 3
        for _ in range(min(count, _MAX_UNITS)):
            length = int.from_bytes(config[at : at + 2])
            unit, at = config[at + 2 : at + 2 + length], at + 2 + length
            if kind == _SPS:
                yield unit


def _sps_size(unit: bytes) -> Size:
    """Return the size in a sequence parameter set, before and after it is cropped."""
    bits = BitReader(unit[2 : 2 + 4 * _HEAD].replace(b"\0\0\3", b"\0\0"))
    bits.number(4)
    layers = bits.number(3)
    bits.number(1 + 88 + 8)  # nesting; the general profile and level
    flags = [(bits.number(1), bits.number(1)) for _ in range(layers)]
    if layers:
        bits.number(2 * (8 - layers))
    for profile, level in flags:
        bits.number(88 * profile + 8 * level)
    bits.golomb()
    chroma = bits.golomb()
    if chroma == _FULL:
        bits.number(1)
    width, height = bits.golomb(), bits.golomb()
    edges = [bits.golomb() for _ in range(4)] if bits.number(1) else [0] * 4
    across, down = 2 if chroma in {1, 2} else 1, 2 if chroma == 1 else 1
    shown = width - across * (edges[0] + edges[1]), height - down * (edges[2] + edges[3])
    return Size(width, height, *shown)
