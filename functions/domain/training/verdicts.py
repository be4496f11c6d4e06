"""Decide what became of a training: by the result that it wrote, or by its training job alone."""

import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

from pydantic import ValidationError

from contracts.codes import CODES, GATE_PREFIX
from contracts.documents.record import JobRecord
from contracts.documents.training import (
    PhotosCaptioned,
    TrainedAdapter,
    TrainingFailure,
    TrainingResult,
)
from contracts.errors import CaptioningFailedError, GateFailedError, StageError, TrainingFailedError
from contracts.shared import layout
from contracts.shared.names import captions_plan_id
from domain.ports.storage import DOCUMENT_LIMIT, ObjectMissingError, Storage
from domain.ports.trainer import TrainingState

LAUNCH_GRACE = timedelta(minutes=3)
"""Time between a claim and its training job. It is longer than a launcher may run, so a launcher
that seems dead cannot create the job afterwards."""

KILLED = "killed"
"""Fault class of a process that the machine killed: out of memory, or a failed host."""

RELAUNCHES = {"internal_server_error": 2, "capacity_error": 5, KILLED: 1}
"""How often a job is trained again after a SageMaker fault, by fault class: docs/retries.md."""


class TryAgain(NamedTuple):
    """The training job is lost: the task goes back to the queue."""

    alone: bool = False
    fault: str | None = None
    """Class of the SageMaker fault; each class has a limit of retries."""


Answer = TrainedAdapter | PhotosCaptioned | StageError
"""What ends a waiting state."""

Verdict = Answer | TryAgain | Literal["wait"]
"""``wait``: the training has not ended."""


def verdict_of_result(models: Storage, record: JobRecord) -> Verdict:
    """Judge by result.json: a success always counts, a failure only for its own attempt.

    Captioning writes no result: its training job alone says how it ended.
    """
    found = find_result(models, record)
    if found is None or record.is_captioning:
        return "wait"
    result, trained = found
    if result.status == "succeeded":
        return trained
    if result.training_job_name != record.training_job_name or result.failure is None:
        return "wait"
    return error_of(result.failure)


def verdict_of_job(record: JobRecord, state: TrainingState | None, now: datetime) -> Verdict:
    """Judge by the training job alone, when it left no result for this task."""
    if state is None:
        since = now - datetime.fromisoformat(record.updated_at)
        return TryAgain() if since > LAUNCH_GRACE else "wait"
    if not state.ended:
        return "wait"
    own = captions_plan_id(record.job_id) if record.is_captioning else record.job_id
    if record.plan_id != own:
        # Nobody knows which task broke the batch, so each is trained again by itself.
        return TryAgain(alone=True)
    if record.is_captioning and state.status == "Completed":
        return PhotosCaptioned(job_id=record.job_id, training_job_name=state.name)
    reason = reason_of(state)
    if record.faults.count(reason) < RELAUNCHES.get(reason, 0):
        return TryAgain(fault=reason)
    return coded_error(
        CaptioningFailedError if record.is_captioning else TrainingFailedError, reason
    )


def find_trained(models: Storage, record: JobRecord) -> TrainedAdapter | None:
    """Return the adapter that an earlier attempt finished, if there is one."""
    found = find_result(models, record)
    return found[1] if found and found[0].status == "succeeded" else None


def find_result(models: Storage, record: JobRecord) -> tuple[TrainingResult, TrainedAdapter] | None:
    """Return the newest result of this job, and the reference to it."""
    for plan_id in dict.fromkeys((record.plan_id or record.job_id, record.job_id)):
        key = layout.models.result_key(plan_id, record.job_id)
        try:
            body = models.read(key, DOCUMENT_LIMIT)
            result = TrainingResult.model_validate_json(body)
        except (ObjectMissingError, ValidationError):  # a damaged result counts as none
            continue
        name = result.training_job_name or record.training_job_name or ""
        return result, TrainedAdapter(
            job_id=record.job_id,
            training_job_name=name,
            result_uri=models.uri(key),
            result_sha256=sha256(body).hexdigest(),
        )
    return None


def error_of(failure: TrainingFailure) -> StageError:
    """Return the workflow's error for the trainer's failure.

    >>> error_of(TrainingFailure(code="gate_no_effect", message="")).facts
    {'code': 'gate_no_effect'}
    """
    kind = GateFailedError if failure.code.startswith(GATE_PREFIX) else TrainingFailedError
    return coded_error(kind, failure.code)


def coded_error(kind: type[StageError], code: str) -> StageError:
    """Return the error with the code, if the catalogue has it; otherwise with a reason only."""
    return kind(code=code) if code in CODES else kind(reason=code)


def reason_of(state: TrainingState) -> str:
    """Return a code for why a training job ended without a result; never its free text.

    >>> failed = TrainingState("n", "Failed", failure_reason="AlgorithmError: disk_full: 1")
    >>> reason_of(failed)
    'disk_full'
    >>> reason_of(TrainingState("n", "Failed", failure_reason="AlgorithmError: , exit code: 137"))
    'killed'
    >>> reason_of(TrainingState("n", "Failed", failure_reason="InternalServerError: try again"))
    'internal_server_error'
    """
    if state.status == "Completed":
        return "no_result"
    if state.status == "Stopped":
        return "deadline_exceeded" if state.secondary_status.startswith("Max") else "stopped"
    kind, _, rest = state.failure_reason.partition(":")
    code = re.match(r"\s*([a-z]+(?:_[a-z]+)+)\b", rest)
    if kind == "AlgorithmError" and rest.endswith("exit code: 137"):
        return KILLED
    if kind == "AlgorithmError" and code and code[1] in CODES:
        return code[1]
    words = re.fullmatch(r"(?:[A-Z][a-z]+)+", kind)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower() if words else "unknown"
