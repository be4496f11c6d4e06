"""Normalise a pinned file: return a clean copy, or the code that refuses the file."""

from collections.abc import Callable, Container
from hashlib import sha256
from typing import NamedTuple

from contracts.documents.job import PinnedObject, PinnedPhoto
from contracts.documents.photos import StoredFile
from contracts.shared import layout
from contracts.shared.limits import MAX_SIDE, MAX_UPLOAD_SECONDS, MIN_SIDE
from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from contracts.shared.rejection import PhotoRejectedError
from domain.intake.captions import (
    MAX_LIST_BYTES,
    MAX_TEXT_BYTES,
    caption_for,
    decoded,
    is_list,
    parse_list,
    usable,
)
from domain.intake.photo_quality import quality_of
from domain.ports.decoder import DecodedPhoto, DecodeLimits, Decoder
from domain.ports.storage import ObjectMissingError, ObjectTooLargeError, Storage

MAX_PHOTO_BYTES = 20_000_000


class NormalisationServices(NamedTuple):
    """What normalising photos needs."""

    uploads: Storage
    decoder: Decoder
    limits: DecodeLimits
    job_id: str
    """The job that the stored copies belong to."""
    has_time: Callable[[], bool] = lambda: True
    """Whether the stage's own time is not over."""
    thresholds: IntakeThresholds = DEFAULTS

    def may_decode(self, seconds_before: float) -> bool:
        """Return whether one more file may be decoded; earlier attempts took ``seconds_before``."""
        return self.has_time() and seconds_before + self.decoder.seconds < MAX_UPLOAD_SECONDS


def limits_for(resolution: int) -> DecodeLimits:
    """Return the size limits of photos for a training at this resolution."""
    return DecodeLimits(max(MIN_SIDE, resolution), max_side=max(MAX_SIDE, resolution))


def normalise(
    services: NormalisationServices, pin: PinnedObject, seen: Container[str]
) -> DecodedPhoto:
    """Return the normalised photo.

    Raises:
        PhotoRejectedError: the photo cannot be used, or an earlier photo has the same pixels.
    """
    body = read_pinned(services.uploads, pin, MAX_PHOTO_BYTES)
    photo = services.decoder.decode(body, services.limits)
    refuse_duplicate(photo, seen)
    refuse_poor(photo, services.thresholds)
    return photo


def refuse_poor(photo: DecodedPhoto, thresholds: IntakeThresholds) -> None:
    """Refuse a photo whose quality is below what the request or the stack wants.

    Raises:
        PhotoRejectedError: ``low_quality``.
    """
    wanted = thresholds.quality_threshold
    if wanted and photo.metrics is not None and quality_of(photo.metrics, thresholds) < wanted:
        raise PhotoRejectedError("low_quality")


def normalise_mask(
    services: NormalisationServices, mask: PinnedObject, photo: DecodedPhoto
) -> bytes | None:
    """Return the mask as a PNG of the photo's size; None when the mask cannot be used."""
    try:
        body = read_pinned(services.uploads, mask, MAX_PHOTO_BYTES)
        return services.decoder.decode_mask(body, photo.width, photo.height, services.limits)
    except PhotoRejectedError:
        return None


def store(services: NormalisationServices, file: str, png: bytes) -> StoredFile:
    """Store a normalised copy under a generated name."""
    services.uploads.write(layout.uploads.accepted_prefix(services.job_id) + file, png, "image/png")
    return StoredFile(file=file, sha256=sha256(png).hexdigest())


def refuse_duplicate(photo: DecodedPhoto, seen: Container[str]) -> None:
    """Refuse a photo whose pixels were seen before.

    Raises:
        PhotoRejectedError: with the code ``duplicate``.
    """
    if photo.sha256 in seen:
        raise PhotoRejectedError("duplicate")


def read_pinned(uploads: Storage, pin: PinnedObject, limit: int) -> bytes:
    """Return the bytes that were accepted.

    Raises:
        PhotoRejectedError: there are too many bytes, or the object changed or is missing.
    """
    if pin.size > limit:
        raise PhotoRejectedError("too_many_bytes")
    if pin.version_id is None:
        current = uploads.head(pin.key)
        if current is not None and current.etag != pin.etag:
            raise PhotoRejectedError("photo_changed")
    try:
        return uploads.read(pin.key, limit, pin.version_id)
    except ObjectMissingError:
        raise PhotoRejectedError("photo_missing") from None
    except ObjectTooLargeError:
        raise PhotoRejectedError("too_many_bytes") from None


def read_caption(uploads: Storage, pin: PinnedPhoto) -> tuple[str | None, tuple[str, ...]]:
    """Return the photo's caption, and a code when the caption cannot be used."""
    if pin.caption is None:
        return None, ()
    source = pin.caption.name or pin.caption.key
    limit = MAX_LIST_BYTES if is_list(source) else MAX_TEXT_BYTES
    try:
        body = read_pinned(uploads, pin.caption, limit)
        text = decoded(body)
    except (PhotoRejectedError, UnicodeDecodeError):
        return None, ("caption_ignored",)
    if is_list(source):
        folder, listed = source.rpartition("/")[0] + "/", parse_list(text, source)
        caption = caption_for((pin.name or pin.key).removeprefix(folder), listed)
        return caption, ("caption_ignored",) if text.strip() and not listed else ()
    caption = usable(text)
    return caption, () if caption is not None else ("caption_ignored",)
