"""Notices for executions that ended where no Catch could run."""

import json
from datetime import datetime

from pydantic import ValidationError

from contracts.documents.job import JobSpec
from contracts.documents.notice import Notice
from contracts.documents.stages import ExecutionEnded, ExecutionOutcome, Failure, ObjectCreated
from domain.failures.causes import code_of, facts_of, failure_notice_id
from domain.intake.uploads import Place, find_place
from domain.notices.notices import end, job_of
from domain.notices.services import NoticeServices
from domain.notices.words import Ending, failure_notice


def notify_outcome(event: ExecutionEnded, services: NoticeServices, now: datetime) -> Notice:
    """Send the owner the notice, unless NotifyFailure did; return the notice.

    The event may arrive after its notice was sent and a redrive has reopened the job. Then nothing
    is sent and the job stays open.
    """
    outcome = event.detail
    ending, place = ending_of(outcome), place_of_input(outcome.input)
    job = job_of(outcome.execution_arn, services.jobs)
    if job is not None and is_reopened(ending, job, services):
        return failure_notice(ending, job, place, services.documents)
    return end(ending, job, place, services, now)


def is_reopened(ending: Ending, job: JobSpec, services: NoticeServices) -> bool:
    """Return whether a redrive has reopened the job since the notice of this end was sent."""
    record = services.jobs.get(job.job_id)
    sent = services.jobs.notice_sent(failure_notice_id(ending.execution_arn, ending.redrive_count))
    return sent and record is not None and record.notice_id is None


def ending_of(outcome: ExecutionOutcome) -> Ending:
    """Return how the execution ended, with a code of the catalogue."""
    failure = Failure(Error=outcome.error or "", Cause=outcome.cause or "")
    codes = {"TIMED_OUT": "timed_out", "ABORTED": "canceled"}
    return Ending(
        execution_arn=outcome.execution_arn,
        redrive_count=outcome.redrive_count or 0,
        code=codes.get(outcome.status) or code_of(failure),
        facts=facts_of(failure.cause),
        status="canceled" if outcome.status == "ABORTED" else "failed",
    )


def place_of_input(text: str | None) -> Place | None:
    """Return the upload that started the execution; None when the event has no input."""
    try:
        created = ObjectCreated.model_validate(json.loads(text or "null"))
    except (ValidationError, ValueError):
        return None
    return find_place(created.detail.object.key)
