"""``likeness check FOLDER``: the verdicts of intake, on the user's own machine, before uploading.

The very rules that run after the upload; nothing leaves the machine.
"""

import sys
from collections.abc import Sequence
from hashlib import md5
from pathlib import Path
from typing import NamedTuple

from contracts.codes import CODES
from contracts.documents.job import PinnedObject
from contracts.documents.photos import PhotoVerdict
from contracts.errors import DecoderBrokenError, StageError
from contracts.shared.layout import REQUEST_FILE, accepted_prefix, unpacked_prefix, upload_prefix
from contracts.shared.limits import MIN_PHOTOS, MIN_SIDE
from contracts.shared.prompts import DEFAULT_TRIGGER_WORD
from domain.intake.inspection import advice_on_captions, advice_on_set, stored_class, verdicts_of
from domain.intake.normalisation import NormalisationServices, limits_for
from domain.intake.uploads import PinnedUpload, Place, pin_upload
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, StoredObject
from domain.requests.merge import MergedRequest, RequestSources, merge_sources
from domain.requests.request_json import MAX_REQUEST_BYTES, RequestRefusedError
from runtime.imaging.sandbox import ChildDecoder

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


class Looks(NamedTuple):
    """What intake thinks of a folder."""

    upload: PinnedUpload
    photos: tuple[PhotoVerdict, ...]
    class_photos: int
    """That can be used."""


def look_at(storage: FolderStorage, upload: PinnedUpload, resolution: int) -> Looks:
    """Give each photo of the folder its verdict."""
    room = NormalisationServices(storage, ChildDecoder(), limits_for(resolution), JOB_ID)
    verdicts = tuple(verdicts_of(upload.photos, room))
    of_class = len(list(stored_class(upload.class_photos, room)))
    return Looks(upload, verdicts, of_class)


def read_folder(storage: FolderStorage, upload: PinnedUpload) -> MergedRequest | None:
    """Return what the folder asks for; None if nothing in it asks for a training.

    Raises:
        RequestRefusedError: with every problem at once.
    """
    if upload.request is None and not upload.settings:
        return None
    bodies = {_name(pin): storage.read(pin.key, MAX_REQUEST_BYTES) for pin in upload.settings}
    request = upload.request
    body = None if request is None else storage.read(request.key, MAX_REQUEST_BYTES)
    return merge_sources(RequestSources(body, bodies, upload.names))


def check(folder: Path, resolution: int | None = None) -> int:
    """Say every verdict, and what is wrong with the request.

    Returns:
        0; 1 if the upload would be refused; 2 if the photos cannot be judged on this machine.
    """
    storage = FolderStorage(folder)
    try:
        upload = pin_upload(storage, PLACE)
    except StageError as error:
        entry = CODES[str(error.facts["code"])]
        _say(f"refused: {entry.text} {entry.hint}")
        return 1
    wishes, problems = None, 0
    try:
        wishes = read_folder(storage, upload)
    except RequestRefusedError as error:
        problems = len(error.problems)
        for problem in error.problems:
            _say(f"{REQUEST_FILE}: {problem.field}: {problem.message}")
    except ObjectTooLargeError:
        problems = 1
        _say(f"{REQUEST_FILE}: larger than {MAX_REQUEST_BYTES // 1024} KiB.")
    asked = None if wishes is None else wishes.request.resolution
    try:
        looks = look_at(storage, upload, asked or resolution or MIN_SIDE)
    except DecoderBrokenError as error:
        sys.stderr.write(f"likeness: no photo was judged: {error.facts['reason']}\n")
        return 2
    say_request(wishes)
    good = say_looks(looks, DEFAULT_TRIGGER_WORD if wishes is None else wishes.request.trigger_word)
    return int(good < MIN_PHOTOS or problems > 0)


def say_request(wishes: MergedRequest | None) -> None:
    """Say what of the request does not stand in request.json."""
    if wishes is None:
        return
    for theirs, ours in wishes.renamed.items():
        _say(f"request   {theirs} is {ours} here")
    for field, origin in wishes.origins.items():
        _say(f"request   {field} = {getattr(wishes.request, field)} (from {origin})")


def say_looks(looks: Looks, trigger_word: str) -> int:
    """Say the verdicts; return how many photos can be used."""
    for verdict in looks.photos:
        name = _name(looks.upload.photos[verdict.index])
        _say(f"{verdict.verdict:9} {name}" + "".join(f"\n          {w}" for w in words(verdict)))
    advice = (*advice_on_set(looks.photos), *advice_on_captions(looks.photos, trigger_word))
    for code in advice:
        _say(f"advice    {CODES[code].text} {CODES[code].hint}")
    if looks.upload.class_photos:
        _say(f"Class pictures: {looks.class_photos} of {len(looks.upload.class_photos)}.")
    good = sum(verdict.verdict != "refused" for verdict in looks.photos)
    _say(f"Photos that can be used: {good} of {len(looks.photos)}; needed: {MIN_PHOTOS}.")
    return good


def words(verdict: PhotoVerdict) -> list[str]:
    """Return what the codes mean."""
    return [f"{CODES[code].text} {CODES[code].hint}" for code in verdict.codes]


def _name(pin: PinnedObject) -> str:
    return pin.name or pin.key.removeprefix(upload_prefix(*PLACE))


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
