"""The outer net: executions that ended where no Catch could tell the owner."""

import json
from datetime import datetime

from pydantic import ValidationError

from contracts.notice import Notice
from contracts.stages import ExecutionEnded, ExecutionOutcome, Failure, ObjectCreated
from domain.failures import code_of, facts_of
from domain.notices import Desk, Ending, end, job_of
from domain.uploads import Place, find_place


def notify_outcome(news: ExecutionEnded, desk: Desk, now: datetime) -> Notice:
    """Tell the owner, unless NotifyFailure did; return what there is to tell."""
    outcome = news.detail
    job = job_of(outcome.execution_arn, desk.jobs)
    return end(ending_of(outcome), job, place_of_input(outcome.input), desk, now)


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
