"""The text of a notice: what happened, why, and what to do."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload, JobSpec, PinnedPhoto
from contracts.documents.model import ModelRecord
from contracts.documents.money import Receipt
from contracts.documents.notice import ModelNotice, Notice, PhotoNotice
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.stages import NotifyOwnerInput
from contracts.documents.sweep import SweepReport, TrialReport
from contracts.documents.training import TrainingResult
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.shared import layout
from contracts.shared.prompts import name_subject
from domain.failures.causes import failure_notice_id
from domain.intake.photo_quality import ADVICE
from domain.intake.uploads import Place
from domain.notices.verdicts import TRAINER_ADVICE, Verdicts, combine, left_out_text
from domain.ports.storage import Storage, find_document, read_document
from domain.sweeps.ranking import ranking_text

MAX_FILE_NAME = 200
JUDGED = "gate_"
"""How the codes begin of a model that was trained and not good enough: advice on the photos may say
why."""

_FACTS = {
    "too_few_photos": "Photos that can be used: {found}; needed: {needed}.",
    "photos_too_slow": "Photos that can be used: {found}; needed: {needed}.",
    "too_many_photos": "Photos found: {found}; allowed: {most}.",
    "sweep_failed": "Trials: {trials}.",
    "quota_zero": "AWS answers: {sentence}",
    "import_kind_refused": "Kind: {kind}.",
    "too_expensive": "Estimated: {estimate_usd} USD; allowed: {max_cost_usd} USD.",
    "price_unknown": "Instance type: {instance_type}.",
    "invalid_request": "Problems found: {problems}.",
    "run_not_allowed": "Problems found: {problems}.",
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
    accepted = read_document(documents, layout.accepted_upload_key(job.job_id), AcceptedUpload)
    result_key = given.trained.result_uri.removeprefix(documents.uri(""))
    result = read_document(documents, result_key, TrainingResult)
    gate, left_out = result.gate, left_out_text(result.photos)
    trials = trials_of(job, documents) if accepted.request.sweep is not None else ()
    figures = left_out, ranking_text(trials), advice_on_photos(job, documents)
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
        photos=photo_notices(job, documents, result.photos, also=ADVICE | TRAINER_ADVICE),
        model=ModelNotice(
            endpoint_name=given.warm.endpoint_name,
            target_model=given.package.target_model,
            trigger_word=given.package.trigger_word,
            example_prompt=example_prompt(accepted.request),
            identity=None if gate is None else gate.identity,
            identity_base=None if gate is None else gate.identity_base,
        ),
        receipt=receipt,
        sweep=trials,
    )


def trials_of(job: JobSpec, documents: Storage) -> tuple[TrialReport, ...]:
    """Return the reports of a sweep's trials, if they were written."""
    report = find_document(documents, layout.sweep_report_key(job.job_id), SweepReport)
    return () if report is None else report.trials


def failure_notice(
    ending: Ending,
    job: JobSpec | None,
    place: Place | None,
    documents: Storage,
    trainer: Verdicts = (),
) -> Notice:
    """Return the notice of a failure; ``trainer`` has the trainer's verdicts, if it ended there."""
    entry = CODES[ending.code]
    about = Place(job.tenant, job.upload) if job is not None else place
    owners = job is not None and entry.who == "owner"
    swept = job is not None and ending.code == "sweep_failed"
    trials = trials_of(job, documents) if job is not None and swept else ()
    judged = job is not None and ending.code.startswith(JUDGED)
    advice = advice_on_photos(job, documents) if job is not None and judged else ""
    left_out = left_out_text(trainer) if owners else ""
    facts = facts_text(ending), left_out, ranking_text(trials), advice
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
        photos=photo_notices(job, documents, trainer) if job is not None and owners else (),
        request=request_problems(ending.code, about, documents),
        sweep=trials,
    )


def facts_text(ending: Ending) -> str:
    """Return a sentence with the failure's facts; empty when it carries none."""
    try:
        return _FACTS.get(ending.code, "").format_map(ending.facts)
    except KeyError:
        return ""


def advice_on_photos(job: JobSpec, documents: Storage) -> str:
    """Return the advice of InspectPhotos on a job's photos as a set; empty without any."""
    report = find_document(documents, layout.photo_report_key(job.job_id), PhotoReport)
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
    report = find_document(documents, layout.photo_report_key(job.job_id), PhotoReport)
    accepted = find_document(documents, layout.accepted_upload_key(job.job_id), AcceptedUpload)
    if report is None or accepted is None:
        return ()
    notices = [
        photo_notice(photo, accepted)
        for photo in combine(report.photos, trainer)
        if photo.verdict == "refused" or any(code in also for code in photo.codes)
    ]
    return tuple(sorted(notices, key=lambda notice: notice.file))


def photo_notice(photo: PhotoVerdict, accepted: AcceptedUpload) -> PhotoNotice:
    """Return what is wrong with one photo, and what to do."""
    prefix = layout.upload_prefix(accepted.job.tenant, accepted.job.upload)
    pin = accepted.photos[photo.index]
    shown = shown_name(pin, prefix)
    entries = [CODES[code] for code in photo.codes]
    text = " ".join(f"{entry.text} {entry.hint}" for entry in entries)
    if photo.resembles is not None and "similar_photo" in photo.codes:
        text += f" It resembles {shown_name(accepted.photos[photo.resembles], prefix)}."
    return PhotoNotice(file=shown, codes=photo.codes, text=text)


def shown_name(pin: PinnedPhoto, prefix: str) -> str:
    """Return the owner's name for a photo, shortened, with ``?`` for invisible characters."""
    name = pin.name or pin.key.removeprefix(prefix)
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_FILE_NAME])


def request_problems(
    code: str, place: Place | None, documents: Storage
) -> tuple[RequestProblem, ...]:
    """Return the problems that AcceptRequest found in the request."""
    if code not in {"invalid_request", "run_not_allowed"} or place is None:
        return ()
    found = find_document(documents, layout.problems_key(*place), RequestProblems)
    return () if found is None else found.problems


def example_prompt(request: TrainingRequest) -> str:
    """Return the instance prompt with the trigger word in place of its placeholder."""
    return name_subject(request.instance_prompt, request.trigger_word)


def model_record(given: NotifyOwnerInput, now: datetime) -> ModelRecord:
    """Return the model's row in the models table."""
    return ModelRecord(
        tenant=given.job.tenant,
        model_id=given.job.job_id,
        target_model=given.package.target_model,
        weights_sha256=given.package.weights_sha256,
        base_id=given.job.base_id,
        trigger_word=given.package.trigger_word,
        endpoint_name=given.warm.endpoint_name,
        created_at=now.isoformat(),
    )
