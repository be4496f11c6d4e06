"""What the rules need of whatever opens an untrusted archive."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol


class Member(NamedTuple):
    """One file of an archive."""

    name: str
    body: bytes


class Header(NamedTuple):
    """What an archive's header says of one file."""

    name: str
    size: int
    """Bytes of the unpacked file."""


class OpenArchive(Protocol):
    """An archive whose headers are checked."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """The header of each file, in the archive's order."""
        ...

    def members(self) -> Iterator[Member]:
        """Yield the files, in the same order; once.

        Raises:
            ArchiveRefusedError: a file is damaged, or unpacking takes too long.
        """
        ...


class Archives(Protocol):
    """Opens the archives of one upload; all of them share MAX_ARCHIVE_SECONDS."""

    def open(self, body: bytes) -> AbstractContextManager[OpenArchive]:
        """Open an archive.

        Raises:
            ArchiveRefusedError: a header is broken, unsafe or too large, or the archives of the
                upload take too long.
        """
        ...
