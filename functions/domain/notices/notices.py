"""The one message that an upload ends in: what to say, and to say it once."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.model import ModelRecord
from contracts.documents.money import Receipt
from contracts.documents.notice import ModelNotice, Notice, PhotoNotice
from contracts.documents.photos import PhotoReport, PhotoVerdict
from contracts.documents.stages import NotifyFailureInput, NotifyOwnerInput
from contracts.documents.sweep import PointReport, SweepReport
from contracts.documents.training import TrainingResult
from contracts.documents.upload.problems import RequestProblem, RequestProblems
from contracts.documents.upload.request import TRIGGER_PLACEHOLDERS, TrainingRequest
from contracts.shared import layout
from domain.failures.causes import code_of, facts_of, failure_notice_id, own_failure
from domain.intake.photo_quality import ADVICE
from domain.intake.uploads import Place, find_place
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, find_document, read_document
from domain.sweeps.ranking import in_words
from domain.training.billing import total

MAX_FILE_NAME = 200
_FACTS = {
    "too_few_photos": "Photos that can be used: {found}; needed: {needed}.",
    "too_many_photos": "Photos found: {found}; allowed: {most}.",
    "sweep_failed": "Points tried: {points}.",
    "too_expensive": "Estimated: {estimate_usd} USD; allowed: {max_cost_usd} USD.",
    "invalid_request": "Problems found: {problems}.",
}


class Notifier(Protocol):
    """Carries notices to the owner's systems; may deliver one twice, under one notice_id."""

    def publish(self, notice: Notice) -> None:
        """Send the notice."""
        ...


class Models(Protocol):
    """Which models a tenant has."""

    def record(self, model: ModelRecord) -> None:
        """Remember a model; the same one again changes nothing."""
        ...


@dataclass(frozen=True)
class Desk:
    """What telling the owner needs of the world."""

    documents: Storage
    """The models bucket."""
    jobs: Jobs
    notifier: Notifier


@dataclass(frozen=True)
class Ending:
    """How an execution ended, for the owner."""

    execution_arn: str
    redrive_count: int
    code: str
    facts: Mapping[str, Any]
    status: Literal["failed", "canceled"] = "failed"


def notify_owner(given: NotifyOwnerInput, desk: Desk, models: Models, now: datetime) -> Notice:
    """Record the model and tell its owner."""
    job = given.job
    desk.jobs.advance(job.job_id, "NotifyOwner", now)
    models.record(model_record(given, now))
    notice = ready_notice(given, desk.documents, receipt_of(job, desk.jobs))
    deliver(notice, desk, now)
    desk.jobs.finish(job.job_id, "succeeded", None, now)
    return notice


def notify_failure(given: NotifyFailureInput, desk: Desk, now: datetime) -> Notice:
    """Tell the owner what failed, why and what to do."""
    ending = Ending(
        execution_arn=given.execution_arn,
        redrive_count=given.failed.redrive_count,
        code=code_of(given.failure),
        facts=facts_of(own_failure(given.failure).cause),
        status="canceled" if code_of(given.failure) == "canceled" else "failed",
    )
    job = given.job if given.job is not None else job_of(given.execution_arn, desk.jobs)
    return end(ending, job, find_place(given.event.detail.object.key), desk, now)


def end(
    ending: Ending, job: JobSpec | None, place: Place | None, desk: Desk, now: datetime
) -> Notice:
    """Send the notice of a failure, and close the job if there is one."""
    notice = failure_notice(ending, job, place, desk.documents)
    notice = notice.model_copy(update={"receipt": receipt_of(job, desk.jobs)})
    deliver(notice, desk, now)
    if job is not None:
        close_points(job, ending, desk.jobs, now)
        desk.jobs.finish(job.job_id, ending.status, ending.code, now)
    return notice


def close_points(job: JobSpec, ending: Ending, jobs: Jobs, now: datetime) -> None:
    """Close what a sweep has left open: nobody waits for its points any more.

    The next launch leaves them out, and what trains for nobody is stopped with its bill.
    """
    record = jobs.get(job.job_id)
    for point_id in () if record is None else record.points:
        point = jobs.get(point_id)
        if point is not None and point.status in {"starting", "processing"}:
            jobs.finish(point_id, ending.status, ending.code, now)


def deliver(notice: Notice, desk: Desk, now: datetime) -> None:
    """Send a notice once; a job that has had another one gets no second.

    Sent, then remembered: a crash in between sends the same notice_id again, and nothing is lost.
    """
    record = None if notice.job_id is None else desk.jobs.get(notice.job_id)
    told = record is not None and record.notice_id not in {None, notice.notice_id}
    if told or desk.jobs.notice_sent(notice.notice_id):
        return
    desk.notifier.publish(notice)
    desk.jobs.note_notice(notice.notice_id, notice.job_id, now)


def job_of(execution_arn: str, jobs: Jobs) -> JobSpec | None:
    """Return the job that the execution had claimed when it failed, if it came so far."""
    record = jobs.by_execution(execution_arn)
    return None if record is None else record.spec()


# --- what is said ---------------------------------------------------------------------------


def receipt_of(job: JobSpec | None, jobs: Jobs) -> Receipt | None:
    """Return what the job's trainings cost, as far as it is known; a sweep's are its points'."""
    record = jobs.get(job.job_id) if job is not None else None
    if record is None:
        return None
    points = [jobs.get(point) for point in record.points]
    records = [record, *(point for point in points if point is not None)]
    summed = total(receipt for one in records for receipt in one.receipts.values())
    trainings = {name for one in records for name in one.receipts}
    return summed and summed.model_copy(update={"training_jobs": len(trainings)})


def ready_notice(
    given: NotifyOwnerInput, documents: Storage, receipt: Receipt | None = None
) -> Notice:
    """Return the news of a model that answers requests."""
    job, entry = given.job, CODES["ready"]
    accepted = read_document(documents, layout.accepted_upload_key(job.job_id), AcceptedUpload)
    result_key = given.trained.result_uri.removeprefix(documents.uri(""))
    gate = read_document(documents, result_key, TrainingResult).gate
    points = points_of(job, documents) if accepted.request.sweep is not None else ()
    return Notice(
        notice_id=f"ready-{job.job_id}",
        job_id=job.job_id,
        tenant=job.tenant,
        upload=job.upload,
        status="succeeded",
        code="ready",
        title=entry.title,
        text=" ".join(filter(None, (entry.text, in_words(points), entry.hint))),
        retryable=entry.retryable,
        photos=photo_notices(job, documents, also=ADVICE),
        model=ModelNotice(
            endpoint_name=given.warm.endpoint_name,
            target_model=given.package.target_model,
            trigger_word=given.package.trigger_word,
            example_prompt=example_prompt(accepted.request),
            identity=None if gate is None else gate.identity,
            identity_base=None if gate is None else gate.identity_base,
        ),
        receipt=receipt,
        sweep=points,
    )


def points_of(job: JobSpec, documents: Storage) -> tuple[PointReport, ...]:
    """Return what became of a sweep's points, if it came so far."""
    report = find_document(documents, layout.sweep_report_key(job.job_id), SweepReport)
    return () if report is None else report.points


def failure_notice(
    ending: Ending, job: JobSpec | None, place: Place | None, documents: Storage
) -> Notice:
    """Return what to tell the owner of a failure."""
    entry = CODES[ending.code]
    about = Place(job.tenant, job.upload) if job is not None else place
    owners = job is not None and entry.who == "owner"
    swept = job is not None and ending.code == "sweep_failed"
    points = points_of(job, documents) if job is not None and swept else ()
    return Notice(
        notice_id=failure_notice_id(ending.execution_arn, ending.redrive_count),
        job_id=None if job is None else job.job_id,
        tenant=None if about is None else about.tenant,
        upload=None if about is None else about.upload,
        status=ending.status,
        code=ending.code,
        title=entry.title,
        text=" ".join(filter(None, (entry.text, in_figures(ending), in_words(points), entry.hint))),
        retryable=entry.retryable,
        photos=photo_notices(job, documents) if job is not None and owners else (),
        request=request_problems(ending.code, about, documents),
        sweep=points,
    )


def in_figures(ending: Ending) -> str:
    """Say the failure's facts; nothing, when it came without them."""
    try:
        return _FACTS.get(ending.code, "").format_map(ending.facts)
    except KeyError:
        return ""


def photo_notices(
    job: JobSpec, documents: Storage, also: Container[str] = ()
) -> tuple[PhotoNotice, ...]:
    """Return what to tell of refused photos, and of those with one of these codes ``also``."""
    report = find_document(documents, layout.photo_report_key(job.job_id), PhotoReport)
    accepted = find_document(documents, layout.accepted_upload_key(job.job_id), AcceptedUpload)
    if report is None or accepted is None:
        return ()
    notices = [
        photo_notice(photo, accepted)
        for photo in report.photos
        if photo.verdict == "refused" or any(code in also for code in photo.codes)
    ]
    return tuple(sorted(notices, key=lambda notice: notice.file))


def photo_notice(photo: PhotoVerdict, accepted: AcceptedUpload) -> PhotoNotice:
    """Return what is wrong with one photo and what to do."""
    prefix = layout.upload_prefix(accepted.job.tenant, accepted.job.upload)
    pin = accepted.photos[photo.index]
    name = pin.name or pin.key.removeprefix(prefix)
    shown = "".join(c if c.isprintable() else "?" for c in name[:MAX_FILE_NAME])
    entries = [CODES[code] for code in photo.codes]
    text = " ".join(f"{entry.text} {entry.hint}" for entry in entries)
    return PhotoNotice(file=shown, codes=photo.codes, text=text)


def request_problems(
    code: str, place: Place | None, documents: Storage
) -> tuple[RequestProblem, ...]:
    """Return what AcceptRequest found wrong with the request."""
    if code != "invalid_request" or place is None:
        return ()
    found = find_document(documents, layout.problems_key(*place), RequestProblems)
    return () if found is None else found.problems


def example_prompt(request: TrainingRequest) -> str:
    """Return the instance prompt with the trigger word in its place."""
    prompt = request.instance_prompt
    for placeholder in TRIGGER_PLACEHOLDERS:
        prompt = prompt.replace(placeholder, request.trigger_word)
    return prompt


def model_record(given: NotifyOwnerInput, now: datetime) -> ModelRecord:
    """Return the row of the models table."""
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
