"""Read a tar or tar.gz, header by header; no memory is reserved because a header asks for it.

Sources: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; the GNU tar
manual, "Basic Tar Format"; RFC 1952 (gzip).
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from domain.intake import archive_limits as limits
from domain.intake.archive_limits import refused
from domain.ports.archives import Header, Member

GZIP = b"\x1f\x8b"
_BLOCK = 512
_PIECE = 1 << 18
_SUM, _KIND, _MAGIC, _PREFIX = slice(148, 156), slice(156, 157), slice(257, 263), slice(345, 500)
_SIZE = slice(124, 136)
_FILES, _FOLDER, _LABEL = {b"0", b"\0", b"7"}, b"5", b"V"
_LINKS = {b"1", b"2", b"3", b"4", b"6"}
"""Hard and symbolic links, devices and pipes."""
_PAX, _PAX_FOR_ALL, _LONG_NAME, _LONG_LINK = {b"x", b"X"}, b"g", b"L", b"K"
_EXTENSIONS = {*_PAX, _PAX_FOR_ALL, _LONG_NAME, _LONG_LINK}
_NO_ZERO = re.compile(rb"[^\0]")


@dataclass
class _Extension:
    """What the headers before a header say about it."""

    name: str | None = None
    size: int | None = None
    count: int = 0


class _Stream:
    """The unpacked bytes of a tar, read once from front to back."""

    def __init__(self, body: bytes) -> None:
        self._pieces = _inflated(body) if body.startswith(GZIP) else _pieces(body)
        self._waiting = bytearray()
        self._left = limits.MAX_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end.

        Raises:
            ArchiveRefusedError: the archive unpacks to too many bytes.
        """
        while len(self._waiting) < size and (piece := next(self._pieces, None)) is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise refused("archive_too_large")
            self._waiting += piece
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    def exactly(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            EOFError: there are fewer.
        """
        data = self.read(size)
        if len(data) < size:
            raise EOFError("the tar ends too early")
        return data

    def skip(self, size: int) -> None:
        """Pass over the next bytes."""
        while size > 0:
            size -= len(self.exactly(min(size, _PIECE)))

    def drain(self) -> None:
        """Read to the end: a gzip has its checksum there."""
        while self.read(_PIECE):
            pass


def is_tar(body: bytes) -> bool:
    """Return whether the file begins with a tar's header, or with the end of an empty tar."""
    end = bytes(2 * _BLOCK)
    return len(body) >= _BLOCK and (_has_sum(body[:_BLOCK]) or body.startswith(end))


def tar_headers(body: bytes) -> tuple[Header, ...]:
    """Return the header of each file.

    Raises:
        ArchiveRefusedError: a header is too large, or is no file's or folder's.
        EOFError, ValueError, zlib.error: the tar is damaged.
    """
    stream = _Stream(body)
    headers = []
    for header in _files(stream):
        stream.skip(header.size)
        headers.append(header)
    return tuple(headers)


def tar_members(body: bytes) -> Iterator[Member]:
    """Yield each file; the headers are checked by ``tar_headers`` before."""
    stream = _Stream(body)
    for header in _files(stream):
        yield Member(header.name, stream.exactly(header.size))


def _files(stream: _Stream) -> Iterator[Header]:
    """Yield each file's header; whoever takes it reads the file's bytes from the stream."""
    extension = _Extension()
    files = 0
    for _ in range(limits.MAX_ENTRIES):
        block = stream.exactly(_BLOCK)
        if not _NO_ZERO.search(block):
            stream.drain()
            return
        if not _has_sum(block):
            raise ValueError("a header has a wrong checksum")
        kind, size = block[_KIND], _size(block[_SIZE])
        if kind in _EXTENSIONS:
            extension = _extended(extension, kind, size, stream)
            continue
        name = limits.tidy(extension.name or _name(block))
        header = Header(name, _or(extension.size, size))
        extension = _Extension()
        if not _is_file(kind, header):
            continue
        files += 1
        if files > limits.MAX_MEMBERS or header.size > limits.MAX_MEMBER_BYTES:
            raise refused("archive_too_large")
        yield header
        stream.skip(-header.size % _BLOCK)
    raise refused("archive_too_large")


def _is_file(kind: bytes, header: Header) -> bool:
    """Return whether this is a file's header and not a folder's.

    Raises:
        ArchiveRefusedError: it is a link's, a device's, or one that is not read.
    """
    if kind in _LINKS:
        raise refused("archive_unsafe", "link")
    if kind in {_FOLDER, _LABEL} or (kind == b"\0" and header.name.endswith("/")):
        return False
    if kind not in _FILES:  # sparse files, parts of several volumes
        raise refused("archive_not_taken", "entry")
    return True


def _extended(known: _Extension, kind: bytes, size: int, stream: _Stream) -> _Extension:
    """Return what is known of the next header, with what this header adds.

    Raises:
        ArchiveRefusedError: the header is too large, or is one too many.
    """
    if size > limits.MAX_EXTENSION_BYTES or known.count >= limits.MAX_EXTENSIONS:
        raise refused("archive_too_complex", "extension")
    data = stream.exactly(size)
    stream.skip(-size % _BLOCK)
    name, length = known.name, known.size
    if kind == _LONG_NAME:
        name = limits.decoded_name(data.partition(b"\0")[0])
    elif kind in _PAX:
        records = dict(_records(data))
        if any(key.startswith(b"GNU.sparse") for key in records):
            raise refused("archive_not_taken", "entry")
        name = limits.decoded_name(records[b"path"]) if b"path" in records else name
        length = int(records[b"size"]) if b"size" in records else length
        if length is not None and length < 0:
            raise ValueError("a negative size")
    return _Extension(name, length, known.count + 1)


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each pax record: its length, a blank, key=value, a line's end."""
    at = 0
    while at < len(data) and data[at]:
        blank = data.index(b" ", at, at + 8)
        end = at + int(data[at:blank])
        if not blank < end <= len(data) or data[end - 1 : end] != b"\n":
            raise ValueError("a broken record")
        key, _, value = data[blank + 1 : end - 1].partition(b"=")
        yield key, value
        at = end


def _size(field: bytes) -> int:
    """Return a size, in octal digits or, for a large one, as a number of 256s."""
    if field[0] & 0x80:
        return int.from_bytes(field[1:]) + ((field[0] & 0x7F) << 88)
    return int(field.strip(b" \0") or b"0", 8)


def _name(block: bytes) -> str:
    """Return the name in the header itself."""
    name = block[:100].partition(b"\0")[0]
    prefix = block[_PREFIX].partition(b"\0")[0] if block[_MAGIC] == b"ustar\0" else b""
    return limits.decoded_name(prefix + b"/" + name if prefix else name)


def _has_sum(block: bytes) -> bool:
    """Return whether the header's checksum fits; old writers summed up signed bytes."""
    rest = block[: _SUM.start] + b" " * 8 + block[_SUM.stop :]
    signed = sum(byte - 256 if byte > 127 else byte for byte in rest)  # noqa: PLR2004 - a sign
    try:
        return int(block[_SUM].strip(b" \0") or b"-1", 8) in {sum(rest), signed}
    except ValueError:
        return False


def _or(first: int | None, second: int) -> int:
    return second if first is None else first


def _pieces(body: bytes) -> Iterator[bytes]:
    return (body[at : at + _PIECE] for at in range(0, len(body), _PIECE))


def _inflated(body: bytes) -> Iterator[bytes]:
    """Yield the unpacked pieces of a gzip.

    Raises:
        ArchiveRefusedError: the gzip has too many parts.
        EOFError, zlib.error: the gzip is damaged.
    """
    at = 0
    for _ in range(limits.MAX_PIECES):
        stream, waiting = zlib.decompressobj(wbits=31), b""
        while not stream.eof:
            if not waiting:
                waiting, at = body[at : at + _PIECE], at + _PIECE
            if not waiting:
                raise EOFError("the gzip ends too early")
            yield stream.decompress(waiting, _PIECE)
            waiting = stream.unconsumed_tail
        at = min(at, len(body)) - len(stream.unused_data)
        if not _NO_ZERO.search(body, at):
            return
    raise refused("archive_too_complex", "pieces")
