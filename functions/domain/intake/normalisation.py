"""Developing: from a pinned file to a normalised copy, or to the code that refuses it."""

from collections.abc import Container
from hashlib import sha256
from typing import NamedTuple, Protocol

from contracts.documents.job import PinnedObject, PinnedPhoto
from contracts.documents.photos import StoredFile
from contracts.shared import layout
from domain.intake.captions import (
    MAX_LIST_BYTES,
    MAX_TEXT_BYTES,
    is_list,
    parse_list,
    usable,
    words_for,
)
from domain.intake.photo_quality import Looks
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage

MAX_PHOTO_BYTES = 20_000_000
MAX_PIXELS = 50_000_000
LEAST_SIDE = 64
"""Pixels; whatever the base would accept."""

LARGEST_SIDE = 2048
"""Pixels; larger photos are scaled down to it."""


class DecodeLimits(NamedTuple):
    """Pixels."""

    min_side: int
    max_side: int = LARGEST_SIDE
    max_pixels: int = MAX_PIXELS


class DecodedPhoto(NamedTuple):
    """A photo as training takes it: upright, sRGB, a PNG without metadata."""

    png: bytes
    width: int
    height: int
    codes: tuple[str, ...]
    """What was repaired."""
    looks: Looks | None = None
    taken: int | None = None
    """The day, counted from the year 1, where the file says it; used here and stored nowhere."""

    @property
    def sha256(self) -> str:
        """Of the PNG, which holds pixels and nothing else."""
        return sha256(self.png).hexdigest()


class PhotoRefusedError(Exception):
    """This photo cannot be used; ``code`` is from contracts.codes."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Decoder(Protocol):
    """Reads a stranger's file without harm."""

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        """Return the normalised photo.

        Raises:
            PhotoRefusedError: it is no image we take, is damaged, or goes beyond a limit.
        """
        ...

    def decode_mask(self, body: bytes, width: int, height: int, limits: DecodeLimits) -> bytes:
        """Return a grey PNG of this size, white where the subject is.

        Raises:
            PhotoRefusedError: likewise; or its aspect is another one, or nothing of it is white.
        """
        ...


class Darkroom(NamedTuple):
    """What looking at photos needs."""

    uploads: Storage
    decoder: Decoder
    limits: DecodeLimits
    job_id: str
    """Whose copies are stored."""


def limits_for(resolution: int) -> DecodeLimits:
    """Return how large a photo must and may be to be trained at this resolution."""
    return DecodeLimits(max(LEAST_SIDE, resolution), max_side=max(LARGEST_SIDE, resolution))


def develop(room: Darkroom, pin: PinnedObject, seen: Container[str]) -> DecodedPhoto:
    """Return the normalised photo.

    Raises:
        PhotoRefusedError: it cannot be used, or its pixels were seen before.
    """
    body = read_pinned(room.uploads, pin, MAX_PHOTO_BYTES)
    photo = room.decoder.decode(body, room.limits)
    refuse_twin(photo, seen)
    return photo


def develop_mask(room: Darkroom, mask: PinnedObject, photo: DecodedPhoto) -> bytes | None:
    """Return the mask as a PNG that fits the photo, or None when it cannot be used."""
    try:
        body = read_pinned(room.uploads, mask, MAX_PHOTO_BYTES)
        return room.decoder.decode_mask(body, photo.width, photo.height, room.limits)
    except PhotoRefusedError:
        return None


def store(room: Darkroom, file: str, png: bytes) -> StoredFile:
    """Store a normalised copy under a name of ours."""
    room.uploads.write(layout.accepted_prefix(room.job_id) + file, png, "image/png")
    return StoredFile(file=file, sha256=sha256(png).hexdigest())


def refuse_twin(photo: DecodedPhoto, seen: Container[str]) -> None:
    """Let a photo pass that was not seen before.

    Raises:
        PhotoRefusedError: an earlier one has the same pixels.
    """
    if photo.sha256 in seen:
        raise PhotoRefusedError("duplicate")


def read_pinned(uploads: Storage, pin: PinnedObject, limit: int) -> bytes:
    """Return the bytes that were accepted.

    Raises:
        PhotoRefusedError: they are too many, or no longer there.
    """
    if pin.size > limit:
        raise PhotoRefusedError("too_many_bytes")
    if pin.version_id is None:
        current = uploads.head(pin.key)
        if current is not None and current.etag != pin.etag:
            raise PhotoRefusedError("photo_changed")
    try:
        return uploads.read(pin.key, limit, pin.version_id)
    except ObjectMissingError:
        raise PhotoRefusedError("photo_missing") from None
    except ObjectTooLargeError:
        raise PhotoRefusedError("too_many_bytes") from None


def read_caption(uploads: Storage, pin: PinnedPhoto) -> tuple[str | None, tuple[str, ...]]:
    """Return the words for a photo, and a code when they cannot be used."""
    if pin.caption is None:
        return None, ()
    source = pin.caption.name or pin.caption.key
    limit = MAX_LIST_BYTES if is_list(source) else MAX_TEXT_BYTES
    try:
        body = read_pinned(uploads, pin.caption, limit)
        text = body.decode("utf-8-sig")
    except (PhotoRefusedError, UnicodeDecodeError):
        return None, ("caption_ignored",)
    if is_list(source):
        folder = source.rpartition("/")[0] + "/"
        return words_for((pin.name or pin.key).removeprefix(folder), parse_list(text, source)), ()
    words = usable(text)
    return words, () if words is not None else ("caption_ignored",)
