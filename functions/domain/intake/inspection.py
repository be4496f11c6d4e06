"""Give every photo a verdict before any GPU second is paid, and check that enough photos passed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.job import AcceptedUpload, JobSpec, PinnedObject, PinnedPhoto
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict, StoredFile
from contracts.documents.stages import PhotoInspection, TrainingDecision
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import (
    InvalidRequestError,
    PersonsMixedError,
    PhotosRefusedError,
    PhotosTooSlowError,
    TooFewPhotosError,
)
from contracts.shared import layout
from contracts.shared.limits import ADVISED_PHOTOS, MAX_PHOTOS, MIN_PHOTOS
from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from contracts.shared.rejection import PhotoRejectedError
from contracts.shared.words.name_list import NO_NAMES, NameList, has_name
from contracts.shared.words.prompts import names_subject
from domain.intake.content import (
    NO_JUDGES,
    ContentJudges,
    ContentServices,
    check_content,
    passing,
)
from domain.intake.faces import CheckedFaces, FaceServices, check_faces, looks_for_faces
from domain.intake.imports import store_import
from domain.intake.inspection_progress import Progress
from domain.intake.normalisation import (
    NormalisationServices,
    limits_for,
    normalise,
    normalise_mask,
    read_caption,
    store,
)
from domain.intake.photo_quality import advice_on, old_among, resembled
from domain.intake.trigger_words import advice_on_trigger
from domain.ports.bases import Bases
from domain.ports.decoder import DecodedPhoto, Decoder, PhotoMetrics
from domain.ports.faces import FaceFinder
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, read_document, write_document
from domain.pricing.agreement import PricingServices, agree_on_price
from domain.pricing.prices import PUBLISHED, PriceTable

CAPTIONS = "captions"
"""What the caption of a photo is called in a problem, before the photo's number."""

TOO_SLOW = {"too_complex", "not_inspected"}
"""Codes of photos that were refused for their decoding time or memory."""


@dataclass(frozen=True)
class InspectionServices:
    """What inspecting photos needs."""

    uploads: Storage
    models: Storage
    bases: Bases
    jobs: Jobs
    decoder: Decoder
    instance_type: str
    """Instance type of the training jobs, for a dry run's estimate."""
    has_time: Callable[[], bool] = lambda: True
    """Whether the stage's own time is not over."""
    prices: PriceTable = PUBLISHED
    faces: FaceFinder | None = None
    """None where the stack looks for no faces at intake."""
    thresholds: IntakeThresholds = DEFAULTS
    captioning_photos: int = MAX_PHOTOS + 1
    """Number of photos to describe from which CaptionPhotos comes before the training."""
    names: NameList = NO_NAMES
    """Names that nobody may train, in a caption either."""
    judges: ContentJudges = NO_JUDGES
    """The operator's classifiers of photos."""

    @property
    def pricing(self) -> PricingServices:
        """The services for the estimate of a dry run."""
        return PricingServices(
            self.jobs, self.models, self.bases.storage, self.instance_type, self.prices
        )


def inspect_photos(job: JobSpec, services: InspectionServices, now: datetime) -> PhotoInspection:
    """Inspect every pinned photo; store the report and a normalised copy of each good photo.

    Raises:
        TooFewPhotosError: fewer than MIN_PHOTOS are good; the report is stored nevertheless.
        PhotosTooSlowError: likewise, but enough would be without the time that decoding takes.
        PersonsMixedError: the photos show several people, and none of them on most photos.
        InvalidRequestError: a caption has a name of the operator's list (``name_refused``).
        ImportRefusedError: the LoRA of an import cannot be read, or cannot be served.
        DecoderBrokenError: the face finder or a classifier does not start.
        PhotosRefusedError: a photo is refused, and the request demands that all pass.
        TooExpensiveError: a dry run's estimate is above what the request allows.
        PriceUnknownError: a dry run has ``max_cost_usd``, and the instance type has no price.
    """
    services.jobs.advance(job.job_id, "InspectPhotos", now)
    key = layout.accepted_upload_key(job.job_id)
    accepted = read_document(services.models, key, AcceptedUpload)
    if accepted.adapter is not None:
        return inspect_import(accepted, accepted.adapter, services)
    progress = Progress(job.job_id, services.models)
    progress.forget_lost(services.uploads, layout.accepted_prefix(job.job_id))
    report, people = report_on(accepted, services, progress)
    write_document(services.models, layout.photo_report_key(job.job_id), report)
    progress.finish()
    check_captions(report, accepted.job, services)
    if people > 1:
        raise PersonsMixedError(people=people)
    summary = summarise(report, all_must_pass=accepted.request.on_reject == "fail")
    return decided(accepted, summary, services, captions=report.to_caption > 0)


def check_captions(report: PhotoReport, job: JobSpec, services: InspectionServices) -> None:
    """Refuse captions that name somebody on the operator's list, wherever they stood.

    A list of captions, a text file, one in an archive and sd-scripts' metadata are all captions of
    the report by now.

    Raises:
        InvalidRequestError: with the code ``name_refused``; the problems have photos' numbers.
    """
    found = (one for one in report.photos if has_name(one.caption or "", services.names))
    problems = tuple(
        RequestProblem(
            field=f"{CAPTIONS}.{photo.index}",
            message="It has a name that this stack does not train.",
        )
        for photo in found
    )
    if problems:
        key = layout.problems_key(job.tenant, job.upload)
        write_document(services.models, key, RequestProblems(problems=problems))
        raise InvalidRequestError(code="name_refused", problems=len(problems))


def inspect_import(
    accepted: AcceptedUpload, adapter: PinnedObject, services: InspectionServices
) -> PhotoInspection:
    """Check the LoRA of an import instead of photos; store a copy for the trainer.

    Raises:
        ImportRefusedError: it cannot be read, or cannot be served.
    """
    job_id = accepted.job.job_id
    family = services.bases.card(accepted.job.base_id).family
    stored = store_import(job_id, adapter, services.uploads, family)
    report = PhotoReport(job_id=job_id, photos=(), adapter=stored)
    write_document(services.models, layout.photo_report_key(job_id), report)
    return decided(accepted, PhotoSummary(job_id=job_id, accepted=0, refused=0), services)


def decided(
    accepted: AcceptedUpload,
    summary: PhotoSummary,
    services: InspectionServices,
    *,
    captions: bool = False,
) -> PhotoInspection:
    """Return the stage's answer; a dry run gets its estimate."""
    decision = decide_training(accepted.request, captions=captions)
    if decision.dry_run:
        agree_on_price(summary.job_id, services.pricing)
    return PhotoInspection(**dict(summary), **dict(decision))


def report_on(
    accepted: AcceptedUpload, services: InspectionServices, progress: Progress
) -> tuple[PhotoReport, int]:
    """Return the verdicts on the photos, and the number of people when none is on most photos."""
    limits = limits_for(resolution_of(accepted, services.bases))
    job_id = accepted.job.job_id
    normalising = NormalisationServices(
        services.uploads,
        services.decoder,
        limits,
        job_id,
        services.has_time,
        thresholds_of(accepted.request, services.thresholds),
    )
    content = ContentServices(services.uploads, services.judges, job_id, services.has_time)
    plain = check_content(verdicts_of(accepted.photos, normalising, progress), content)
    checked = faces_checked(plain, accepted, services)
    verdicts = checked.photos
    class_photos = passing(stored_class(accepted.class_photos, normalising, progress), content)
    all_of_class = len(class_photos) == len(accepted.class_photos)
    report = PhotoReport(
        job_id=job_id,
        photos=verdicts,
        codes=(
            *advice_on_subjects(verdicts, checked.codes, accepted, services.bases),
            *(() if all_of_class else ("class_photos_ignored",)),
        ),
        class_photos=class_photos,
        to_caption=photos_to_caption(verdicts, accepted.request, services.captioning_photos),
    )
    return report, checked.people


def photos_to_caption(
    verdicts: Sequence[PhotoVerdict], request: TrainingRequest, least: int
) -> int:
    """Return how many photos CaptionPhotos describes; 0: fewer than ``least``, so it does not run.

    What the training job changes on a photo before it is described (crop, background) can only be
    described there.
    """
    if not request.autocaption or request.changes_photos:
        return 0
    usable = [photo for photo in verdicts if photo.verdict != "refused"]
    bare = sum(not (photo.caption or "").strip() for photo in usable)
    return bare if bare >= least else 0


def advice_on_subjects(
    verdicts: Sequence[PhotoVerdict],
    about_faces: Sequence[str],
    accepted: AcceptedUpload,
    bases: Bases,
) -> tuple[str, ...]:
    """Return the codes of advice on the photos as a set; of several subjects, on that of each."""
    card, codes = bases.card(accepted.job.base_id), dict[str, None]()
    for number, request in enumerate(accepted.request.of_each()):
        own = [photo for photo in verdicts if photo.subject == number]
        codes |= dict.fromkeys(advice_on_set(own))
        codes |= dict.fromkeys(about_faces if number == 0 else ())
        codes |= dict.fromkeys(advice_on_trigger(request.trigger_word, card, bases))
        codes |= dict.fromkeys(advice_on_captions(own, request.trigger_word))
    return tuple(codes)


def faces_checked(
    photos: Sequence[PhotoVerdict], accepted: AcceptedUpload, services: InspectionServices
) -> CheckedFaces:
    """Return the verdicts with those on faces, where the request and the stack want them.

    Each subject's photos are compared with one another only.
    """
    checked = [
        faces_of_subject(
            [photo for photo in photos if photo.subject == number], request, accepted.job, services
        )
        for number, request in enumerate(accepted.request.of_each())
    ]
    return CheckedFaces(
        tuple(sorted((photo for one in checked for photo in one.photos), key=lambda p: p.index)),
        tuple(dict.fromkeys(code for one in checked for code in one.codes)),
        max(one.people for one in checked),
    )


def faces_of_subject(
    photos: Sequence[PhotoVerdict],
    request: TrainingRequest,
    job: JobSpec,
    services: InspectionServices,
) -> CheckedFaces:
    """Return the verdicts on the photos of one subject with those on faces."""
    card = services.bases.card(job.base_id)
    if services.faces is None or not looks_for_faces(request, card):
        return CheckedFaces(tuple(photos))
    thresholds = thresholds_of(request, services.thresholds)
    faces = FaceServices(
        services.uploads, services.faces, job.job_id, services.has_time, thresholds
    )
    return check_faces(photos, faces)


def thresholds_of(request: TrainingRequest, stack: IntakeThresholds) -> IntakeThresholds:
    """Return the stack's thresholds; a request may only demand more of its photos."""
    raised = {
        name: max(wanted, getattr(stack, name))
        for name in ("quality_threshold", "min_face_clarity")
        if (wanted := getattr(request, name)) is not None
    }
    return stack.model_copy(update=raised)


def decide_training(request: TrainingRequest, *, captions: bool = False) -> TrainingDecision:
    """Return what the workflow does after the inspection; a dry run goes before all else."""
    trains = not request.dry_run
    return TrainingDecision(
        dry_run=request.dry_run,
        captions=captions and trains,
        sweep=request.sweep is not None and trains,
    )


def resolution_of(accepted: AcceptedUpload, bases: Bases) -> int:
    """Return the training resolution: the pixels of a side."""
    wanted = accepted.request.resolution
    return bases.card(accepted.job.base_id).resolution if wanted is None else wanted


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
    stored = store(services, layout.accepted_photo_file(index), photo.png)
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
    return None if png is None else store(services, layout.accepted_mask_file(index), png)


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
        yield store(services, layout.accepted_class_file(index), photo.png)


def advice_on_set(photos: Iterable[PhotoVerdict]) -> tuple[str, ...]:
    """Return the codes of advice on the photos as a set."""
    good = [photo for photo in photos if photo.verdict != "refused"]
    moments = sum("similar_photo" not in photo.codes for photo in good)
    advice = {
        "few_photos": MIN_PHOTOS <= len(good) < ADVISED_PHOTOS,
        "little_variety": moments < MIN_PHOTOS <= len(good),
    }
    return tuple(code for code, applies in advice.items() if applies)


def advice_on_captions(photos: Iterable[PhotoVerdict], trigger_word: str) -> tuple[str, ...]:
    """Return the codes of advice on the captions as a set."""
    captions = [photo.caption for photo in photos if photo.caption is not None]
    named = any(names_subject(caption, trigger_word) for caption in captions)
    return ("captions_without_subject",) if captions and not named else ()


def summarise(report: PhotoReport, *, all_must_pass: bool) -> PhotoSummary:
    """Count the verdicts.

    Raises:
        TooFewPhotosError: fewer than MIN_PHOTOS are good; of several subjects, of one of them.
        PhotosTooSlowError: likewise, but enough would be without the time that decoding takes.
        PhotosRefusedError: a photo is refused, and all must pass.
    """
    for subject in sorted({photo.subject for photo in report.photos}) or [0]:
        require_enough([photo for photo in report.photos if photo.subject == subject])
    good = sum(photo.verdict != "refused" for photo in report.photos)
    refused = len(report.photos) - good
    if all_must_pass and refused:
        raise PhotosRefusedError(refused=refused)
    return PhotoSummary(job_id=report.job_id, accepted=good, refused=refused)


def require_enough(photos: Sequence[PhotoVerdict]) -> None:
    """Check that enough photos of one subject are good.

    Raises:
        TooFewPhotosError, PhotosTooSlowError: as ``summarise``.
    """
    good = sum(photo.verdict != "refused" for photo in photos)
    slow = sum(bool(TOO_SLOW & set(photo.codes)) for photo in photos)
    if good < MIN_PHOTOS <= good + slow:
        raise PhotosTooSlowError(found=good, needed=MIN_PHOTOS)
    if good < MIN_PHOTOS:
        raise TooFewPhotosError(found=good, needed=MIN_PHOTOS)
