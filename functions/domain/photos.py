"""A verdict for every photo, before any GPU second is paid; and whether there are enough."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple, Protocol

from contracts import layout
from contracts.errors import PhotosRefusedError, TooFewPhotosError
from contracts.job import AcceptedUpload, JobSpec, PinnedObject, PinnedPhoto
from contracts.photos import PhotoReport, PhotoSummary, PhotoVerdict
from domain.bases import Bases
from domain.captions import (
    MAX_LIST_BYTES,
    MAX_TEXT_BYTES,
    is_list,
    parse_list,
    usable,
    words_for,
)
from domain.jobs import Jobs
from domain.looks import Looks, advice_on
from domain.storage import (
    ObjectMissingError,
    ObjectTooLargeError,
    Storage,
    read_document,
    write_document,
)

MIN_PHOTOS = 5
"""Below this a subject is not learnt, only copied."""

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


@dataclass(frozen=True)
class Inspection:
    """What inspecting needs of the world."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs
    decoder: Decoder


class Darkroom(NamedTuple):
    """What looking at photos needs."""

    uploads: Storage
    decoder: Decoder
    limits: DecodeLimits


def inspect_photos(job: JobSpec, inspection: Inspection, now: datetime) -> PhotoSummary:
    """Look at every pinned photo; store the good ones normalised, and the report.

    Raises:
        TooFewPhotosError: fewer than MIN_PHOTOS are good; the report is stored nevertheless.
        PhotosRefusedError: one is not good, and the request says that all must be.
    """
    inspection.jobs.advance(job.job_id, "InspectPhotos", now)
    key = layout.accepted_upload_key(job.job_id)
    accepted = read_document(inspection.models, key, AcceptedUpload)
    limits = limits_for(resolution_of(accepted, inspection.bases))
    room = Darkroom(inspection.uploads, inspection.decoder, limits)
    verdicts = verdicts_of(job.job_id, accepted.photos, room)
    report = PhotoReport(job_id=job.job_id, photos=tuple(verdicts))
    write_document(inspection.models, layout.photo_report_key(job.job_id), report)
    return summarise(report, all_must_pass=accepted.request.on_reject == "fail")


def resolution_of(accepted: AcceptedUpload, bases: Bases) -> int:
    """Return the pixels of a side that training will use."""
    wanted = accepted.request.resolution
    return bases.card(accepted.job.base_id).resolution if wanted is None else wanted


def limits_for(resolution: int) -> DecodeLimits:
    """Return how large a photo must and may be to be trained at this resolution."""
    return DecodeLimits(max(LEAST_SIDE, resolution), max_side=max(LARGEST_SIDE, resolution))


def verdicts_of(
    job_id: str, photos: Sequence[PinnedPhoto], room: Darkroom
) -> Iterator[PhotoVerdict]:
    """Give each photo its verdict; store the good ones normalised."""
    seen: dict[str, Looks | None] = {}
    for index, pin in enumerate(photos):
        try:
            body = read_pinned(room.uploads, pin, MAX_PHOTO_BYTES)
            photo = room.decoder.decode(body, room.limits)
            refuse_twin(photo, seen)
            advice = advice_on(photo.looks, seen.values())
            seen[photo.sha256] = photo.looks
        except PhotoRefusedError as error:
            yield PhotoVerdict(index=index, verdict="refused", codes=(error.code,))
        else:
            key = layout.accepted_prefix(job_id) + layout.accepted_photo_file(index)
            room.uploads.write(key, photo.png, "image/png")
            caption, more = read_caption(room.uploads, pin)
            yield good_verdict(index, photo, caption, (*more, *advice))


def refuse_twin(photo: DecodedPhoto, seen: Container[str]) -> None:
    """Let a photo pass that was not seen before.

    Raises:
        PhotoRefusedError: an earlier one has the same pixels.
    """
    if photo.sha256 in seen:
        raise PhotoRefusedError("duplicate")


def good_verdict(
    index: int, photo: DecodedPhoto, caption: str | None, advice: tuple[str, ...]
) -> PhotoVerdict:
    """Return the verdict on a photo that training will see."""
    return PhotoVerdict(
        index=index,
        verdict="repaired" if photo.codes else "accepted",
        codes=(*photo.codes, *advice),
        file=layout.accepted_photo_file(index),
        sha256=photo.sha256,
        width=photo.width,
        height=photo.height,
        caption=caption,
    )


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


def summarise(report: PhotoReport, *, all_must_pass: bool) -> PhotoSummary:
    """Count the verdicts.

    Raises:
        TooFewPhotosError: fewer than MIN_PHOTOS are good.
        PhotosRefusedError: one is not, and all must be.
    """
    good = sum(photo.verdict != "refused" for photo in report.photos)
    if good < MIN_PHOTOS:
        raise TooFewPhotosError(found=good, needed=MIN_PHOTOS)
    refused = len(report.photos) - good
    if all_must_pass and refused:
        raise PhotosRefusedError(refused=refused)
    return PhotoSummary(job_id=report.job_id, accepted=good, refused=refused)
