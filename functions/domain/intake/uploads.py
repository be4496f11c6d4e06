"""What lies under an upload's prefix: the place, and every file of it pinned as it is now."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from contracts.documents.job import PinnedObject, PinnedPhoto
from contracts.errors import ArchiveRefusedError, InvalidUploadError, TooManyPhotosError
from contracts.shared import layout
from domain.intake.archives import MAX_ARCHIVE_BYTES, is_archive, members_of
from domain.intake.file_kinds import Roles, is_litter, roles_of
from domain.ports.storage import Storage, StoredObject
from domain.requests.kohya_folders import repeats_of

MAX_PHOTOS = 100
"""Of the subject; and as many of its class."""

MAX_OBJECTS = 1000
"""Photos, captions and litter together."""

_NAME = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
_FILE = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_REQUEST_KEY = re.compile(
    rf"tenants/{_NAME}/uploads/{_NAME}/"
    rf"({re.escape(layout.REQUEST_FILE)}|(?:{_FILE}/)?(?:config\.json|{_FILE}\.toml))"
)


class Place(NamedTuple):
    """Whose upload, and which."""

    tenant: str
    upload: str

    @property
    def prefix(self) -> str:
        """Where the upload's objects lie."""
        return layout.upload_prefix(self.tenant, self.upload)


class PinnedUpload(NamedTuple):
    """Every file that counts, as it is now."""

    photos: tuple[PinnedPhoto, ...]
    """In order of content."""
    class_photos: tuple[PinnedObject, ...]
    """In order of content."""
    request: PinnedObject | None
    settings: tuple[PinnedObject, ...]
    """Other tools' files that say how to train."""
    names: tuple[str, ...]
    """Of the photos; a folder's name may say whom they show."""


def place_of(key: str) -> Place:
    """Return the upload that a request's key belongs to.

    >>> place_of("tenants/acme/uploads/u1/request.json")
    Place(tenant='acme', upload='u1')
    >>> place_of("tenants/acme/uploads/u1/config/kohya.toml")
    Place(tenant='acme', upload='u1')

    Raises:
        InvalidUploadError: the key has another form; EventBridge sends keys as they are.
    """
    match = _REQUEST_KEY.fullmatch(key)
    if match is None:
        raise InvalidUploadError
    return Place(match[1], match[2])


def find_place(key: str) -> Place | None:
    """Return the upload that a request's key belongs to, or None when it has another form."""
    try:
        return place_of(key)
    except InvalidUploadError:
        return None


def pin_upload(uploads: Storage, place: Place) -> PinnedUpload:
    """Return the upload's files as they are now, loose or in archives.

    Raises:
        TooManyPhotosError: there are more than one training may use.
        ArchiveRefusedError: an archive cannot or must not be opened.
    """
    listed = uploads.list(place.prefix, limit=MAX_OBJECTS + 1)
    names = [item.key.removeprefix(place.prefix) for item in listed]
    loose = [name for name in names if not is_archive(name) and not is_litter(name)]
    check_count(roles_of(loose), len(listed))
    found = uploads.heads([place.prefix + name for name in loose])
    pins = {item.key.removeprefix(place.prefix): pinned(item) for item in found}
    archives = [item for item in listed if is_archive(item.key)]
    for name, pin in unpacked(uploads, place, archives):
        pins[name] = pin
        check_count(roles_of(pins), len(pins))
    return sorted_out(pins)


def check_count(roles: Roles, objects: int) -> None:
    """Allow so many photos and no more.

    Raises:
        TooManyPhotosError: there are more.
    """
    photos = max(len(roles.photos), len(roles.class_photos))
    if photos > MAX_PHOTOS or objects > MAX_OBJECTS:
        raise TooManyPhotosError(found=photos, most=MAX_PHOTOS)


def unpacked(
    uploads: Storage, place: Place, archives: Sequence[StoredObject]
) -> Iterator[tuple[str, PinnedObject]]:
    """Store each file of the archives under a number; yield its name and what was stored."""
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
    """Return the files by what they are for."""
    roles = roles_of(pins)
    photos = (
        PinnedPhoto(
            **dict(pins[name]),
            caption=pins.get(roles.captions.get(name, "")),
            mask=pins.get(roles.masks.get(name, "")),
            repeats=repeats_of(name),
        )
        for name in roles.photos
    )
    return PinnedUpload(
        photos=tuple(sorted(photos, key=_by_content)),
        class_photos=tuple(sorted((pins[name] for name in roles.class_photos), key=_by_content)),
        request=pins.get(layout.REQUEST_FILE),
        settings=tuple(pins[name] for name in roles.settings),
        names=tuple(roles.photos),
    )


def _by_content(pin: PinnedObject) -> tuple[str, str]:
    return pin.etag, pin.name or pin.key


def pinned(item: StoredObject, name: str | None = None) -> PinnedObject:
    """Return the object as a document remembers it."""
    return PinnedObject(
        key=item.key, version_id=item.version_id, etag=item.etag, size=item.size, name=name
    )
