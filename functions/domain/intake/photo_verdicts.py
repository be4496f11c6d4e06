"""The verdict on each photo by itself; good photos are stored as normalised copies."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from contracts.documents.job import PinnedObject, PinnedPhoto
from contracts.documents.photos import PhotoVerdict, StoredFile
from contracts.shared import layout
from contracts.shared.people.thresholds import IntakeThresholds
from contracts.shared.rejection import PhotoRejectedError
from domain.intake.inspection_progress import Progress
from domain.intake.normalisation import (
    NormalisationServices,
    normalise,
    normalise_mask,
    read_caption,
    store,
)
from domain.intake.photo_quality import advice_on, old_among, resembled
from domain.ports.decoder import DecodedPhoto, PhotoMetrics


def verdicts_of(
    photos: Sequence[PinnedPhoto], services: NormalisationServices, progress: Progress
) -> list[PhotoVerdict]:
    """Return each photo's verdict; store a normalised copy of each good photo."""
    judged = list(inspect_each(photos, services, progress))
    return [
        verdict.model_copy(update={"codes": (*verdict.codes, "old_photo")}) if old else verdict
        for (verdict, _), old in zip(judged, old_among([day for _, day in judged]), strict=True)
    ]


def inspect_each(
    photos: Sequence[PinnedPhoto], services: NormalisationServices, progress: Progress
) -> Iterator[tuple[PhotoVerdict, int | None]]:
    """Yield each photo's verdict by itself, and the day on which the photo was taken.

    The day is None for a photo that an earlier attempt has inspected: it is stored nowhere.
    """
    seen: dict[str, PhotoMetrics | None] = {}
    used: list[int] = []
    for index, pin in enumerate(photos):
        taken = None
        known = progress.known(index)
        if known is None:
            verdict, metrics, taken = inspect_one(index, pin, services, progress, seen)
            verdict = with_likeness(verdict, metrics, (seen.values(), used), services.thresholds)
            progress.record(verdict, metrics)
        else:
            verdict, metrics = known
        if verdict.sha256 is not None:
            seen[verdict.sha256] = metrics
            used.append(index)
        yield verdict, taken


def with_likeness(
    verdict: PhotoVerdict,
    metrics: PhotoMetrics | None,
    earlier: tuple[Iterable[PhotoMetrics | None], Sequence[int]],
    thresholds: IntakeThresholds,
) -> PhotoVerdict:
    """Return a verdict with the index of the earlier photo that the photo resembles, if any.

    Args:
        verdict: on the photo.
        metrics: the photo's figures.
        earlier: figures of the earlier photos that are used, and those photos' indices.
        thresholds: how much two similar photos differ.
    """
    figures, indices = earlier
    place = None if metrics is None else resembled(metrics, figures, thresholds)
    return verdict if place is None else verdict.model_copy(update={"resembles": indices[place]})


def inspect_one(
    index: int,
    pin: PinnedPhoto,
    services: NormalisationServices,
    progress: Progress,
    seen: Mapping[str, PhotoMetrics | None],
) -> tuple[PhotoVerdict, PhotoMetrics | None, int | None]:
    """Return the photo's verdict, its figures, and the day on which it was taken."""
    try:
        begin(f"photo {index}", services, progress)
        photo = normalise(services, pin, seen)
    except PhotoRejectedError as error:
        refusal = PhotoVerdict(
            index=index, verdict="refused", codes=(error.code,), subject=pin.subject
        )
        return refusal, None, None
    advice = advice_on(photo.metrics, seen.values(), services.thresholds)
    verdict = good_verdict(index, pin, photo, advice, services)
    return verdict, photo.metrics, photo.taken


def begin(file: str, services: NormalisationServices, progress: Progress) -> None:
    """Record that a file is about to be decoded.

    Raises:
        PhotoRejectedError: there is no time left, or the file has ended earlier attempts.
    """
    if not services.may_decode(progress.seconds):
        raise PhotoRejectedError("not_inspected")
    if not progress.begin(file, services.decoder.seconds):
        raise PhotoRejectedError("too_complex")


def good_verdict(
    index: int,
    pin: PinnedPhoto,
    photo: DecodedPhoto,
    advice: tuple[str, ...],
    services: NormalisationServices,
) -> PhotoVerdict:
    """Return the verdict on a photo that passed; store the photo and its mask."""
    stored = store(services, layout.uploads.accepted_photo_file(index), photo.png)
    caption, about_caption = read_caption(services.uploads, pin)
    mask = None if pin.mask is None else store_mask(index, pin.mask, photo, services)
    about_mask = ("mask_ignored",) if pin.mask is not None and mask is None else ()
    return PhotoVerdict(
        index=index,
        verdict="repaired" if photo.codes else "accepted",
        codes=(*photo.codes, *about_caption, *about_mask, *advice),
        file=stored.file,
        sha256=stored.sha256,
        width=photo.width,
        height=photo.height,
        caption=caption,
        mask=mask,
        repeats=pin.repeats,
        subject=pin.subject,
    )


def store_mask(
    index: int, mask: PinnedObject, photo: DecodedPhoto, services: NormalisationServices
) -> StoredFile | None:
    """Store a photo's mask in the photo's size; None when the mask cannot be used."""
    png = normalise_mask(services, mask, photo)
    return None if png is None else store(services, layout.uploads.accepted_mask_file(index), png)


def stored_class(
    photos: Sequence[PinnedObject], services: NormalisationServices, progress: Progress
) -> Iterator[StoredFile]:
    """Store and yield a normalised copy of each good class picture; leave out the others."""
    seen: set[str] = set()
    for index, pin in enumerate(photos):
        try:
            begin(f"class {index}", services, progress)
            photo = normalise(services, pin, seen)
        except PhotoRejectedError:
            continue
        seen.add(photo.sha256)
        yield store(services, layout.uploads.accepted_class_file(index), photo.png)
