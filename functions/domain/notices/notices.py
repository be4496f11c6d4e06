"""The one message that an upload ends in: it is sent once."""

from dataclasses import replace
from datetime import datetime

from contracts.documents.job import JobSpec
from contracts.documents.money import Receipt
from contracts.documents.notice import Notice
from contracts.documents.stages import NotifyFailureInput, NotifyOwnerInput
from contracts.errors import SubjectErasedError
from domain.failures.causes import code_of, facts_of, own_failure
from domain.intake.uploads import Place, find_place
from domain.notices.services import NoticeServices
from domain.notices.verdicts import failed_result
from domain.notices.words import Ending, failure_notice, model_record, ready_notice
from domain.ports.jobs import Jobs
from domain.ports.models import Models
from domain.training.billing import total

ERASED = SubjectErasedError.code


def notify_owner(
    given: NotifyOwnerInput, services: NoticeServices, models: Models, now: datetime
) -> Notice:
    """Store the model's record and send its owner the notice; the job has succeeded."""
    job = given.job
    services.jobs.advance(job.job_id, "NotifyOwner", now)
    models.record(model_record(given, now))
    notice = ready_notice(given, services.documents, receipt_of(job, services.jobs))
    deliver(notice, services, now)
    services.jobs.finish(job.job_id, "succeeded", None, now)
    return notice


def notify_failure(given: NotifyFailureInput, services: NoticeServices, now: datetime) -> Notice:
    """Send the owner what failed, why and what to do."""
    ending = Ending(
        execution_arn=given.execution_arn,
        redrive_count=given.failed.redrive_count,
        code=code_of(given.failure),
        facts=facts_of(own_failure(given.failure).cause),
        status="canceled" if code_of(given.failure) in {"canceled", ERASED} else "failed",
    )
    job = given.job if given.job is not None else job_of(given.execution_arn, services.jobs)
    return end(ending, job, find_place(given.event.detail.object.key), services, now)


def end(
    ending: Ending,
    job: JobSpec | None,
    place: Place | None,
    services: NoticeServices,
    now: datetime,
) -> Notice:
    """Send the notice of a failure; close the job, or record that the upload never became one.

    Nothing is sent or recorded about what was erased: its erasure has a receipt, and no row of it
    may come back.
    """
    if is_erased(ending, job, services.jobs):
        return close_erased(ending, job, place, services, now)
    failed = None if job is None else failed_result(job.job_id, ending.code, services)
    notice = failure_notice(ending, job, place, services.documents, failed)
    notice = notice.model_copy(update={"receipt": receipt_of(job, services.jobs)})
    deliver(notice, services, now)
    if job is not None:
        close_trials(job, ending, services.jobs, now)
        services.jobs.finish(job.job_id, ending.status, ending.code, now)
    elif place is not None:
        services.jobs.record_refusal(f"{place.tenant}/{place.upload}", ending.code, now)
    return notice


def is_erased(ending: Ending, job: JobSpec | None, jobs: Jobs) -> bool:
    """Return whether the execution ended because its subject was erased."""
    record = None if job is None else jobs.get(job.job_id)
    return ending.code == ERASED or (record is not None and record.erased)


def close_erased(
    ending: Ending,
    job: JobSpec | None,
    place: Place | None,
    services: NoticeServices,
    now: datetime,
) -> Notice:
    """Close the job without a word; its row goes with the others."""
    ending = replace(ending, code=ERASED, facts={}, status="canceled")
    if job is not None:
        close_trials(job, ending, services.jobs, now)
        services.jobs.finish(job.job_id, ending.status, ERASED, now)
    return failure_notice(ending, job, place, services.documents)


def close_trials(job: JobSpec, ending: Ending, jobs: Jobs, now: datetime) -> None:
    """Close a sweep's open trials, because nothing waits for their result any more.

    The next launch leaves them out. A training job that trains only closed jobs is stopped when
    its cost record is settled.
    """
    record = jobs.get(job.job_id)
    for trial_id in () if record is None else record.trials:
        trial = jobs.get(trial_id)
        if trial is not None and trial.status in {"starting", "processing"}:
            jobs.finish(trial_id, ending.status, ending.code, now)


def deliver(notice: Notice, services: NoticeServices, now: datetime) -> None:
    """Send a notice once; a job that has had another notice gets no second one.

    The notice is sent first and recorded afterwards. After a crash in between, the same notice_id
    is sent again, and no notice is lost.
    """
    record = None if notice.job_id is None else services.jobs.get(notice.job_id)
    had_another = record is not None and record.notice_id not in {None, notice.notice_id}
    if had_another or services.jobs.notice_sent(notice.notice_id):
        return
    services.notifier.publish(notice)
    services.jobs.record_notice(notice.notice_id, notice.job_id, now)


def job_of(execution_arn: str, jobs: Jobs) -> JobSpec | None:
    """Return the job that the execution had claimed when it failed, if any."""
    record = jobs.by_execution(execution_arn)
    return None if record is None else record.spec()


def receipt_of(job: JobSpec | None, jobs: Jobs) -> Receipt | None:
    """Return the known cost of the job's trainings; of a sweep, that of its trials too."""
    record = jobs.get(job.job_id) if job is not None else None
    if record is None:
        return None
    trials = [jobs.get(trial) for trial in record.trials]
    records = [record, *(trial for trial in trials if trial is not None)]
    summed = total(receipt for one in records for receipt in one.receipts.values())
    trainings = {name for one in records for name in one.receipts}
    return summed and summed.model_copy(update={"training_jobs": len(trainings)})
