"""Read a zip: its directory is checked as a whole before any file is unpacked.

Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5 and 5.8.
"""

import bz2
import lzma
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from domain.intake import archive_limits as limits
from domain.intake.archive_limits import refused
from domain.ports.archives import Header, Member

_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_ENTRY, _LOCAL = b"PK\x01\x02", b"PK\x03\x04"
_END_FORM, _END64_FORM = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q")
_LOCATOR_FORM = struct.Struct("<4sLQL")
_ENTRY_FORM, _LOCAL_FORM = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_ENCRYPTED = 0x2041
"""Flags: encrypted by any method, or with a hidden directory."""
_STORED, _DEFLATE, _BZIP2, _LZMA = 0, 8, 12, 14
SECONDS_A_BYTE = {_STORED: 1e-9, _DEFLATE: 8e-9, _BZIP2: 100e-9, _LZMA: 60e-9}
"""Time to unpack a byte, by method: an upper bound, by which long work is refused at once."""
_ZIP64_EXTRA, _IN_ZIP64 = 1, 0xFFFFFFFF
_LZMA_HEAD = 9
"""Bytes before LZMA's data: version, length of the properties, and five properties."""


class ZipEntry(NamedTuple):
    """One file of the directory."""

    name: str
    raw_name: bytes
    method: int
    checksum: int
    packed: int
    size: int
    at: int
    """Position of the local header."""


class _Directory(NamedTuple):
    """Where the directory is."""

    at: int
    size: int
    entries: int
    shift: int
    """Bytes before the zip's own first byte; positions in the directory do not count them."""


def is_zip(body: bytes) -> bool:
    """Return whether the file ends as a zip does."""
    return _end_of(body) is not None


def zip_headers(entries: Sequence[ZipEntry]) -> tuple[Header, ...]:
    """Return the header of each file."""
    return tuple(Header(entry.name, entry.size) for entry in entries)


def zip_entries(body: bytes) -> tuple[ZipEntry, ...]:
    """Return the files of the directory; folders are left out.

    Raises:
        ArchiveRefusedError: the directory is too large, or an entry is a link, has a password,
            a method that is not read or a dictionary that is too large, or shares bytes.
        ValueError, struct.error: the zip is damaged.
    """
    directory = _directory(body)
    entries = [entry for entry in _entries(body, directory) if not entry.name.endswith("/")]
    _check_work(entries)
    _check_apart(body, entries, directory.at)
    for entry in entries:
        if entry.method == _LZMA:
            at = _data_at(body, entry)
            _check_dictionary(body[at : at + _LZMA_HEAD])
    return tuple(entries)


def zip_members(body: bytes, entries: Sequence[ZipEntry]) -> Iterator[Member]:
    """Yield each file.

    Raises:
        ValueError, zlib.error, lzma.LZMAError, OSError: the file is damaged.
    """
    for entry in entries:
        at = _data_at(body, entry)
        data = _unpacked(body[at : at + entry.packed], entry)
        if len(data) != entry.size or zlib.crc32(data) != entry.checksum:
            raise ValueError("a file has another size or checksum than announced")
        yield Member(entry.name, data)


def _end_of(body: bytes) -> int | None:
    """Return the position of the record that ends the directory; None without one."""
    at = body.rfind(_END, max(0, len(body) - _MAX_COMMENT - _END_FORM.size))
    return None if at < 0 or at + _END_FORM.size > len(body) else at


def _directory(body: bytes) -> _Directory:
    """Return where the directory is.

    Raises:
        ArchiveRefusedError: it is too large, or the zip has several volumes.
        ValueError: the record is broken.
    """
    end = _end_of(body)
    if end is None:
        raise ValueError("no end of the directory")
    _, disk, first, here, entries, size, offset, _ = _END_FORM.unpack_from(body, end)
    place = end - _LOCATOR_FORM.size
    if place >= 0 and body.startswith(_LOCATOR64, place):
        end, (disk, first, here, entries, size, offset) = _zip64_end(body, place)
    if disk or first or here != entries:
        raise refused("archive_not_taken", "volumes")
    if entries > limits.MAX_ENTRIES:
        raise refused("archive_too_large")
    if size > limits.MAX_DIRECTORY_BYTES:
        raise refused("archive_too_complex", "directory")
    shift = end - size - offset
    if shift < 0:
        raise ValueError("the directory is outside the file")
    return _Directory(end - size, size, entries, shift)


def _zip64_end(body: bytes, locator: int) -> tuple[int, tuple[int, int, int, int, int, int]]:
    """Return the position and the numbers of zip64's own record."""
    end = locator - _END64_FORM.size
    if end < 0 or not body.startswith(_END64, end):
        raise ValueError("zip64's record is missing")
    _, length, _, _, disk, first, here, entries, size, offset = _END64_FORM.unpack_from(body, end)
    if length != _END64_FORM.size - 12:
        raise refused("archive_too_complex", "directory")
    return end, (disk, first, here, entries, size, offset)


def _entries(body: bytes, directory: _Directory) -> Iterator[ZipEntry]:
    """Yield each entry of the directory, folders too."""
    at, end = directory.at, directory.at + directory.size
    for _ in range(directory.entries):
        if at + _ENTRY_FORM.size > end:
            raise ValueError("the directory ends too early")
        fields = _ENTRY_FORM.unpack_from(body, at)
        name_size, extra_size, comment_size = fields[10:13]
        at += _ENTRY_FORM.size
        raw, extra = body[at : at + name_size], body[at + name_size : at + name_size + extra_size]
        at += name_size + extra_size + comment_size
        yield _entry(fields, raw, extra, directory.shift)
    if at != end:
        raise ValueError("the directory has another length than announced")


def _entry(fields: tuple[int, ...], raw: bytes, extra: bytes, shift: int) -> ZipEntry:
    """Return one entry.

    Raises:
        ArchiveRefusedError: it has a password, or is a link or of another volume.
    """
    flags, method, _, _, checksum, packed, size = fields[3:10]
    attributes, offset = fields[15:17]
    if flags & _ENCRYPTED:
        raise refused("archive_unsafe", "encrypted")
    if stat.S_ISLNK(attributes >> 16):
        raise refused("archive_unsafe", "link")
    if fields[13]:
        raise refused("archive_not_taken", "volumes")
    size, packed, offset = _in_zip64(extra, (size, packed, offset))
    name = limits.tidy(limits.decoded_name(raw))
    return ZipEntry(name, raw, method, checksum, packed, size, offset + shift)


def _in_zip64(extra: bytes, numbers: tuple[int, int, int]) -> Iterator[int]:
    """Yield size, packed size and offset; those that are too large for 32 bits from the extra."""
    wide = iter(_zip64_numbers(extra) if _IN_ZIP64 in numbers else ())
    for number in numbers:
        found = next(wide, None) if number == _IN_ZIP64 else number
        if found is None:
            raise ValueError("zip64's numbers are missing")
        yield found


def _zip64_numbers(extra: bytes) -> tuple[int, ...]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64_EXTRA:
            data = extra[at + 4 : at + 4 + size]
            return struct.unpack_from(f"<{len(data) // 8}Q", data)
        at += 4 + size
    return ()


def _check_work(entries: Sequence[ZipEntry]) -> None:
    """Refuse methods that are not read, and work that takes too long.

    Raises:
        ArchiveRefusedError: with the code.
    """
    if any(entry.method not in SECONDS_A_BYTE for entry in entries):
        raise refused("archive_not_taken", "compression")
    seconds = sum(entry.size * SECONDS_A_BYTE[entry.method] for entry in entries)
    if seconds > limits.MAX_UNPACK_SECONDS and _total(entries) <= limits.MAX_UNPACKED_BYTES:
        raise refused("archive_too_complex", "time")


def _total(entries: Sequence[ZipEntry]) -> int:
    return sum(entry.size for entry in entries)


def _check_apart(body: bytes, entries: Sequence[ZipEntry], end: int) -> None:
    """Refuse files that share bytes: a small zip can then unpack to a large one.

    Raises:
        ArchiveRefusedError: with the code ``archive_unsafe``.
    """
    ranges = sorted((entry.at, _data_at(body, entry) + entry.packed) for entry in entries)
    ranges.append((end, end))
    if any(until > start for (_, until), (start, _) in pairwise(ranges)):
        raise refused("archive_unsafe", "overlap")


def _data_at(body: bytes, entry: ZipEntry) -> int:
    """Return the position of a file's data.

    Raises:
        ValueError: the local header is missing or has another name.
    """
    fields = _LOCAL_FORM.unpack_from(body, entry.at)
    at, name_size, extra_size = entry.at + _LOCAL_FORM.size, int(fields[9]), int(fields[10])
    if fields[0] != _LOCAL or body[at : at + name_size] != entry.raw_name:
        raise ValueError("the local header is another one")
    return at + name_size + extra_size


def _check_dictionary(head: bytes) -> None:
    """Refuse an LZMA dictionary that is too large.

    Raises:
        ArchiveRefusedError: with the code ``archive_too_complex``.
    """
    if len(head) < _LZMA_HEAD or head[2:4] != b"\x05\0":
        raise ValueError("LZMA's properties are broken")
    if int.from_bytes(head[5:9], "little") > limits.MAX_DICTIONARY_BYTES:
        raise refused("archive_too_complex", "dictionary")


def _unpacked(data: bytes, entry: ZipEntry) -> bytes:
    """Return the file's bytes, at most one more than announced."""
    if entry.method == _STORED:
        return data
    if entry.method == _DEFLATE:
        return zlib.decompressobj(-15).decompress(data, entry.size + 1)
    if entry.method == _BZIP2:
        return bz2.BZ2Decompressor().decompress(data, entry.size + 1)
    return _lzma(data).decompress(data[_LZMA_HEAD:], entry.size + 1)


def _lzma(data: bytes) -> lzma.LZMADecompressor:
    """Return what unpacks a file with these properties."""
    rest, low = divmod(data[4], 9)
    high, literal = divmod(rest, 5)
    properties = {
        "id": lzma.FILTER_LZMA1,
        "lc": low,
        "lp": literal,
        "pb": high,
        "dict_size": int.from_bytes(data[5:9], "little"),
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[properties])
