"""Read photos from an untrusted zip or tar: every header is checked before any content is used.

Nothing is extracted to a disk. A member is a name and its bytes.
"""

import gzip
import io
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple, cast

from contracts.errors import ArchiveRefusedError
from contracts.shared.suffixes import ARCHIVE_SUFFIXES, has_suffix

MAX_ARCHIVE_BYTES = 200_000_000
MAX_UNPACKED_BYTES = 500_000_000
MAX_MEMBER_BYTES = 20_000_000
MAX_MEMBERS = 1000
MAX_NAME = 500

_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError)
_UNREADABLE = (NotImplementedError, RuntimeError)  # a compression or encryption that zipfile lacks


class Member(NamedTuple):
    """One file of an archive."""

    name: str
    body: bytes


class _Header(NamedTuple):
    name: str
    size: int


def is_archive(name: str) -> bool:
    """Whether the name has an archive's suffix; the content is checked when it is opened."""
    return has_suffix(name, ARCHIVE_SUFFIXES)


def members_of(body: bytes) -> Iterator[Member]:
    """Yield the files of the archive, in its order.

    Raises:
        ArchiveRefusedError: before the first file, if a header is unsafe or too large; later, if a
            file's content is damaged.
    """
    try:
        if zipfile.is_zipfile(io.BytesIO(body)):
            yield from _zip_members(body)
        else:
            yield from _tar_members(body)
    except _BROKEN as error:
        raise ArchiveRefusedError(code="archive_damaged") from error
    except _UNREADABLE as error:
        raise ArchiveRefusedError(code="archive_unsafe", reason="unreadable") from error


def _zip_members(body: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        infos = archive.infolist()
        if any(info.flag_bits & _ENCRYPTED for info in infos):
            raise ArchiveRefusedError(code="archive_unsafe", reason="encrypted")
        if any(_is_link(info) for info in infos):
            raise ArchiveRefusedError(code="archive_unsafe", reason="link")
        files = [info for info in infos if not info.is_dir()]
        check_headers(_Header(info.orig_filename, info.file_size) for info in files)
        for info in files:
            with archive.open(info) as file:
                yield Member(info.filename, _bounded(file.read(MAX_MEMBER_BYTES + 1)))


def _tar_members(body: bytes) -> Iterator[Member]:
    with _opened_tar(body) as archive:
        infos = list(_limited(archive))
        if any(not info.isreg() and not info.isdir() for info in infos):
            raise ArchiveRefusedError(code="archive_unsafe", reason="link")
        check_headers(_Header(info.name, info.size) for info in infos if info.isreg())
    with _opened_tar(body) as archive:
        for info in archive:
            file = archive.extractfile(info) if info.isreg() else None
            if file is not None:
                yield Member(info.name, _bounded(file.read(MAX_MEMBER_BYTES + 1)))


def check_headers(headers: Iterable[_Header]) -> None:
    """Check the archive's headers.

    Raises:
        ArchiveRefusedError: the files are too many or too large, or a name is unsafe.
    """
    seen: set[str] = set()
    total = 0
    for count, header in enumerate(headers, start=1):
        total += header.size
        folded = unicodedata.normalize("NFC", header.name).casefold()
        if not is_safe(header.name) or folded in seen:
            raise ArchiveRefusedError(code="archive_unsafe", reason="name")
        if header.size > MAX_MEMBER_BYTES or total > MAX_UNPACKED_BYTES or count > MAX_MEMBERS:
            raise ArchiveRefusedError(code="archive_too_large")
        seen.add(folded)


def is_safe(name: str) -> bool:
    r"""Whether the name stays inside its folder and can be shown.

    >>> [is_safe(n) for n in ("a/b.jpg", "../b.jpg", "/etc/x", "c:x", "a\\b", "a\x00b", "a/./b")]
    [True, False, False, False, False, False, True]
    """
    path = PurePosixPath(name)
    plain = name.isprintable() and not set(name) & {"\\", ":"}
    return 0 < len(name) <= MAX_NAME and plain and not path.is_absolute() and ".." not in path.parts


def _opened_tar(body: bytes) -> tarfile.TarFile:
    packed: io.BufferedIOBase = io.BytesIO(body)
    if body.startswith(b"\x1f\x8b"):
        packed = gzip.GzipFile(fileobj=packed)
    metered = cast("io.BufferedIOBase", _Meter(packed))  # tarfile asks a stream only to read
    return tarfile.open(fileobj=metered, mode="r|")


def _limited(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, info in enumerate(archive):
        if count >= MAX_MEMBERS or info.size > MAX_MEMBER_BYTES:
            raise ArchiveRefusedError(code="archive_too_large")
        yield info


def _is_link(info: zipfile.ZipInfo) -> bool:
    """Whether the Unix mode in the attributes is a symbolic link's."""
    return stat.S_ISLNK(info.external_attr >> 16)


def _bounded(body: bytes) -> bytes:
    """Return the body; refuse one that is longer than a header may claim."""
    if len(body) > MAX_MEMBER_BYTES:
        raise ArchiveRefusedError(code="archive_too_large")
    return body


class _Meter:
    """A stream that refuses to read more bytes than an archive may hold."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            ArchiveRefusedError: the archive holds too many bytes.
        """
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise ArchiveRefusedError(code="archive_too_large")
        return piece
