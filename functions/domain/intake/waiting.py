"""Wait at the S3 door for the files of an upload that are still coming.

A file that says what to train starts an execution. S3 says nothing of the upload's end, so the
execution looks at the upload again after some seconds, until nothing has changed between two looks.
docs/decisions/0060-the-s3-door-waits.md has the cases.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.job import UploadPending
from contracts.documents.stages import AcceptRequestInput
from contracts.shared import layout
from domain.intake.archives import is_any_archive, is_archive
from domain.intake.file_kinds import file_kinds_of, is_consent, is_request
from domain.intake.uploads import MAX_OBJECTS, Place, find_place, is_prefix, subjects_of
from domain.ports.erasure import Tombstones
from domain.ports.storage import Storage, StoredObject

FIRST_LOOK, LOOK = 5, 15
"""Seconds to the second look at an upload that seems whole, and between looks at any other."""


@dataclass(frozen=True)
class Patience:
    """How long the S3 door waits."""

    seconds: int = 0
    """Longest wait of an upload; 0: the door does not wait."""


def pending(
    given: AcceptRequestInput,
    uploads: Storage,
    tombstones: Tombstones,
    patience: Patience,
    now: datetime,
) -> UploadPending | None:
    """Return that the upload is not whole yet, or that another file starts it; None: go on.

    An execution that began under a definition without a wait goes on at once. So does one of an
    upload that was erased: it is refused, and no file will come.
    """
    key = given.event.detail.object.key
    place = find_place(key)
    if place is None or is_prefix(key):  # refused: no upload, or the file that starts it is gone
        return None
    if given.started_at is None or tombstones.is_erased(*subjects_of(place)):
        return None
    listed = uploads.list(place.prefix, MAX_OBJECTS + 1)
    look = look_of(listed)
    waited = (now - given.started_at).total_seconds()
    if is_any_archive(key) and starts_elsewhere(key, place, listed):
        return UploadPending(status="nothing", seconds=0, seen=look)
    if waited >= patience.seconds:
        return None
    seconds = seconds_to_wait(key, place, listed, is_quiet=given.seen == look)
    if seconds == 0:
        return None
    rest = math.ceil(patience.seconds - waited)
    return UploadPending(status="waiting", seconds=min(seconds, rest), seen=look)


def starts_elsewhere(key: str, place: Place, listed: Sequence[StoredObject]) -> bool:
    """Return whether an archive starts nothing: a file beside it does, or the HTTP API's call."""
    first = next((item.key for item in listed if is_any_archive(item.key)), key)
    if layout.uploads.is_of_api(place.upload) or key != first:
        return True
    names = [item.key.removeprefix(place.prefix) for item in listed]
    settings = [name for name in file_kinds_of(names).settings if not is_consent(name)]
    return any(is_request(name) for name in names) or bool(settings)


def seconds_to_wait(
    key: str, place: Place, listed: Sequence[StoredObject], *, is_quiet: bool
) -> int:
    """Return how long to wait before the next look; 0: the upload is whole.

    request.json is documented as the last file, so it starts an upload at once when it is the
    newest. Settings files of other tools are among the photos, so they wait for a second look. An
    archive waits for as long as the stack allows, because its settings may come by hand.
    """
    if is_any_archive(key):
        return LOOK
    name = key.removeprefix(place.prefix)
    names = [item.key.removeprefix(place.prefix) for item in listed]
    if not has_pictures(names):
        return LOOK
    if is_quiet:
        return 0
    if not is_request(name):
        return FIRST_LOOK
    return LOOK if is_followed(key, listed) else 0


def has_pictures(names: Sequence[str]) -> bool:
    """Return whether anything is there that may be a photo: a file of its own, or an archive."""
    loose = [name for name in names if not is_archive(name)]
    return len(loose) < len(names) or bool(file_kinds_of(loose).photos)


def is_followed(key: str, listed: Sequence[StoredObject]) -> bool:
    """Return whether files came after this one: S3 tells the second in which each was stored."""
    stored = {item.key: item.modified for item in listed if item.modified is not None}
    announced = stored.pop(key, None)
    return announced is not None and any(other > announced for other in stored.values())


def look_of(listed: Sequence[StoredObject]) -> str:
    """Return a short text that is another one when any file has come, changed or gone."""
    text = "\n".join(f"{item.key} {item.etag} {item.size}" for item in listed)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
