"""A folder as the bucket that it will be uploaded to, and what of it no upload can carry."""

import os
from collections.abc import Callable, Iterator, Sequence
from hashlib import file_digest, md5
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from contracts.shared.layout.uploads import accepted_prefix, unpacked_prefix, upload_prefix
from domain.intake.uploads import MAX_OBJECTS, Place
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, StoredObject

PLACE = Place("local", "check")

Refuse = Callable[[Path, str], None]
"""Takes a path and what is wrong with it."""


class NoFolderError(Exception):
    """What was named is no folder that can be read."""


class Obstacle(NamedTuple):
    """Something in the folder that cannot be judged, and would not be uploaded."""

    name: str
    """Printable, relative to the folder."""

    reason: str
    """What is wrong and what to do."""


class Walk(NamedTuple):
    """What is in a folder."""

    files: tuple[Path, ...]
    """Readable, sorted by name."""

    obstacles: tuple[Obstacle, ...]


def walk(folder: Path) -> Walk:
    """Find every file below a folder, through links as ``aws s3 cp --recursive`` does.

    Raises:
        NoFolderError: it is missing, is a file, or cannot be opened.
    """
    if not folder.exists():
        raise NoFolderError(f"there is no folder {shown(folder)}")
    if not folder.is_dir():
        raise NoFolderError(f"{shown(folder)} is a file; name the folder that it is in")
    obstacles: list[Obstacle] = []

    def refuse(path: Path, reason: str) -> None:
        obstacles.append(Obstacle(shown(path.relative_to(folder)), reason))

    usable = (path for path in _files_below(folder, refuse) if _is_usable(path, folder, refuse))
    files = sorted(islice(usable, MAX_OBJECTS + 1))  # one too many is enough to refuse them all
    return Walk(tuple(files), tuple(sorted(obstacles)))


def _files_below(folder: Path, refuse: Refuse) -> Iterator[Path]:
    def cannot_open(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise NoFolderError(f"{shown(folder)} cannot be opened: {error.strerror}") from error
        refuse(Path(error.filename), f"The folder cannot be opened: {error.strerror}.")

    for root, folders, files in os.walk(folder, onerror=cannot_open, followlinks=True):
        above = Path(root).resolve()
        for name in list(folders):
            path = Path(root, name)
            if path.is_symlink() and path.resolve() in {above, *above.parents}:
                folders.remove(name)
                refuse(path, "The link leads back to a folder above it. Remove it.")
        yield from (Path(root, name) for name in files)


def _is_usable(path: Path, folder: Path, refuse: Refuse) -> bool:
    """Tell whether a file can be uploaded and judged; say why not."""
    try:
        str(path.relative_to(folder)).encode()
        if not S_ISREG(path.stat().st_mode):
            refuse(path, "It is no ordinary file. Remove it.")
            return False
        with path.open("rb") as file:
            file.read(1)
    except UnicodeEncodeError:
        refuse(path, "Its name is not UTF-8, as names in S3 must be. Rename it.")
    except FileNotFoundError:
        refuse(path, "The link leads nowhere. Remove it, or put the file in its place.")
    except OSError as error:
        refuse(path, f"It cannot be read: {error.strerror}. Correct its permissions, or remove it.")
    else:
        return True
    return False


def shown(path: Path) -> str:
    r"""Return a path that can be printed: what is no UTF-8, or controls a terminal, becomes ``?``.

    >>> shown(Path("a\x1b[2J\udcff.jpg"))
    'a?[2J?.jpg'
    """
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


class FolderStorage:
    """A folder as the bucket that it will be uploaded to; what is written stays in memory."""

    def __init__(self, folder: Path, files: Sequence[Path] | None = None) -> None:
        self._folder = folder
        self._files = walk(folder).files if files is None else tuple(files)
        self._known = frozenset(self._files)
        self._written: dict[str, bytes] = {}

    def uri(self, key: str) -> str:
        """Return where the object would be in the folder."""
        return str(self._folder / key)

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":
        """Return the folder's files as the bucket would list them."""
        return [
            StoredObject(
                prefix + path.relative_to(self._folder).as_posix(), "", path.stat().st_size
            )
            for path in self._files[:limit]
        ]

    def head(self, key: str) -> StoredObject | None:
        """Return the file's size and the ETag that S3 would give it."""
        if key in self._written:
            body = self._written[key]
            return StoredObject(key, md5(body, usedforsecurity=False).hexdigest(), len(body), "now")
        path = self._path(key)
        if path is None:
            return None
        with path.open("rb") as file:
            digest = file_digest(file, lambda: md5(usedforsecurity=False))
        return StoredObject(key, digest.hexdigest(), path.stat().st_size, "now")

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        """Return what ``head`` knows of each."""
        return tuple(found for key in keys if (found := self.head(key)) is not None)

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:  # noqa: ARG002
        """Return the file's bytes; see the Protocol for what it raises."""
        body = self._written.get(key)
        if body is None:
            path = self._path(key)
            if path is None:
                raise ObjectMissingError
            with path.open("rb") as file:
                body = file.read(limit + 1)
        if len(body) > limit:
            raise ObjectTooLargeError
        return body

    def write(self, key: str, body: bytes, content_type: str = "") -> None:  # noqa: ARG002
        """Keep what was unpacked; normalised copies are of no use here."""
        if key.startswith(unpacked_prefix(*PLACE)):
            self._written[key] = body

    def copy(self, source: str, target: str, version_id: str | None = None) -> None:  # noqa: ARG002
        """Keep a second name for the same bytes."""
        path = self._path(source)
        if source not in self._written and path is None:
            raise ObjectMissingError
        self._written[target] = self._written[source] if path is None else path.read_bytes()

    def delete(self, key: str, version_id: str | None = None) -> None:  # noqa: ARG002
        """Forget what was written; the folder itself is never changed."""
        self._written.pop(key, None)

    def _path(self, key: str) -> Path | None:
        path = self._folder / key.removeprefix(upload_prefix(*PLACE))
        return None if key.startswith(accepted_prefix("")) or path not in self._known else path
