"""The text of a notice: what happened, why, and what to do."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts.codes import CODES, GATE_PREFIX
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.model import ModelRecord
from contracts.documents.money import Receipt
from contracts.documents.notice import ModelNotice, Notice, PhotoNotice
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.stages import NotifyOwnerInput
from contracts.documents.sweep import SweepReport, TrialReport
from contracts.documents.training import RankedPicture, SubjectScores, TrainingResult
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.shared import layout
from domain.failures.causes import failure_notice_id
from domain.intake.photo_quality import ADVICE
from domain.intake.uploads import Place
from domain.notices.problem_names import without_words
from domain.notices.subjects import fault_text
from domain.notices.verdicts import TRAINER_ADVICE, Verdicts, combine, left_out_text
from domain.ports.storage import Storage, find_document, read_document
from domain.sweeps.ranking import ranking_text

LISTED = frozenset(
    {
        *("invalid_request", "run_not_allowed", "name_refused", "option_not_for_base"),
        *("prompt_not_drawable", "consent_missing", "consent_not_enough", "consent_expired"),
    }
)
"""Codes whose problems AcceptRequest has stored, one by one."""

_FACTS = {
    "too_few_photos": "Photos that can be used: {found}; needed: {needed}.",
    "photos_too_slow": "Photos that can be used: {found}; needed: {needed}.",
    "too_many_photos": "Photos found: {found}; allowed: {most}.",
    "sweep_failed": "Trials: {trials}.",
    "quota_zero": "AWS answers: {sentence}",
    "import_kind_refused": "Kind: {kind}.",
    "import_base_differs": "It is for {made_for}; the base is a {base_is}.",
    "import_too_large": (
        "With pairs of rank {rank} it has {mebibytes} MiB; rank {fitting} fits, for example by"
        " resize_lora.py of kohya's scripts."
    ),
    "too_expensive": "Estimated: {estimate_usd} USD; allowed: {max_cost_usd} USD.",
    "price_unknown": "Instance type: {instance_type}.",
    "invalid_request": "Problems found: {problems}.",
    "run_not_allowed": "Problems found: {problems}.",
    "option_not_for_base": "Problems found: {problems}.",
    "prompt_not_drawable": "Problems found: {problems}.",
    "name_refused": "Fields with such a name: {problems}.",
}


@dataclass(frozen=True)
class Ending:
    """How an execution ended."""

    execution_arn: str
    redrive_count: int
    code: str
    facts: Mapping[str, Any]
    status: Literal["failed", "canceled"] = "failed"


def ready_notice(
    given: NotifyOwnerInput, documents: Storage, receipt: Receipt | None = None
) -> Notice:
    """Return the notice of a model that answers requests."""
    job, entry = given.job, CODES["ready"]
    accepted = read_document(
        documents, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )
    result_key = given.trained.result_uri.removeprefix(documents.uri(""))
    result = read_document(documents, result_key, TrainingResult)
    gate, left_out = result.gate, left_out_text(result.photos)
    photos = photo_notices(job, documents, result.photos, also=ADVICE | TRAINER_ADVICE)
    trials = trials_of(job, documents) if accepted.request.sweep is not None else ()
    ranked = () if gate is None or gate.identity is None else gate.ranking
    figures = (
        left_out,
        ranking_text(trials),
        best_text(ranked),
        "" if gate is None else subjects_text(gate.subjects),
        advice_on_photos(job, documents),
    )
    return Notice(
        notice_id=f"ready-{job.job_id}",
        job_id=job.job_id,
        tenant=job.tenant,
        upload=job.upload,
        status="succeeded",
        code="ready",
        title=entry.title,
        text=" ".join(filter(None, (entry.text, *figures, entry.hint))),
        retryable=entry.retryable,
        photos=photos,
        photo_names=names_key(job, photos),
        model=ModelNotice(
            endpoint_name=given.warm.endpoint_name,
            target_model=given.package.target_model,
            trigger_word=given.package.trigger_word,
            trigger_words=given.package.trigger_words,
            identity=None if gate is None else gate.identity,
            identity_base=None if gate is None else gate.identity_base,
            ranking=ranked,
        ),
        receipt=receipt,
        sweep=trials,
    )


def best_text(ranked: Sequence[RankedPicture]) -> str:
    """Return which of the gate's pictures is most like the photos; empty without any.

    >>> best_text((RankedPicture(row=9, file="pictures/00.png", identity=0.912),))
    'Most like the photos is the picture in row 9 of samples.png (pictures/00.png): 0.91.'
    """
    if not ranked or ranked[0].identity is None:
        return ""
    best = ranked[0]
    file = "" if best.file is None else f" ({best.file})"
    place = f"row {best.row} of samples.png{file}"
    return f"Most like the photos is the picture in {place}: {best.identity:.2f}."


def subjects_text(subjects: Sequence[SubjectScores]) -> str:
    """Return how alike each of several subjects is; empty for one.

    >>> one = SubjectScores(trigger_word="zwx", passed=True, effect=0.2, identity=0.912)
    >>> subjects_text((one, one.model_copy(update={"trigger_word": "rex", "identity": None})))
    'Likeness of each subject: zwx 0.91, rex not measured.'
    """
    if not subjects:
        return ""
    scores = [
        f"{one.trigger_word} {'not measured' if one.identity is None else f'{one.identity:.2f}'}"
        for one in subjects
    ]
    return f"Likeness of each subject: {', '.join(scores)}."


def trials_of(job: JobSpec, documents: Storage) -> tuple[TrialReport, ...]:
    """Return the reports of a sweep's trials, if they were written."""
    report = find_document(documents, layout.models.sweep_report_key(job.job_id), SweepReport)
    return () if report is None else report.trials


def failure_notice(
    ending: Ending,
    job: JobSpec | None,
    place: Place | None,
    documents: Storage,
    failed: TrainingResult | None = None,
) -> Notice:
    """Return the notice of a failure; ``failed`` is the trainer's result, if it ended there."""
    trainer = () if failed is None else failed.photos
    entry = CODES[ending.code]
    about = Place(job.tenant, job.upload) if job is not None else place
    owners = job is not None and entry.who == "owner"
    swept = job is not None and ending.code == "sweep_failed"
    trials = trials_of(job, documents) if job is not None and swept else ()
    photos = photo_notices(job, documents, trainer) if job is not None and owners else ()
    judged = job is not None and ending.code.startswith(GATE_PREFIX)
    advice = advice_on_photos(job, documents) if job is not None and judged else ""
    left_out = left_out_text(trainer) if owners else ""
    about_whom = subject_text(ending.code, job, documents, failed) if job is not None else ""
    facts = facts_text(ending), about_whom, left_out, ranking_text(trials), advice
    return Notice(
        notice_id=failure_notice_id(ending.execution_arn, ending.redrive_count),
        job_id=None if job is None else job.job_id,
        tenant=None if about is None else about.tenant,
        upload=None if about is None else about.upload,
        status=ending.status,
        code=ending.code,
        title=entry.title,
        text=" ".join(filter(None, (entry.text, *facts, entry.hint))),
        retryable=entry.retryable,
        photos=photos,
        photo_names=None if job is None else names_key(job, photos),
        request=request_problems(ending.code, about, documents),
        sweep=trials,
    )


def subject_text(code: str, job: JobSpec, documents: Storage, failed: TrainingResult | None) -> str:
    """Return which of several subjects the failure is about; empty for one subject."""
    accepted = find_document(
        documents, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )
    report = find_document(documents, layout.models.photo_report_key(job.job_id), PhotoReport)
    if accepted is None or report is None:
        return ""
    photos = combine(report.photos, () if failed is None else failed.photos)
    scores = () if failed is None or failed.gate is None else failed.gate.subjects
    return fault_text(code, accepted.request.subjects, photos, scores)


def facts_text(ending: Ending) -> str:
    """Return a sentence with the failure's facts; empty when it carries none."""
    try:
        return _FACTS.get(ending.code, "").format_map(ending.facts)
    except KeyError:
        return ""


def advice_on_photos(job: JobSpec, documents: Storage) -> str:
    """Return the advice of InspectPhotos on a job's photos as a set; empty without any."""
    report = find_document(documents, layout.models.photo_report_key(job.job_id), PhotoReport)
    return "" if report is None else advice_text(report)


def advice_text(report: PhotoReport) -> str:
    """Return the advice on the photos as a set, and what to do; empty without any.

    >>> advice_text(PhotoReport(job_id="0" * 32, photos=()))
    ''
    """
    entries = [CODES[code] for code in report.codes]
    return " ".join(f"{entry.text} {entry.hint}" for entry in entries)


def photo_notices(
    job: JobSpec, documents: Storage, trainer: Verdicts = (), also: Container[str] = ()
) -> tuple[PhotoNotice, ...]:
    """Return a notice for each photo that was refused, or that has a code from ``also``.

    ``trainer`` has the trainer's verdicts; it is empty where no training looked at the photos.
    """
    report = find_document(documents, layout.models.photo_report_key(job.job_id), PhotoReport)
    if report is None:
        return ()
    notices = [
        photo_notice(photo)
        for photo in combine(report.photos, trainer)
        if photo.verdict == "refused" or any(code in also for code in photo.codes)
    ]
    return tuple(notices)


def names_key(job: JobSpec, photos: tuple[PhotoNotice, ...]) -> str | None:
    """Return the key of the document with the names of the photos; None without photos."""
    return layout.models.accepted_upload_key(job.job_id) if photos else None


def photo_notice(photo: PhotoVerdict) -> PhotoNotice:
    """Return what is wrong with one photo, and what to do; its name stays in the bucket."""
    entries = [CODES[code] for code in photo.codes]
    text = " ".join(f"{entry.text} {entry.hint}" for entry in entries)
    if photo.resembles is not None and "similar_photo" in photo.codes:
        text += f" It resembles photo {photo.resembles}."
    return PhotoNotice(index=photo.index, codes=photo.codes, text=text)


def request_problems(
    code: str, place: Place | None, documents: Storage
) -> tuple[RequestProblem, ...]:
    """Return the problems that AcceptRequest found, without names that only the owner knows."""
    if code not in LISTED or place is None:
        return ()
    found = find_document(documents, layout.models.problems_key(*place), RequestProblems)
    return () if found is None else tuple(map(without_words, found.problems))


def model_record(given: NotifyOwnerInput, now: datetime) -> ModelRecord:
    """Return the model's row in the models table."""
    return ModelRecord(
        tenant=given.job.tenant,
        model_id=given.job.job_id,
        target_model=given.package.target_model,
        weights_sha256=given.package.weights_sha256,
        base_id=given.job.base_id,
        trigger_word=given.package.trigger_word,
        trigger_words=given.package.trigger_words,
        endpoint_name=given.warm.endpoint_name,
        created_at=now.isoformat(),
    )
