"""What became of a training, and who is told: the rules behind follow_training and reconcile.

SageMaker sends several events for a change, late ones, or none, so nothing here trusts an event:
each look reads how things stand, and may be repeated.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple, Protocol

from pydantic import ValidationError

from contracts.codes import CODES
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingJobDetail, TrainingNews
from contracts.documents.status import TrainingProgress
from contracts.documents.training import (
    TrainedAdapter,
    TrainingFailure,
    TrainingPlan,
    TrainingResult,
)
from contracts.errors import (
    GateFailedError,
    JobCanceledError,
    StageError,
    TrainingFailedError,
)
from contracts.shared import layout
from domain.ports.jobs import Jobs
from domain.ports.storage import (
    DOCUMENT_LIMIT,
    ObjectMissingError,
    Storage,
    find_document,
    find_readable,
)
from domain.sweeps.progress import tell_sweep
from domain.training.priors import is_made_prior, keep_prior
from domain.training.sagemaker_job import Trainer, TrainingState

LAUNCH_GRACE = timedelta(minutes=3)
"""Between a claim and its training job; longer than the launcher may run, so that no launcher
that was taken for dead creates the job after all."""

KILLED = "killed"
"""By the machine: out of memory, or a host that failed."""

RELAUNCHES = {"internal_server_error": 2, "capacity_error": 5, KILLED: 1}
"""How often a job is trained again after a fault of the service, by class: docs/retries.md."""

GATE = "gate_"
"""Codes of the judge start so; all others are the training's own."""


class TryAgain(NamedTuple):
    """The training job is lost: the task goes back to the queue."""

    alone: bool = False
    fault: str | None = None
    """Of the service; counts against the budget of its class."""


Verdict = TrainedAdapter | StageError | TryAgain | Literal["wait"]


class Callbacks(Protocol):
    """What the rules need of Step Functions. False: nobody waits behind this token any more.

    The job is told for the log only.
    """

    def succeed(self, task_token: str, answer: str, job_id: str) -> bool:
        """End the waiting state with this JSON."""
        ...

    def fail(self, task_token: str, error: str, cause: str, job_id: str) -> bool:
        """Fail the waiting state."""
        ...


@dataclass(frozen=True)
class TrainingRoom:
    """Everything that the stages around a training talk to."""

    jobs: Jobs
    models: Storage
    trainer: Trainer
    callbacks: Callbacks


def follow(room: TrainingRoom, news: TrainingNews, now: datetime) -> None:
    """Look at what the news is about."""
    if isinstance(news.detail, TrainingJobDetail):
        follow_training_job(room, news.detail.training_job_name, now)
    elif is_made_prior(news.detail.object.key):
        keep_prior(room.models, news.detail.object.key)
    elif progress := find_progress(room.models, news.detail.object.key):
        room.jobs.note_progress(progress, now)
        tell_sweep(progress.job_id, room.jobs, now)
    else:
        follow_result(room, news.detail.object.key, now)


def follow_result(room: TrainingRoom, key: str, now: datetime) -> None:
    """A result.json was written: answer its job's token, if the result settles the matter."""
    place = re.fullmatch(layout.result_key("([0-9a-f]{32})", "([0-9a-f]{32})"), key)
    record = room.jobs.get(place[2]) if place else None
    if place is None or record is None or record.plan_id != place[1]:
        return
    act(room, record, verdict_of_result(room.models, record), now)


def follow_training_job(room: TrainingRoom, name: str, now: datetime) -> None:
    """A training job changed: answer the tokens of its tasks that are settled."""
    named = re.fullmatch("likeness-([0-9a-f]{32})-[0-9]+", name)
    plan = find_document(room.models, layout.plan_key(named[1]), TrainingPlan) if named else None
    if plan is None:
        return
    look_at(room, name, [task.job_id for task in plan.tasks], now)


def reconcile(
    room: TrainingRoom, now: datetime, has_time: Callable[[], bool] = lambda: True
) -> None:
    """Look at the trainings that have no outcome yet: finds what no event told us.

    Those that were silent for longest come first: where there are more than one round has time
    for, the lost ones are still found by the next.
    """
    together: dict[str, list[str]] = {}
    for record in sorted(room.jobs.in_training(), key=lambda one: one.updated_at):
        together.setdefault(record.training_job_name or "", []).append(record.job_id)
    for name, job_ids in together.items():
        if not has_time():
            return
        look_at(room, name, job_ids, now)


def find_progress(models: Storage, key: str) -> TrainingProgress | None:
    """Return what the trainer says of a task, if the key is the place for it."""
    place = re.fullmatch(layout.progress_key("[0-9a-f]{32}", "[0-9a-f]{32}"), key)
    return find_readable(models, key, TrainingProgress) if place else None


def look_at(room: TrainingRoom, name: str, job_ids: Iterable[str], now: datetime) -> None:
    """Settle what can be settled of one training job.

    The job is asked before the results are read: what it wrote at its end is then there. Records
    are read anew: an index tells yesterday's news, and the job may be in another attempt by now.
    """
    state = room.trainer.describe(name)
    for job_id in job_ids:
        record = room.jobs.get(job_id)
        if record is None or record.training_job_name != name:
            continue
        verdict = verdict_of_result(room.models, record)
        if verdict == "wait":
            verdict = verdict_of_job(record, state, now)
        key = layout.progress_key(record.plan_id or job_id, job_id)
        if verdict == "wait" and (progress := find_progress(room.models, key)):
            room.jobs.note_progress(progress, now)
        act(room, record, verdict, now)


def act(room: TrainingRoom, record: JobRecord, verdict: Verdict, now: datetime) -> None:
    """Do what the verdict says, as long as the job is in training and still wanted."""
    if record.queue != "training" or verdict == "wait":
        return
    if record.cancel_requested:
        verdict = JobCanceledError()
    if isinstance(verdict, TryAgain):
        name, (alone, fault) = record.training_job_name or "", verdict
        faults = record.faults if fault is None else (*record.faults, fault)
        room.jobs.requeue(record.job_id, name, now, alone=alone, faults=faults)
        return
    settle(room, record, verdict, now)


def settle(
    room: TrainingRoom, record: JobRecord, verdict: TrainedAdapter | StageError, now: datetime
) -> None:
    """Answer the token, then forget it; a crash in between only answers twice."""
    if record.task_token is not None:
        answer(room.callbacks, record.task_token, verdict, record.job_id)
        room.jobs.leave_queue(record.job_id, record.task_token, now)


def answer(
    callbacks: Callbacks, task_token: str, verdict: TrainedAdapter | StageError, job_id: str
) -> bool:
    """End the waiting state; False when nobody waits behind the token any more."""
    if isinstance(verdict, TrainedAdapter):
        return callbacks.succeed(task_token, verdict.model_dump_json(), job_id)
    return callbacks.fail(task_token, type(verdict).__name__, str(verdict), job_id)


# --- the rules themselves -------------------------------------------------------------------


def verdict_of_result(models: Storage, record: JobRecord) -> Verdict:
    """Judge by result.json: a success always counts, a failure only for its own attempt."""
    found = find_result(models, record)
    if found is None:
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
    if record.plan_id != record.job_id:
        return TryAgain(
            alone=True
        )  # who of the batch broke it is unknown: each now fails for itself
    reason = reason_of(state)
    if record.faults.count(reason) < RELAUNCHES.get(reason, 0):
        return TryAgain(fault=reason)
    return in_words(TrainingFailedError, reason)


def find_trained(models: Storage, record: JobRecord) -> TrainedAdapter | None:
    """Return the adapter that an earlier attempt finished, if there is one."""
    found = find_result(models, record)
    return found[1] if found and found[0].status == "succeeded" else None


def find_result(models: Storage, record: JobRecord) -> tuple[TrainingResult, TrainedAdapter] | None:
    """Return the newest result of this job, and the reference to it."""
    for plan_id in dict.fromkeys((record.plan_id or record.job_id, record.job_id)):
        key = layout.result_key(plan_id, record.job_id)
        try:
            body = models.read(key, DOCUMENT_LIMIT)
            result = TrainingResult.model_validate_json(body)
        except (ObjectMissingError, ValidationError):  # a torn one is none: nobody waits behind it
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
    """Return the workflow's word for what the trainer said; its code, if people have words for it.

    >>> error_of(TrainingFailure(code="gate_no_effect", message="")).facts
    {'code': 'gate_no_effect'}
    """
    kind = GateFailedError if failure.code.startswith(GATE) else TrainingFailedError
    return in_words(kind, failure.code)


def in_words(kind: type[StageError], code: str) -> StageError:
    """Return the error with the code that people have words for; else only with a reason."""
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
    said = re.match(r"\s*([a-z]+(?:_[a-z]+)+)\b", rest)
    if kind == "AlgorithmError" and rest.endswith("exit code: 137"):
        return KILLED
    if kind == "AlgorithmError" and said and said[1] in CODES:
        return said[1]
    words = re.fullmatch(r"(?:[A-Z][a-z]+)+", kind)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower() if words else "unknown"
