"""The limits of an archive, and the check of its files' names and sizes."""

import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from contracts.errors import ArchiveRefusedError
from domain.ports.archives import Header

MAX_ARCHIVE_BYTES = 200_000_000
MAX_UNPACKED_BYTES = 500_000_000
MAX_MEMBER_BYTES = 20_000_000
MAX_MEMBERS = 1000
MAX_NAME = 500
MAX_ENTRIES = 5 * MAX_MEMBERS
"""Largest number of entries: files, folders, and the headers that extend another header."""
MAX_DIRECTORY_BYTES = 4_000_000
"""Largest central directory of a zip; 5,000 entries with names of 500 bytes need 2.7 MB."""
MAX_EXTENSION_BYTES = 1_000_000
"""Largest header that extends another header of a tar; names and attributes of a file lie there."""
MAX_EXTENSIONS = 8
"""Largest number of headers that extend one header of a tar."""
MAX_DICTIONARY_BYTES = 32 << 20
"""Largest dictionary of a compression: what it keeps in memory."""
MAX_PIECES = 1000
"""Largest number of parts that a gzip consists of; ``pigz`` and ``cat`` write several."""
MAX_UNPACK_SECONDS = 10
"""Largest time for unpacking, as the sizes in the headers and SECONDS_A_BYTE foretell it."""


def refused(code: str, reason: str = "") -> ArchiveRefusedError:
    """Return the error; the reason is a fixed word of ours."""
    return ArchiveRefusedError(code=code, **({"reason": reason} if reason else {}))


def check_headers(headers: Iterable[Header]) -> None:
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
            raise refused("archive_unsafe", "name")
        if header.size > MAX_MEMBER_BYTES or total > MAX_UNPACKED_BYTES or count > MAX_MEMBERS:
            raise refused("archive_too_large")
        seen.add(folded)


def is_safe(name: str) -> bool:
    r"""Whether the name stays inside its folder and can be shown.

    >>> [is_safe(n) for n in ("a/b.jpg", "../b.jpg", "/etc/x", "c:x", "a\\b", "a\x00b", "a/./b")]
    [True, False, False, False, False, False, True]
    """
    path = PurePosixPath(name)
    plain = name.isprintable() and not set(name) & {"\\", ":"}
    return 0 < len(name) <= MAX_NAME and plain and not path.is_absolute() and ".." not in path.parts
