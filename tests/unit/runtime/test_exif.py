"""Two facts are read of a photo's EXIF data, at a cost that its sender cannot raise."""

import struct
from datetime import date

import pytest
from PIL import Image

from runtime.imaging.exif import EXIF_FOLDER, MAX_TAGS, ORIENTATION, TAKEN, ExifFacts, read_exif


def exif(orientation: int | None = None, taken: str | None = None) -> bytes:
    made = Image.Exif()
    if orientation is not None:
        made[ORIENTATION] = orientation
    if taken is not None:
        made.get_ifd(EXIF_FOLDER)[TAKEN] = taken
    return made.tobytes()


def test_both_facts_are_read_with_and_without_a_jpeg_s_prefix() -> None:
    data = exif(6, "2019:08:21 10:00:00")
    facts = ExifFacts(6, date(2019, 8, 21).toordinal())
    assert read_exif(data) == facts
    assert read_exif(data.removeprefix(b"Exif\0\0")) == facts


def test_the_other_byte_order_is_read() -> None:
    tags = struct.pack(">HHHIHH", 1, ORIENTATION, 3, 1, 8, 0)
    assert read_exif(b"MM\0*\0\0\0\x08" + tags + bytes(4)).orientation == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"no tiff at all",
        exif(6)[:20],
        exif(taken="2019:13:41 10:00:00"),
    ],
)
def test_what_is_broken_says_nothing(data: bytes) -> None:
    assert read_exif(data) == ExifFacts()


def test_xmp_counts_where_exif_says_nothing() -> None:
    xmp = b'<x tiff:Orientation="3"/>'
    assert read_exif(exif(taken="2019:08:21"), xmp).orientation == 3
    assert read_exif(exif(6), xmp).orientation == 6
    assert read_exif(b"", b"<tiff:Orientation>8</tiff:Orientation>").orientation == 8


def test_tags_behind_the_most_that_are_read_are_left_out() -> None:
    tag = struct.pack("<HHII", 0x9999, 7, 60_000, 8)
    last = struct.pack("<HHIHH", ORIENTATION, 3, 1, 6, 0)
    for count, found in ((MAX_TAGS - 1, 6), (MAX_TAGS, None)):
        head = b"II*\0\x08\0\0\0" + struct.pack("<H", count + 1)
        assert read_exif(head + tag * count + last + bytes(4)).orientation == found
