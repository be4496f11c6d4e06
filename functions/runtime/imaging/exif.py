"""Read two facts of a photo's EXIF data, and nothing else of it.

Pillow copies the value of every tag, and 64 kB of EXIF can have 5,000 tags with one value of 64 kB.
Source: Exif 2.32, sections 4.5 and 4.6; TIFF 6.0, section 2.
"""

import re
import struct
from contextlib import suppress
from datetime import date
from typing import NamedTuple

ORIENTATION, EXIF_FOLDER, TAKEN = 0x0112, 0x8769, 0x9003
MAX_TAGS = 500
"""Largest number of tags that are read in a folder of tags."""

_PREFIX = b"Exif\0\0"
_ENTRY, _SHORT, _LONG, _DAY = 12, 3, 4, 10
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


class ExifFacts(NamedTuple):
    """What is used of a photo's metadata."""

    orientation: int | None = None
    """EXIF's orientation, whatever number stands there."""
    taken: int | None = None
    """The day on which the photo was taken, as an ordinal."""


def read_exif(data: bytes, xmp: bytes = b"") -> ExifFacts:
    """Return the facts; None for one that is missing or broken.

    >>> read_exif(b"", b'<rdf:Description tiff:Orientation="6"/>')
    ExifFacts(orientation=6, taken=None)
    """
    orientation = taken = None
    with suppress(ValueError, IndexError, KeyError, struct.error):
        tiff = data.removeprefix(_PREFIX)
        order = _ORDERS[tiff[:4]]
        (first,) = struct.unpack_from(order + "L", tiff, 4)
        tags = _tags(tiff, order, first)
        orientation = _number(tags.get(ORIENTATION), order)
        taken = _day(tiff, order, _number(tags.get(EXIF_FOLDER), order))
    if orientation is None:
        found = _XMP_ORIENTATION.search(xmp)
        orientation = None if found is None else int(found[1])
    return ExifFacts(orientation, taken)


def _tags(tiff: bytes, order: str, at: int) -> dict[int, bytes]:
    """Return the twelve bytes of each tag of the folder at this offset."""
    (count,) = struct.unpack_from(order + "H", tiff, at)
    starts = (at + 2 + index * _ENTRY for index in range(min(count, MAX_TAGS)))
    entries = (tiff[start : start + _ENTRY] for start in starts)
    return {
        struct.unpack_from(order + "H", entry)[0]: entry
        for entry in entries
        if len(entry) == _ENTRY
    }


def _number(entry: bytes | None, order: str) -> int | None:
    """Return a tag's first number; None when it is missing or no number."""
    if entry is None:
        return None
    kind = struct.unpack_from(order + "H", entry, 2)[0]
    form = {_SHORT: "H", _LONG: "L"}.get(kind)
    return None if form is None else int(struct.unpack_from(order + form, entry, 8)[0])


def _day(tiff: bytes, order: str, folder: int | None) -> int | None:
    """Return the day in the folder of EXIF's own tags; None without one."""
    if folder is None:
        return None
    with suppress(ValueError, IndexError, KeyError, struct.error):
        entry = _tags(tiff, order, folder)[TAKEN]
        (at,) = struct.unpack_from(order + "L", entry, 8)
        text = tiff[at : at + _DAY].decode("ascii")
        return date(int(text[:4]), int(text[5:7]), int(text[8:10])).toordinal()
    return None
