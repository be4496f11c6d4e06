"""The outer net: executions that ended where no Catch could tell the owner."""

import json
from datetime import datetime

from pydantic import ValidationError

from contracts.documents.job import JobSpec
from contracts.documents.notice import Notice
from contracts.documents.stages import ExecutionEnded, ExecutionOutcome, Failure, ObjectCreated
from domain.failures.causes import code_of, facts_of, failure_notice_id
from domain.intake.uploads import Place, find_place
from domain.notices.notices import Desk, Ending, end, failure_notice, job_of


def notify_outcome(news: ExecutionEnded, desk: Desk, now: datetime) -> Notice:
    """Tell the owner, unless NotifyFailure did; return what there is to tell.

    News of an end that was told may come after a redrive has taken the job up again: it is let be.
    """
    outcome = news.detail
    ending, place = ending_of(outcome), place_of_input(outcome.input)
    job = job_of(outcome.execution_arn, desk.jobs)
    if job is not None and is_taken_up_again(ending, job, desk):
        return failure_notice(ending, job, place, desk.documents)
    return end(ending, job, place, desk, now)


def is_taken_up_again(ending: Ending, job: JobSpec, desk: Desk) -> bool:
    """Whether a redrive has reopened the job since this end was told: it then has no notice."""
    record = desk.jobs.get(job.job_id)
    told = desk.jobs.notice_sent(failure_notice_id(ending.execution_arn, ending.redrive_count))
    return told and record is not None and record.notice_id is None


def ending_of(outcome: ExecutionOutcome) -> Ending:
    """Return how the execution ended, in the catalogue's words."""
    failure = Failure(Error=outcome.error or "", Cause=outcome.cause or "")
    words = {"TIMED_OUT": "timed_out", "ABORTED": "canceled"}
    return Ending(
        execution_arn=outcome.execution_arn,
        redrive_count=outcome.redrive_count or 0,
        code=words.get(outcome.status) or code_of(failure),
        facts=facts_of(failure.cause),
        status="canceled" if outcome.status == "ABORTED" else "failed",
    )


def place_of_input(text: str | None) -> Place | None:
    """Return the upload that the execution was started for; EventBridge may leave the input out."""
    try:
        event = ObjectCreated.model_validate(json.loads(text or "null"))
    except (ValidationError, ValueError):
        return None
    return find_place(event.detail.object.key)
