"""What lies under an upload's prefix: the place, the photos, their captions, and litter."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from contracts import layout
from contracts.errors import InvalidUploadError, TooManyPhotosError
from contracts.job import PinnedObject, PinnedPhoto
from domain.storage import Storage, StoredObject

MAX_PHOTOS = 100
MAX_OBJECTS = 1000
"""Photos, captions and litter together."""

_NAME = r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
_REQUEST_KEY = re.compile(rf"tenants/{_NAME}/uploads/{_NAME}/{re.escape(layout.REQUEST_FILE)}")
_CAPTIONS = {".txt", ".caption"}
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
    """Return the upload's photos as they are now, in the order of their content.

    Raises:
        TooManyPhotosError: there are more than one training may use.
    """
    listed = uploads.list(place.prefix, limit=MAX_OBJECTS + 1)
    names = [item.key.removeprefix(place.prefix) for item in listed]
    wanted = [name for name in names if name != layout.REQUEST_FILE and not is_litter(name)]
    photos = [name for name in wanted if not is_caption(name)]
    if len(photos) > MAX_PHOTOS or len(listed) > MAX_OBJECTS:
        raise TooManyPhotosError(found=len(photos), most=MAX_PHOTOS)
    captions = captions_of(photos, wanted)
    keys = [place.prefix + name for name in (*photos, *captions.values())]
    found = {item.key: pinned(item) for item in uploads.heads(keys)}
    pins = (
        PinnedPhoto(
            **dict(found[place.prefix + name]),
            caption=found.get(place.prefix + captions.get(name, "")),
        )
        for name in photos
        if place.prefix + name in found
    )
    return tuple(sorted(pins, key=lambda pin: (pin.etag, pin.key)))


def is_caption(name: str) -> bool:
    """Tell a text file, which only ever accompanies a photo."""
    return PurePosixPath(name).suffix.lower() in _CAPTIONS


def captions_of(photos: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return each photo's text file: the same name but for its ending.

    >>> captions_of(["a.jpg", "b.png"], ["a.jpg", "b.png", "b.txt", "notes.txt"])
    {'b.png': 'b.txt'}
    """
    texts = {str(PurePosixPath(name).with_suffix("")): name for name in names if is_caption(name)}
    stems = {photo: str(PurePosixPath(photo).with_suffix("")) for photo in photos}
    return {photo: texts[stem] for photo, stem in stems.items() if stem in texts}


def pinned(item: StoredObject) -> PinnedObject:
    """Return the object as a document remembers it."""
    return PinnedObject(key=item.key, version_id=item.version_id, etag=item.etag, size=item.size)
