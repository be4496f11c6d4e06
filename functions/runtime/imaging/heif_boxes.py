"""Check the boxes of a HEIC or AVIF photo before a library reads it, and return its metadata.

Sources: ISO/IEC 14496-12 (boxes, iloc, iinf), ISO/IEC 23008-12 (ispe, grid, ipma).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.shared.rejection import PhotoRejectedError
from runtime.imaging.coded_size import Size, av1_sizes, hevc_sizes
from runtime.imaging.jpeg_scan import PAD

MAX_BOXES = 20_000
MAX_ITEMS = 1000
"""Largest number of items: a phone's photo of 48 megapixels has about 200 tiles."""
MAX_METADATA_BYTES = 1_000_000
MAX_PAD_BYTES = 4_000_000
CODING_UNIT = 128
"""Pixels by which a coded picture may be larger than it is shown: AV1's largest block."""

_CODED = {b"av01", b"hvc1"}
_SHOWN = {*_CODED, b"grid"}


class CheckedHeif(NamedTuple):
    """A HEIC or AVIF photo that a library may read."""

    body: bytes
    """The file; its metadata are there but are no longer announced."""
    padded: bytes | None
    """A HEIC with PAD at the end of its data: it has the same pixels if no data is missing."""
    exif: bytes


@dataclass
class Item:
    """One item of the file: a picture, a tile or metadata."""

    kind: bytes = b""
    kind_at: int = 0
    """Position of the kind in the file."""
    extents: list[tuple[int, int]] = field(default_factory=list)
    """Start and end of the item's parts; positions in the file."""
    place_at: int | None = None
    """Position of the last part's offset and length, if they can be replaced by others."""
    base: int = 0
    """What is added to that offset."""
    properties: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)
    """The items that this one is derived from."""


@dataclass
class Meta:
    """What the meta box says."""

    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    auxiliary: list[tuple[int, int]] = field(default_factory=list)
    """Pairs of an item and the item that it belongs to: an alpha plane and its picture."""
    data_at: int = 0
    """Position of the idat box's content."""


def check_heif(body: bytes, max_pixels: int) -> CheckedHeif:
    """Return the photo.

    Raises:
        PhotoRejectedError: ``damaged_image``, ``animated_image``, ``too_many_pixels`` or
            ``too_complex``.
    """
    try:
        meta = read_meta(body)
        needed = needed_items(meta)
        for item in needed:
            _check_inside(item, body)
            _check_sizes(item, meta, body, max_pixels)
        _check_grid(meta, max_pixels)
    except (ValueError, IndexError, KeyError, struct.error):
        raise PhotoRejectedError("damaged_image") from None
    silenced = _silenced(body, meta)
    coded = [item for item in needed if item.kind == b"hvc1"]
    return CheckedHeif(silenced, _padded(silenced, coded), _exif(body, meta))


def needed_items(meta: Meta) -> list[Item]:
    """Return the main picture, its tiles and its alpha plane.

    Raises:
        PhotoRejectedError: the picture is derived in another way than from tiles.
    """
    main = meta.items[meta.primary]
    names = [meta.primary, *(name for name, of in meta.auxiliary if of == meta.primary)]
    names += [part for name in names for part in meta.items[name].parts]
    found = [meta.items[name] for name in dict.fromkeys(names)]
    if main.kind not in _SHOWN or any(part.kind not in _CODED for part in _tiles(meta)):
        raise PhotoRejectedError("too_complex")
    return [item for item in found if item.kind in _SHOWN]


def _tiles(meta: Meta) -> list[Item]:
    return [meta.items[name] for name in meta.items[meta.primary].parts]


def _check_inside(item: Item, body: bytes) -> None:
    if not item.extents or any(not start < end <= len(body) for start, end in item.extents):
        raise ValueError("the file ends before its picture")


def _check_sizes(item: Item, meta: Meta, body: bytes, max_pixels: int) -> None:
    """Compare the size that the container announces with the size in the bitstream."""
    properties = [meta.properties[index - 1] for index in item.properties if index]
    shown = [struct.unpack_from(">II", data, 4) for kind, data in properties if kind == b"ispe"]
    (width, height), *_ = shown
    if width * height > max_pixels:
        raise PhotoRejectedError("too_many_pixels")
    for size in _coded_sizes(item, properties, body):
        if size.width * size.height > max_pixels + CODING_UNIT * (width + height):
            raise PhotoRejectedError("too_many_pixels")
        if (size.shown_width, size.shown_height) != (width, height):
            raise ValueError("the picture has another size than announced")


def _coded_sizes(item: Item, properties: list[tuple[bytes, bytes]], body: bytes) -> list[Size]:
    """Return every size in the item's bitstream; at least one.

    Raises:
        ValueError: the bitstream has no size.
    """
    if item.kind == b"grid":
        return []
    data = b"".join(body[start:end] for start, end in item.extents)
    if item.kind == b"av01":
        configs = [config[4:] for kind, config in properties if kind == b"av1C"]
        sizes = [size for part in (data, *configs) for size in av1_sizes(part)]
    else:
        configs = [config for kind, config in properties if kind == b"hvcC"]
        sizes = [size for config in configs for size in hevc_sizes(config, data)]
    if not sizes:
        raise ValueError("the bitstream has no size")
    return sizes


def _check_grid(meta: Meta, max_pixels: int) -> None:
    """Refuse a grid of more tiles than its size needs: each is decoded."""
    tiles = _tiles(meta)
    pixels = 0
    for tile in tiles:
        found = (meta.properties[index - 1] for index in tile.properties if index)
        width, height = next(struct.unpack_from(">II", d, 4) for k, d in found if k == b"ispe")
        pixels += width * height
    if pixels > 2 * max_pixels:
        raise PhotoRejectedError("too_complex")


def read_meta(body: bytes) -> Meta:
    """Read the meta box.

    Raises:
        PhotoRejectedError: the file is a film.
        ValueError: a box is broken, or there is no meta box.
    """
    boxes: dict[bytes, tuple[int, int]] = {}
    for kind, start, end in boxes_of(body, 0, len(body)):
        boxes.setdefault(kind, (start, end))
    if b"moov" in boxes:
        raise PhotoRejectedError("animated_image")
    if b"meta" not in boxes:
        raise ValueError("no meta box")
    start, end = boxes[b"meta"]
    meta = Meta()
    readers = {b"pitm": _read_primary, b"iinf": _read_infos, b"iref": _read_references,
               b"iprp": _read_properties, b"idat": _read_data}  # fmt: skip
    inner = list(boxes_of(body, start + 4, end))
    for kind, at, until in inner:
        if kind in readers:
            readers[kind](meta, body, at, until)
    for kind, at, until in inner:
        if kind == b"iloc":  # last: it needs the position of idat
            _read_places(meta, body, at, until)
    if len(meta.items) > MAX_ITEMS:
        raise PhotoRejectedError("too_complex")
    return meta


def boxes_of(body: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's kind, and where its content begins and ends.

    Raises:
        PhotoRejectedError: there are too many boxes.
        ValueError: a box is longer than what it is in.
    """
    for _ in range(MAX_BOXES):
        if at + 8 > end:
            return
        length, kind, start = _number(body, at, 4), body[at + 4 : at + 8], at + 8
        if length == 1:
            length, start = _number(body, at + 8, 8), at + 16
        length = length or end - at
        if length < start - at or at + length > end:
            raise ValueError("a box is longer than the file")
        yield kind, start, at + length
        at += length
    raise PhotoRejectedError("too_complex")


def _read_primary(meta: Meta, body: bytes, at: int, _end: int) -> None:
    meta.primary = _number(body, at + 4, 4 if body[at] else 2)


def _read_data(meta: Meta, _body: bytes, at: int, _end: int) -> None:
    meta.data_at = at


def _read_infos(meta: Meta, body: bytes, at: int, end: int) -> None:
    for kind, start, _ in boxes_of(body, at + (8 if body[at] else 6), end):
        if kind == b"infe" and body[start] >= 2:  # noqa: PLR2004 - the version with a kind
            wide = 4 if body[start] > 2 else 2  # noqa: PLR2004 - version 3
            kind_at = start + 4 + wide + 2
            item = meta.items.setdefault(_number(body, start + 4, wide), Item())
            item.kind, item.kind_at = body[kind_at : kind_at + 4], kind_at


def _read_references(meta: Meta, body: bytes, at: int, end: int) -> None:
    wide = 4 if body[at] else 2
    for kind, start, _ in boxes_of(body, at + 4, end):
        source, count = _number(body, start, wide), _number(body, start + wide, 2)
        places = range(start + wide + 2, start + wide + 2 + count * wide, wide)
        targets = [_number(body, place, wide) for place in places]
        if kind == b"dimg":
            meta.items.setdefault(source, Item()).parts = targets
        elif kind == b"auxl":
            meta.auxiliary += [(source, target) for target in targets]


def _read_properties(meta: Meta, body: bytes, at: int, end: int) -> None:
    for kind, start, until in boxes_of(body, at, end):
        if kind == b"ipco":
            inner = boxes_of(body, start, until)
            meta.properties = [(name, body[first:last]) for name, first, last in inner]
        elif kind == b"ipma":
            _read_associations(meta, body, start)


def _read_associations(meta: Meta, body: bytes, at: int) -> None:
    wide, step = 4 if body[at] else 2, 2 if body[at + 3] & 1 else 1
    count, at = _number(body, at + 4, 4), at + 8
    for _ in range(min(count, MAX_ITEMS + 1)):
        item = meta.items.setdefault(_number(body, at, wide), Item())
        places = range(at + wide + 1, at + wide + 1 + body[at + wide] * step, step)
        item.properties = [
            _number(body, place, step) & (2 ** (8 * step - 1) - 1) for place in places
        ]
        at += wide + 1 + len(places) * step


def _read_places(meta: Meta, body: bytes, at: int, _end: int) -> None:
    """Read iloc: where each item is."""
    version = body[at]
    sizes = body[at + 4] >> 4, body[at + 4] & 15, body[at + 5] >> 4, body[at + 5] & 15
    offset_size, length_size, base_size, index_size = sizes
    wide = 4 if version > 1 else 2
    count, at = _number(body, at + 6, wide), at + 6 + wide
    for _ in range(min(count, MAX_ITEMS + 1)):
        item, at = meta.items.setdefault(_number(body, at, wide), Item()), at + wide
        method, at = (_number(body, at, 2) & 15, at + 2) if version else (0, at)
        base, at = _number(body, at + 2, base_size), at + 2 + base_size
        base += meta.data_at if method == 1 else 0
        parts, at = _number(body, at, 2), at + 2
        for _ in range(parts):
            at += index_size if version else 0
            start = base + _number(body, at, offset_size)
            length = _number(body, at + offset_size, length_size)
            item.base = base
            item.place_at = at if (method, offset_size, length_size) == (0, 4, 4) else None
            at += offset_size + length_size
            item.extents.append((start, start + length if length else len(body)))
            if method > 1 or len(item.extents) > MAX_ITEMS:
                raise PhotoRejectedError("too_complex")


def _silenced(body: bytes, meta: Meta) -> bytes:
    """Return the file with metadata of a kind that no library reads."""
    changed = bytearray(body)
    for item in meta.items.values():
        if item.kind in {b"Exif", b"mime"}:
            changed[item.kind_at : item.kind_at + 4] = b"none"
    return bytes(changed)


def _padded(body: bytes, items: list[Item]) -> bytes | None:
    """Return the photo with other data for these items; None if a place cannot be replaced.

    The lengths of HEVC's units have four bytes in every phone's photo.
    """
    if not items or any(item.place_at is None or len(item.extents) != 1 for item in items):
        return None
    changed, more = bytearray(body), bytearray()
    for item in items:
        (start, end), place = item.extents[0], item.place_at or 0
        data = b"".join(_longer_units(body[start:end]))
        offset = len(body) + 8 + len(more) - item.base
        changed[place : place + 8] = struct.pack(">II", offset, len(data))
        more += data
    return bytes(changed) + struct.pack(">I4s", 8 + len(more), b"mdat") + bytes(more)


def _longer_units(data: bytes) -> Iterator[bytes]:
    """Yield each unit of HEVC's data, with PAD behind it.

    A unit may say in its head where each row of blocks begins, so the rows that are missing must
    find bytes there.
    """
    at = 0
    while at < len(data):
        length = _number(data, at, 4)
        pad = PAD * (min(4 * length, MAX_PAD_BYTES) // len(PAD) + 1)
        yield struct.pack(">I", length + len(pad)) + data[at + 4 : at + 4 + length] + pad
        at += 4 + length


def _exif(body: bytes, meta: Meta) -> bytes:
    """Return the EXIF data, from its TIFF header on; empty when there are none."""
    for item in meta.items.values():
        if item.kind == b"Exif" and item.extents:
            start, end = item.extents[0]
            data = body[start : min(end, start + MAX_METADATA_BYTES)]
            return data[4 + int.from_bytes(data[:4]) :]
    return b""


def _number(body: bytes, at: int, size: int) -> int:
    """Return a number of some bytes, most significant first; 0 of no bytes.

    Raises:
        ValueError: the file ends there.
    """
    if at + size > len(body):
        raise ValueError("the file ends in a box")
    return int.from_bytes(body[at : at + size])
