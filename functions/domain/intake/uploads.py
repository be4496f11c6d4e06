"""The files under an upload's prefix, each pinned to its present version."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from contracts.documents.job import PinnedObject, PinnedPhoto
from contracts.errors import ArchiveRefusedError, InvalidUploadError, TooManyPhotosError
from contracts.shared import layout
from contracts.shared.limits import MAX_PHOTOS
from contracts.shared.suffixes import AVATAR_FILE, TOML_SUFFIX
from domain.intake.archives import MAX_ARCHIVE_BYTES, is_archive, members_of
from domain.intake.file_kinds import FileKinds, file_kinds_of, is_litter
from domain.ports.storage import Storage, StoredObject
from domain.requests.kohya_folders import repeats_of

MAX_OBJECTS = 1000
"""Largest number of files in all: photos, captions, litter."""

_NAME = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
_FILE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_SETTINGS = rf"{re.escape(AVATAR_FILE)}|{_FILE}{re.escape(TOML_SUFFIX)}"
_REQUEST_KEY = re.compile(
    rf"tenants/{_NAME}/uploads/{_NAME}/"
    rf"({re.escape(layout.REQUEST_FILE)}|(?:{_FILE}/)?(?:{_SETTINGS}))"
)


class Place(NamedTuple):
    """An upload: its tenant and its name."""

    tenant: str
    upload: str

    @property
    def prefix(self) -> str:
        """Prefix of the upload's keys."""
        return layout.upload_prefix(self.tenant, self.upload)


class PinnedUpload(NamedTuple):
    """Every file that counts, pinned to its present version."""

    photos: tuple[PinnedPhoto, ...]
    """Sorted by content."""
    class_photos: tuple[PinnedObject, ...]
    """Sorted by content."""
    request: PinnedObject | None
    settings: tuple[PinnedObject, ...]
    """Settings files of other tools."""
    names: tuple[str, ...]
    """Names of the photos; a folder's name may name the subject."""


def place_of(key: str) -> Place:
    """Return the upload that a request's key belongs to.

    >>> place_of("tenants/acme/uploads/u1/request.json")
    Place(tenant='acme', upload='u1')
    >>> place_of("tenants/acme/uploads/u1/config/kohya.toml")
    Place(tenant='acme', upload='u1')

    Raises:
        InvalidUploadError: the key has another form.
    """
    match = _REQUEST_KEY.fullmatch(key)
    if match is None:
        raise InvalidUploadError
    return Place(match[1], match[2])


def find_place(key: str) -> Place | None:
    """Return the upload that a request's key belongs to; None when the key has another form."""
    try:
        return place_of(key)
    except InvalidUploadError:
        return None


def pin_upload(uploads: Storage, place: Place) -> PinnedUpload:
    """Return the upload's files, loose ones and those in archives.

    Raises:
        TooManyPhotosError: there are more photos than one training may use.
        ArchiveRefusedError: an archive is damaged, unsafe or too large.
    """
    listed = uploads.list(place.prefix, limit=MAX_OBJECTS + 1)
    names = [item.key.removeprefix(place.prefix) for item in listed]
    loose = [name for name in names if not is_archive(name) and not is_litter(name)]
    check_count(file_kinds_of(loose), len(listed))
    found = uploads.heads([place.prefix + name for name in loose])
    pins = {item.key.removeprefix(place.prefix): pinned(item) for item in found}
    archives = [item for item in listed if is_archive(item.key)]
    for name, pin in unpacked(uploads, place, archives):
        pins[name] = pin
        check_count(file_kinds_of(pins), len(pins))
    return sorted_out(pins)


def check_count(kinds: FileKinds, objects: int) -> None:
    """Refuse more photos or files than an upload may hold.

    Raises:
        TooManyPhotosError: there are too many.
    """
    photos = max(len(kinds.photos), len(kinds.class_photos))
    if photos > MAX_PHOTOS or objects > MAX_OBJECTS:
        raise TooManyPhotosError(found=photos, most=MAX_PHOTOS)


def unpacked(
    uploads: Storage, place: Place, archives: Sequence[StoredObject]
) -> Iterator[tuple[str, PinnedObject]]:
    """Store each file of the archives under a number; yield its name and the stored object."""
    if sum(archive.size for archive in archives) > MAX_ARCHIVE_BYTES:
        raise ArchiveRefusedError(code="archive_too_large")
    number = 0
    for archive in uploads.heads([archive.key for archive in archives]):
        name = archive.key.removeprefix(place.prefix)
        body = uploads.read(archive.key, MAX_ARCHIVE_BYTES, archive.version_id)
        for member in members_of(body):
            if is_litter(member.name):
                continue
            key = f"{layout.unpacked_prefix(*place)}{archive.etag}/{number:04d}"
            uploads.write(key, member.body)
            stored = uploads.head(key)
            if stored is not None:
                full_name = f"{name}/{member.name}"
                yield full_name, pinned(stored, full_name)
            number += 1


def sorted_out(pins: Mapping[str, PinnedObject]) -> PinnedUpload:
    """Return the files by kind."""
    kinds = file_kinds_of(pins)
    photos = (
        PinnedPhoto(
            **dict(pins[name]),
            caption=pins.get(kinds.captions.get(name, "")),
            mask=pins.get(kinds.masks.get(name, "")),
            repeats=repeats_of(name),
        )
        for name in kinds.photos
    )
    return PinnedUpload(
        photos=tuple(sorted(photos, key=_by_content)),
        class_photos=tuple(sorted((pins[name] for name in kinds.class_photos), key=_by_content)),
        request=pins.get(layout.REQUEST_FILE),
        settings=tuple(pins[name] for name in kinds.settings),
        names=tuple(kinds.photos),
    )


def _by_content(pin: PinnedObject) -> tuple[str, str]:
    return pin.etag, pin.name or pin.key


def pinned(item: StoredObject, name: str | None = None) -> PinnedObject:
    """Return the object as documents store it."""
    return PinnedObject(
        key=item.key, version_id=item.version_id, etag=item.etag, size=item.size, name=name
    )
