"""The limits of an archive, and the check of its files' names and sizes."""

import re
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
"""Largest header that extends another header of a tar: it has a file's names and attributes."""
MAX_EXTENSIONS = 8
"""Largest number of headers that extend one header of a tar."""
MAX_DICTIONARY_BYTES = 32 << 20
"""Largest dictionary of a compression: what it keeps in memory."""
MAX_PIECES = 1000
"""Largest number of parts that a gzip consists of; ``pigz`` and ``cat`` write several."""
MAX_UNPACK_SECONDS = 10
"""Largest time for unpacking, estimated from the sizes in the headers by SECONDS_A_BYTE."""


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


def tidy(name: str) -> str:
    r"""Return a name with ``/`` between its parts: some tools on Windows write a backslash.

    ``tar`` puts ``./`` before each name of the folder that it is in.

    >>> tidy("10_ohwx man\\a.jpg"), tidy("./a//b.jpg"), tidy("a\\"), tidy("/a")
    ('10_ohwx man/a.jpg', 'a/b.jpg', 'a/', '/a')
    """
    slashed = name.replace("\\", "/")
    inner = "/".join(part for part in slashed.split("/") if part not in ("", "."))
    ends = "/" if slashed.startswith("/") else "", "/" if inner and slashed.endswith("/") else ""
    return inner.join(ends)


def decoded_name(raw: bytes) -> str:
    r"""Return a file's name: nearly all tools write UTF-8, DOS and old ones another code page.

    A name in another code page gets wrong letters, but it is a name of its own. The second byte of
    a Chinese or Japanese letter may be that of a backslash.

    >>> decoded_name("zoë".encode()), decoded_name(b"\x95\\.jpg")
    ('zoë', 'ò_.jpg')
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _SECOND_BYTE.sub(b"_", raw).decode("cp437")


def is_safe(name: str) -> bool:
    r"""Return whether the name stays inside its folder and shows what it is.

    >>> [is_safe(n) for n in ("a/b.jpg", "../b.jpg", "/etc/x", "c:x", "a\\b", "a\x00b", "a/./b")]
    [True, False, False, False, False, False, True]
    >>> [is_safe(n) for n in ("at 10.00.00\u202fAM.png", "12:30:00.png", "a\u202egpj.exe")]
    [True, True, False]
    """
    path = PurePosixPath(name)
    plain = "\\" not in name and not _DRIVE.match(name) and all(map(_may_stand, name))
    return 0 < len(name) <= MAX_NAME and plain and not path.is_absolute() and ".." not in path.parts


_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d" + "".join(map(chr, range(0xE0020, 0xE0080))))
"""Format characters of real names: of emoji, flags, and scripts that join their letters."""

_SECOND_BYTE = re.compile(rb"(?<=[\x80-\xff])\\")


def _may_stand(letter: str) -> bool:
    """Whether a character of a name neither controls a terminal nor hides the others' order."""
    kind = unicodedata.category(letter)
    return letter in _JOINERS or (kind != "Cf" and kind not in _CONTROLS)
