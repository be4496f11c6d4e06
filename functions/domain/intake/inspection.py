"""A verdict for every photo, before any GPU second is paid; and whether there are enough."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.job import AcceptedUpload, JobSpec, PinnedObject, PinnedPhoto
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict, StoredFile
from contracts.errors import PhotosRefusedError, TooFewPhotosError
from contracts.shared import layout
from domain.intake.normalisation import (
    Darkroom,
    DecodedPhoto,
    Decoder,
    PhotoRefusedError,
    develop,
    develop_mask,
    limits_for,
    read_caption,
    store,
)
from domain.intake.photo_quality import Looks, advice_on, old_among
from domain.ports.bases import Bases
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, read_document, write_document
from domain.pricing.estimating import agree_on_price

MIN_PHOTOS = 5
"""Below this a subject is not learnt, only copied."""


@dataclass(frozen=True)
class Inspection:
    """What inspecting needs of the world."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs
    decoder: Decoder
    instance_type: str
    """That would train, for what a dry run tells."""


def inspect_photos(job: JobSpec, inspection: Inspection, now: datetime) -> PhotoSummary:
    """Look at every pinned photo; store the good ones normalised, and the report.

    Raises:
        TooFewPhotosError: fewer than MIN_PHOTOS are good; the report is stored nevertheless.
        PhotosRefusedError: one is not good, and the request says that all must be.
        TooExpensiveError: a dry run finds the training dearer than the request allows.
    """
    inspection.jobs.advance(job.job_id, "InspectPhotos", now)
    key = layout.accepted_upload_key(job.job_id)
    accepted = read_document(inspection.models, key, AcceptedUpload)
    limits = limits_for(resolution_of(accepted, inspection.bases))
    room = Darkroom(inspection.uploads, inspection.decoder, limits, job.job_id)
    verdicts = tuple(verdicts_of(accepted.photos, room))
    class_photos = tuple(stored_class(accepted.class_photos, room))
    all_of_class = len(class_photos) == len(accepted.class_photos)
    report = PhotoReport(
        job_id=job.job_id,
        photos=verdicts,
        codes=(*advice_on_set(verdicts), *(() if all_of_class else ("class_photos_ignored",))),
        class_photos=class_photos,
    )
    write_document(inspection.models, layout.photo_report_key(job.job_id), report)
    summary = summarise(report, all_must_pass=accepted.request.on_reject == "fail")
    if not accepted.request.dry_run:
        return summary.model_copy(update={"sweep": accepted.request.sweep is not None})
    agree_on_price(
        job.job_id,
        inspection.jobs,
        inspection.models,
        inspection.bases.storage,
        inspection.instance_type,
    )
    return summary.model_copy(update={"dry_run": True})


def resolution_of(accepted: AcceptedUpload, bases: Bases) -> int:
    """Return the pixels of a side that training will use."""
    wanted = accepted.request.resolution
    return bases.card(accepted.job.base_id).resolution if wanted is None else wanted


def verdicts_of(photos: Sequence[PinnedPhoto], room: Darkroom) -> list[PhotoVerdict]:
    """Give each photo its verdict; store the good ones normalised."""
    judged = list(judge(photos, room))
    return [
        verdict.model_copy(update={"codes": (*verdict.codes, "old_photo")}) if old else verdict
        for (verdict, _), old in zip(judged, old_among([day for _, day in judged]), strict=True)
    ]


def judge(
    photos: Sequence[PinnedPhoto], room: Darkroom
) -> Iterator[tuple[PhotoVerdict, int | None]]:
    """Give each photo a verdict of its own, and the day on which it was taken."""
    seen: dict[str, Looks | None] = {}
    for index, pin in enumerate(photos):
        try:
            photo = develop(room, pin, seen)
        except PhotoRefusedError as error:
            yield PhotoVerdict(index=index, verdict="refused", codes=(error.code,)), None
            continue
        advice = advice_on(photo.looks, seen.values())
        seen[photo.sha256] = photo.looks
        yield good_verdict(index, pin, photo, advice, room), photo.taken


def good_verdict(
    index: int, pin: PinnedPhoto, photo: DecodedPhoto, advice: tuple[str, ...], room: Darkroom
) -> PhotoVerdict:
    """Return the verdict on a photo that training will see; store it and its mask."""
    stored = store(room, layout.accepted_photo_file(index), photo.png)
    caption, about_words = read_caption(room.uploads, pin)
    mask = None if pin.mask is None else store_mask(index, pin.mask, photo, room)
    about_mask = ("mask_ignored",) if pin.mask is not None and mask is None else ()
    return PhotoVerdict(
        index=index,
        verdict="repaired" if photo.codes else "accepted",
        codes=(*photo.codes, *about_words, *about_mask, *advice),
        file=stored.file,
        sha256=stored.sha256,
        width=photo.width,
        height=photo.height,
        caption=caption,
        mask=mask,
        repeats=pin.repeats,
    )


def store_mask(
    index: int, mask: PinnedObject, photo: DecodedPhoto, room: Darkroom
) -> StoredFile | None:
    """Store a photo's mask in the photo's size; None when it cannot be used."""
    png = develop_mask(room, mask, photo)
    return None if png is None else store(room, layout.accepted_mask_file(index), png)


def stored_class(photos: Sequence[PinnedObject], room: Darkroom) -> Iterator[StoredFile]:
    """Store the good pictures of the class normalised; the others are left out."""
    seen: set[str] = set()
    for index, pin in enumerate(photos):
        try:
            photo = develop(room, pin, seen)
        except PhotoRefusedError:
            continue
        seen.add(photo.sha256)
        yield store(room, layout.accepted_class_file(index), photo.png)


def advice_on_set(photos: Iterable[PhotoVerdict]) -> tuple[str, ...]:
    """Return what is not good about the photos as a set."""
    good = [photo for photo in photos if photo.verdict != "refused"]
    moments = sum("similar_photo" not in photo.codes for photo in good)
    return ("little_variety",) if moments < MIN_PHOTOS <= len(good) else ()


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
