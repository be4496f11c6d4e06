"""``likeness check FOLDER``: the verdicts of intake, on the user's own machine, before uploading.

The very rules that run after the upload; nothing leaves the machine.
"""

import sys
from collections.abc import Iterator, Sequence
from hashlib import md5
from pathlib import Path
from typing import NamedTuple

from contracts.codes import CODES
from contracts.errors import StageError
from contracts.job import PinnedPhoto
from contracts.layout import REQUEST_FILE, accepted_prefix, unpacked_prefix, upload_prefix
from contracts.photos import PhotoVerdict
from domain.photos import LEAST_SIDE, MIN_PHOTOS, Darkroom, limits_for, verdicts_of
from domain.requests import ParsedRequest, RequestRefusedError, parse_request
from domain.storage import ObjectMissingError, ObjectTooLargeError, StoredObject
from domain.uploads import Place, pin_photos
from runtime.sandbox import ChildDecoder

PLACE = Place("local", "check")
JOB_ID = "0" * 32


class FolderStorage:
    """A folder as the bucket that it will be uploaded to; what is written stays in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, bytes] = {}

    def uri(self, key: str) -> str:
        """Return where the object would be in the folder."""
        return str(self._folder / key)

    def list(self, prefix: str, limit: int) -> "list[StoredObject]":
        """Return the folder's files as the bucket would list them."""
        files = sorted(path for path in self._folder.rglob("*") if path.is_file())[:limit]
        keys = [prefix + path.relative_to(self._folder).as_posix() for path in files]
        return [
            StoredObject(key, "", path.stat().st_size)
            for key, path in zip(keys, files, strict=True)
        ]

    def head(self, key: str) -> StoredObject | None:
        """Return the file's size and the ETag that S3 would give it."""
        try:
            body = self._find(key)
        except ObjectMissingError:
            return None
        return StoredObject(key, md5(body, usedforsecurity=False).hexdigest(), len(body), "now")

    def heads(self, keys: Sequence[str]) -> tuple[StoredObject, ...]:
        """Return what ``head`` knows of each."""
        return tuple(found for key in keys if (found := self.head(key)) is not None)

    def read(self, key: str, limit: int, version_id: str | None = None) -> bytes:  # noqa: ARG002
        """Return the file's bytes; see the Protocol for what it raises."""
        body = self._find(key)
        if len(body) > limit:
            raise ObjectTooLargeError
        return body

    def write(self, key: str, body: bytes, content_type: str = "") -> None:  # noqa: ARG002
        """Keep what was unpacked; normalised copies are of no use here."""
        if key.startswith(unpacked_prefix(*PLACE)):
            self._written[key] = body

    def copy(self, source: str, target: str) -> None:
        """Keep a second name for the same bytes."""
        self._written[target] = self._find(source)

    def delete(self, key: str) -> None:
        """Forget what was written; the folder itself is never changed."""
        self._written.pop(key, None)

    def _find(self, key: str) -> bytes:
        if key in self._written:
            return self._written[key]
        path = self._folder / key.removeprefix(upload_prefix(*PLACE))
        if key.startswith(accepted_prefix("")) or not path.is_file():
            raise ObjectMissingError
        return path.read_bytes()


class Look(NamedTuple):
    """One photo and its verdict."""

    name: str
    verdict: PhotoVerdict


def look_at(folder: Path, resolution: int) -> Iterator[Look]:
    """Yield the verdict on each photo of the folder.

    Raises:
        StageError: there are too many, or an archive is refused.
    """
    storage = FolderStorage(folder)
    photos = pin_photos(storage, PLACE)
    room = Darkroom(storage, ChildDecoder(), limits_for(resolution))
    for verdict in verdicts_of(JOB_ID, photos, room):
        yield Look(_name(photos[verdict.index]), verdict)


def read_request(folder: Path) -> ParsedRequest | None:
    """Return the folder's request, if it has one.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    path = folder / REQUEST_FILE
    return parse_request(path.read_bytes()) if path.exists() else None


def check(folder: Path, resolution: int | None = None) -> int:
    """Say every verdict, and what is wrong with the request; return 1 if it would be refused."""
    problems = 0
    try:
        parsed = read_request(folder)
    except RequestRefusedError as error:
        parsed, problems = None, len(error.problems)
        for problem in error.problems:
            _say(f"{REQUEST_FILE}: {problem.field}: {problem.message}")
    asked = None if parsed is None else parsed.request.resolution
    try:
        looks = list(look_at(folder, asked or resolution or LEAST_SIDE))
    except StageError as error:
        entry = CODES[str(error.facts["code"])]
        _say(f"refused: {entry.text} {entry.hint}")
        return 1
    for name, verdict in looks:
        _say(f"{verdict.verdict:9} {name}" + "".join(f"\n          {w}" for w in words(verdict)))
    good = sum(verdict.verdict != "refused" for _, verdict in looks)
    _say(f"Photos that can be used: {good} of {len(looks)}; needed: {MIN_PHOTOS}.")
    return int(good < MIN_PHOTOS or problems > 0)


def words(verdict: PhotoVerdict) -> list[str]:
    """Return what the codes mean."""
    return [f"{CODES[code].text} {CODES[code].hint}" for code in verdict.codes]


def _name(pin: PinnedPhoto) -> str:
    return pin.name or pin.key.removeprefix(upload_prefix(*PLACE))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
