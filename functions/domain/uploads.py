"""What lies under an upload's prefix: the place, the photos, their captions, and litter."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from contracts import layout
from contracts.errors import ArchiveRefusedError, InvalidUploadError, TooManyPhotosError
from contracts.job import PinnedObject, PinnedPhoto
from domain.archives import MAX_ARCHIVE_BYTES, is_archive, members_of
from domain.captions import is_list, is_text, masks_among, texts_of
from domain.storage import Storage, StoredObject

MAX_PHOTOS = 100
MAX_OBJECTS = 1000
"""Photos, captions and litter together."""

_NAME = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
_REQUEST_KEY = re.compile(rf"tenants/{_NAME}/uploads/{_NAME}/{re.escape(layout.REQUEST_FILE)}")
_LITTER = {".ds_store", "thumbs.db", "desktop.ini"}


class Place(NamedTuple):
    """Whose upload, and which."""

    tenant: str
    upload: str

    @property
    def prefix(self) -> str:
        """Where the upload's objects lie."""
        return layout.upload_prefix(self.tenant, self.upload)


def place_of(key: str) -> Place:
    """Return the upload that a request's key belongs to.

    >>> place_of("tenants/acme/uploads/u1/request.json")
    Place(tenant='acme', upload='u1')

    Raises:
        InvalidUploadError: the key has another form; EventBridge sends keys as they are.
    """
    match = _REQUEST_KEY.fullmatch(key)
    if match is None:
        raise InvalidUploadError
    return Place(*match.groups())


def find_place(key: str) -> Place | None:
    """Return the upload that a request's key belongs to, or None when it has another form."""
    try:
        return place_of(key)
    except InvalidUploadError:
        return None


def is_litter(name: str) -> bool:
    """Tell what operating systems leave behind from what a person meant to upload.

    >>> [is_litter(n) for n in ("a.jpg", "x/.DS_Store", "__MACOSX/a.jpg", "._a.jpg", "sub/")]
    [False, True, True, True, True]
    """
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return hidden or name.endswith("/") or path.name.lower() in _LITTER


def pin_photos(uploads: Storage, place: Place) -> tuple[PinnedPhoto, ...]:
    """Return the upload's photos as they are now, loose or in archives, in order of content.

    Raises:
        TooManyPhotosError: there are more than one training may use.
        ArchiveRefusedError: an archive cannot or must not be opened.
    """
    listed = uploads.list(place.prefix, limit=MAX_OBJECTS + 1)
    names = [item.key.removeprefix(place.prefix) for item in listed]
    wanted = [name for name in names if name != layout.REQUEST_FILE and not is_litter(name)]
    archives = [item for item in listed if is_archive(item.key)]
    loose = [name for name in wanted if not is_archive(name)]
    check_count(loose, len(listed))
    found = uploads.heads([place.prefix + name for name in loose])
    pins = {item.key.removeprefix(place.prefix): pinned(item) for item in found}
    for name, pin in unpacked(uploads, place, archives):
        pins[name] = pin
        check_count(pins, len(pins))
    return paired(pins)


def check_count(names: Iterable[str], objects: int) -> None:
    """Allow so many photos and no more.

    Raises:
        TooManyPhotosError: there are more.
    """
    photos = len(photos_among(names))
    if photos > MAX_PHOTOS or objects > MAX_OBJECTS:
        raise TooManyPhotosError(found=photos, most=MAX_PHOTOS)


def photos_among(names: Iterable[str]) -> list[str]:
    """Return what is neither words nor a mask."""
    pictures = [name for name in names if not is_text(name) and not is_list(name)]
    masks = masks_among(pictures)
    return [name for name in pictures if name not in masks]


def unpacked(
    uploads: Storage, place: Place, archives: Sequence[StoredObject]
) -> Iterator[tuple[str, PinnedObject]]:
    """Store each file of the archives under a number; yield its name and what was stored."""
    if sum(archive.size for archive in archives) > MAX_ARCHIVE_BYTES:
        raise ArchiveRefusedError(code="archive_too_large")
    number = 0
    for archive in archives:
        name = archive.key.removeprefix(place.prefix)
        for member in members_of(uploads.read(archive.key, MAX_ARCHIVE_BYTES)):
            if is_litter(member.name):
                continue
            key = f"{layout.unpacked_prefix(*place)}{archive.etag}/{number:04d}"
            uploads.write(key, member.body)
            stored = uploads.head(key)
            if stored is not None:
                full_name = f"{name}/{member.name}"
                yield full_name, pinned(stored, full_name)
            number += 1


def paired(pins: Mapping[str, PinnedObject]) -> tuple[PinnedPhoto, ...]:
    """Return the photos with the words for them, in the order of their content."""
    photos = photos_among(pins)
    words = lists_for(photos, pins) | texts_of(photos, pins)
    together = (
        PinnedPhoto(**dict(pins[name]), caption=pins.get(words.get(name, ""))) for name in photos
    )
    return tuple(sorted(together, key=lambda pin: (pin.etag, pin.name or pin.key)))


def lists_for(photos: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return for each photo the list of words in its folder, or else in a folder above.

    >>> lists_for(["a.jpg", "x/b.jpg"], ["metadata.jsonl", "x/caption.csv"])
    {'a.jpg': 'metadata.jsonl', 'x/b.jpg': 'x/caption.csv'}
    """
    lists = {PurePosixPath(name).parent: name for name in names if is_list(name)}
    found = {
        photo: [lists[folder] for folder in PurePosixPath(photo).parents if folder in lists]
        for photo in photos
    }
    return {photo: nearest[0] for photo, nearest in found.items() if nearest}


def pinned(item: StoredObject, name: str | None = None) -> PinnedObject:
    """Return the object as a document remembers it."""
    return PinnedObject(
        key=item.key, version_id=item.version_id, etag=item.etag, size=item.size, name=name
    )
