"""The stage InspectPhotos: a report on every photo, before any GPU second is paid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.job import AcceptedUpload, JobSpec, PinnedObject
from contracts.documents.photos import PhotoReport, PhotoSummary, PhotoVerdict
from contracts.documents.stages import PhotoInspection, TrainingDecision
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError, PersonsMixedError
from contracts.shared import layout
from contracts.shared.limits import MAX_PHOTOS
from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from contracts.shared.words.name_list import NO_NAMES, NameList, has_name
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
from domain.intake.normalisation import NormalisationServices, limits_for
from domain.intake.photo_set import (
    advice_on_captions,
    advice_on_samples,
    advice_on_set,
    advice_on_texts,
    summarise,
)
from domain.intake.photo_verdicts import stored_class, verdicts_of
from domain.intake.trigger_words import advice_on_trigger
from domain.ports.bases import Bases
from domain.ports.decoder import Decoder
from domain.ports.faces import FaceFinder
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, read_document, write_document
from domain.pricing.agreement import PricingServices, agree_on_price
from domain.pricing.prices import PUBLISHED, PriceTable

CAPTIONS = "captions"
"""What the caption of a photo is called in a problem, before the photo's number."""


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
    key = layout.models.accepted_upload_key(job.job_id)
    accepted = read_document(services.models, key, AcceptedUpload)
    if accepted.adapter is not None:
        return inspect_import(accepted, accepted.adapter, services)
    progress = Progress(job.job_id, services.models)
    progress.forget_lost(services.uploads, layout.uploads.accepted_prefix(job.job_id))
    report, people = report_on(accepted, services, progress)
    write_document(services.models, layout.models.photo_report_key(job.job_id), report)
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
        key = layout.models.problems_key(job.tenant, job.upload)
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
    write_document(services.models, layout.models.photo_report_key(job_id), report)
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
    codes |= dict.fromkeys(advice_on_samples(accepted.request))
    codes |= dict.fromkeys(advice_on_texts(accepted.photos, verdicts, accepted.unused_texts))
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
