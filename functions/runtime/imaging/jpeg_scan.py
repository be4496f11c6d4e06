"""Check a JPEG's structure before a decoder reads it, and keep only what its picture needs.

Metadata, fill bytes and what is behind the picture are left out, so the decoder never sees them.
Source: ITU-T T.81, annexes B (markers) and G (progressive).
"""

import re
from itertools import pairwise
from typing import NamedTuple

from contracts.shared.rejection import PhotoRejectedError

MAX_SEGMENTS = 5000
"""Largest number of marker segments; a film camera's JPEG has a few hundred."""
MAX_SCANS = 64
MAX_SCAN_SAMPLES = 800_000_000
"""Largest number of samples in all scans of a progressive JPEG: its decoding time."""
MAX_COEFFICIENTS = 160_000_000
"""Largest number of coefficients that a decoder keeps at once, of two bytes each."""
MAX_PROFILE_BYTES = 4_000_000
MAX_XMP_BYTES = 65_533

PAD = bytes((37 + 89 * index) % 251 for index in range(48))
"""Bytes that a decoder reads only where a scan's own data ends too early; none is a marker."""

_SOI, _EOI, _SOS, _DRI, _DQT, _DHT = 0xD8, 0xD9, 0xDA, 0xDD, 0xDB, 0xC4
_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = 0xC2
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC8, 0xCC), 0xCD, 0xCE, 0xCF, 0xF7}
"""Lossless, hierarchical, arithmetic-coded, JPEG-LS."""
_ALONE = {0x01, *range(0xD0, 0xD8)}
"""Markers without a segment."""
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FILL = re.compile(rb"\xff\xff+")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_ICC, _XMP, _EXIF = b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/1.0/\0", b"Exif\0\0"
_BITS, _COEFFICIENTS = 8, 64
_MAX_COMPONENTS = 4


class Component(NamedTuple):
    """One colour component of a frame."""

    identifier: int
    samples: int


class Scan(NamedTuple):
    """The header of one scan."""

    components: tuple[int, ...]
    first: int
    last: int
    """The band of coefficients, 0 to 63."""
    low: int
    """The lowest bit that this scan brings."""


class CheckedJpeg(NamedTuple):
    """A JPEG that a decoder may read."""

    width: int
    height: int
    body: bytes
    """The picture and nothing else."""
    padded: bytes
    """The same with PAD at each end of data: it decodes to the same pixels if none is missing."""
    exif: bytes
    xmp: bytes
    profile: bytes | None


class _Parts:
    """What is collected while the markers are read."""

    def __init__(self) -> None:
        self.frame: bytes | None = None
        self.kind = 0
        self.heads: list[bytes] = []
        self.tables: list[bytes] = []
        """Tables, frame and scan headers; each scan's data follows its header."""
        self.data: dict[int, bytes] = {}
        """Data of scans, by their place in ``tables``."""
        self.scans: list[Scan] = []
        self.profiles: list[bytes] = []
        self.exif = self.xmp = b""


def check_jpeg(body: bytes, max_pixels: int) -> CheckedJpeg:
    """Return the JPEG's picture; the time is linear in the file's length.

    Raises:
        PhotoRejectedError: ``damaged_image``, ``format_not_taken``, ``too_many_pixels`` or
            ``too_complex``.
    """
    parts = _read_parts(body)
    if parts.frame is None or not parts.scans:
        raise PhotoRejectedError("damaged_image")
    height, width = _number(parts.frame, 5), _number(parts.frame, 7)
    if not width or not height:
        raise PhotoRejectedError("damaged_image")
    if width * height > max_pixels:
        raise PhotoRejectedError("too_many_pixels")
    components = _components(parts.frame, width, height)
    _check_work(parts, components)
    _check_all_sent(parts, components)
    head = b"\xff\xd8" + b"".join(parts.heads)
    plain = [table + parts.data.get(index, b"") for index, table in enumerate(parts.tables)]
    padded = [
        table + _padded(parts.data[index]) if index in parts.data else table
        for index, table in enumerate(parts.tables)
    ]
    return CheckedJpeg(
        width,
        height,
        body=head + b"".join(plain) + b"\xff\xd9",
        padded=head + b"".join(padded) + b"\xff\xd9",
        exif=parts.exif,
        xmp=parts.xmp[:MAX_XMP_BYTES],
        profile=_joined(parts.profiles),
    )


def _read_parts(body: bytes) -> _Parts:
    """Read the markers up to the end of the picture; what is behind it is left out."""
    parts, at = _Parts(), 2
    for _ in range(MAX_SEGMENTS):
        found = _MARKER.search(body, at)
        if found is None:
            return parts  # without an end mark, which is no loss if all data is there
        marker, at = body[found.end() - 1], found.end()
        if marker == _EOI:
            return parts
        if marker in _ALONE:
            continue
        length = int.from_bytes(body[at : at + 2])
        if marker == _SOI or length < 2 or at + length > len(body):  # noqa: PLR2004 - its own size
            raise PhotoRejectedError("damaged_image")
        segment = b"\xff" + body[at - 1 : at + length]
        at += length
        _keep(parts, marker, segment)
        if marker == _SOS:
            ending = _END_OF_SCAN.search(body, at)
            end = len(body) if ending is None else ending.start()
            parts.data[len(parts.tables) - 1] = _cleaned(body[at:end])
            at = end
    raise PhotoRejectedError("too_complex")


def _keep(parts: _Parts, marker: int, segment: bytes) -> None:
    """Keep a segment that the picture needs, and the metadata that are used."""
    payload = segment[4:]
    if marker in _OTHER_FRAMES:
        raise PhotoRejectedError("format_not_taken")
    if marker in _FRAMES:
        _keep_frame(parts, marker, segment)
    elif marker == _SOS:
        parts.scans.append(_scan(segment))
        parts.tables.append(segment)
    elif marker in {_DQT, _DHT, _DRI}:
        parts.tables.append(segment)
    elif _is_colour_head(marker, payload, parts):
        parts.heads.append(segment)
    elif marker == 0xE1 and payload.startswith(_EXIF):  # noqa: PLR2004 - APP1
        parts.exif = parts.exif or payload
    elif marker == 0xE1 and payload.startswith(_XMP):  # noqa: PLR2004 - APP1
        parts.xmp = parts.xmp or payload
    elif marker == 0xE2 and payload.startswith(_ICC):  # noqa: PLR2004 - APP2
        parts.profiles.append(payload[len(_ICC) :])


def _keep_frame(parts: _Parts, marker: int, segment: bytes) -> None:
    if parts.frame is not None or len(segment) < 10:  # noqa: PLR2004 - a frame's fixed part
        raise PhotoRejectedError("damaged_image")
    if segment[4] != _BITS:
        raise PhotoRejectedError("format_not_taken")
    parts.frame, parts.kind = segment, marker
    parts.tables.append(segment)


def _is_colour_head(marker: int, payload: bytes, parts: _Parts) -> bool:
    """Return whether this is the first JFIF or Adobe segment, which says what the colours are."""
    heads = ((0xE0, b"JFIF"), (0xEE, b"Adobe"))
    return any(
        marker == kind and payload.startswith(name) and not any(name in h for h in parts.heads)
        for kind, name in heads
    )


def _scan(segment: bytes) -> Scan:
    """Return the scan's header."""
    count = segment[4] if len(segment) > 4 else 0  # noqa: PLR2004 - the header's first byte
    if not 1 <= count <= _MAX_COMPONENTS or len(segment) < 8 + 2 * count:
        raise PhotoRejectedError("damaged_image")
    first, last, bits = segment[5 + 2 * count : 8 + 2 * count]
    return Scan(tuple(segment[5 : 5 + 2 * count : 2]), first, last, bits & 15)


def _components(frame: bytes, width: int, height: int) -> dict[int, Component]:
    """Return the frame's components with their number of samples."""
    count = frame[9]
    if not 1 <= count <= _MAX_COMPONENTS or len(frame) < 10 + 3 * count:
        raise PhotoRejectedError("damaged_image")
    rows = [frame[10 + 3 * index : 13 + 3 * index] for index in range(count)]
    factors = [(row[1] >> 4, row[1] & 15) for row in rows]
    widest, tallest = max(h for h, _ in factors), max(v for _, v in factors)
    if min(min(pair) for pair in factors) < 1:
        raise PhotoRejectedError("damaged_image")
    return {
        row[0]: Component(row[0], width * height * h * v // (widest * tallest))
        for row, (h, v) in zip(rows, factors, strict=True)
    }


def _check_work(parts: _Parts, components: dict[int, Component]) -> None:
    """Refuse a JPEG that takes too much time or memory.

    Raises:
        PhotoRejectedError: with the code ``too_complex``.
    """
    if len(parts.scans) == 1 and parts.kind != _PROGRESSIVE:
        return
    samples = sum(
        components[name].samples
        for scan in parts.scans
        for name in scan.components
        if name in components
    )
    kept = sum(component.samples for component in components.values())
    if len(parts.scans) > MAX_SCANS or samples > MAX_SCAN_SAMPLES or kept > MAX_COEFFICIENTS:
        raise PhotoRejectedError("too_complex")


def _check_all_sent(parts: _Parts, components: dict[int, Component]) -> None:
    """Refuse a JPEG whose last scans are missing.

    Raises:
        PhotoRejectedError: with the code ``damaged_image``.
    """
    missing = {(name, at) for name in components for at in range(_COEFFICIENTS)}
    for scan in parts.scans:
        band = range(scan.first, scan.last + 1) if parts.kind == _PROGRESSIVE else range(64)
        if scan.low == 0 or parts.kind != _PROGRESSIVE:
            missing -= {(name, at) for name in scan.components for at in band}
    if missing:
        raise PhotoRejectedError("damaged_image")


def _cleaned(data: bytes) -> bytes:
    """Return a scan's data without fill bytes."""
    return _FILL.sub(b"\xff", data).removesuffix(b"\xff")


def _padded(data: bytes) -> bytes:
    """Return a scan's data with PAD at its end and before every restart marker."""
    starts = [0, *(found.start() for found in _RESTART.finditer(data)), len(data)]
    return b"".join(data[start:end] + PAD for start, end in pairwise(starts))


def _joined(profiles: list[bytes]) -> bytes | None:
    """Return the colour profile, which may be in several segments; None if parts are missing."""
    if sum(map(len, profiles)) > MAX_PROFILE_BYTES:
        raise PhotoRejectedError("damaged_image")
    ordered = sorted(part for part in profiles if len(part) > 2)  # noqa: PLR2004 - two numbers
    if not ordered or ordered[0][1] != len(ordered):
        return None
    return b"".join(part[2:] for part in ordered)


def _number(segment: bytes, at: int) -> int:
    return int.from_bytes(segment[at : at + 2])
