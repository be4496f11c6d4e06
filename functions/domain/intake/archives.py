"""Read photos from an untrusted zip or tar: every header is checked before any content is used.

Nothing is extracted to a disk. A member is a name and its bytes. No archive library reads the
headers: those of Python keep what a hostile header asks for in memory.
"""

import lzma
import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from contracts.errors import ArchiveRefusedError
from contracts.shared.suffixes import ARCHIVE_SUFFIXES, OTHER_ARCHIVE_SUFFIXES, has_suffix
from domain.intake.archive_limits import check_headers, refused
from domain.intake.tar_files import GZIP, is_tar, tar_headers, tar_members
from domain.intake.zip_files import is_zip, zip_entries, zip_headers, zip_members
from domain.ports.archives import Header, Member

_BROKEN = (zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, IndexError, struct.error)
_OTHERS = re.compile(
    rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\xfd7zXZ\x00|BZh[1-9]|\x28\xb5\x2f\xfd|LZIP|MSCF|!<arch>"
    rb"|\x1f\x9d|\x1f\xa0|PK\x07\x08|070701|070707|xar!|\x04\x22\x4d\x18|.{7}\*\*ACE\*\*",
    re.DOTALL,
)
"""7z, rar, xz, bzip2, zstd, lzip, cab, ar, compress, split zips, cpio, xar, lz4 and ACE."""


_ANY_ARCHIVE = (*ARCHIVE_SUFFIXES, *OTHER_ARCHIVE_SUFFIXES)


class OpenedArchive(NamedTuple):
    """An archive whose headers are checked."""

    headers: tuple[Header, ...]
    """The header of each file, in the archive's order."""
    members: Iterator[Member]
    """The files, in the same order; ArchiveRefusedError at one that is damaged."""


def is_archive(name: str) -> bool:
    """Return whether the name has an archive's suffix; the content is checked when it is opened."""
    return has_suffix(name, ARCHIVE_SUFFIXES)


def is_any_archive(name: str) -> bool:
    """Return whether the name is that of an archive, also of a kind that nobody opens."""
    return has_suffix(name, _ANY_ARCHIVE)


def is_other_archive(name: str) -> bool:
    """Return whether the name is that of an archive which nobody opens: of another kind, or inside.

    >>> [is_other_archive(n) for n in ("a.rar", "a.tar.xz", "a.zip/b.zip", "a.zip", "a.tar.gz")]
    [True, True, True, False, False]
    """
    folders = name.lower().split("/")[:-1]
    is_inside = any(is_archive(folder) for folder in folders)
    return (is_inside or not is_archive(name)) and has_suffix(name, _ANY_ARCHIVE)


def open_archive(body: bytes) -> OpenedArchive:
    """Return the archive with its headers checked.

    Raises:
        ArchiveRefusedError: a header is broken, unsafe or too large, or the archive is of a kind
            that is not read.
    """
    try:
        headers, members = _opened(body)
    except _BROKEN as error:
        raise refused("archive_damaged") from error
    check_headers(headers)
    return OpenedArchive(headers, _checked(members))


def _opened(body: bytes) -> tuple[tuple[Header, ...], Iterator[Member]]:
    """Return the headers, and the files by the kind of the archive."""
    if body.startswith(GZIP) or is_tar(body):
        return tar_headers(body), tar_members(body)
    if _OTHERS.match(body):
        raise refused("archive_not_taken", "kind")
    if not is_zip(body):
        raise refused("archive_damaged")
    entries = zip_entries(body)
    return zip_headers(entries), zip_members(body, entries)


def _checked(members: Iterator[Member]) -> Iterator[Member]:
    """Yield the files; say of any fault that the archive is damaged."""
    try:
        yield from members
    except ArchiveRefusedError:
        raise
    except _BROKEN as error:
        raise refused("archive_damaged") from error
