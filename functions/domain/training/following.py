"""Decide what became of a training and answer its task token: follow_training and reconcile.

SageMaker may send several events for one change, send them late, or send none. No rule here trusts
an event: each one reads the current state, and each may be repeated.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal, NamedTuple

from pydantic import ValidationError

from contracts.codes import CODES
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent, TrainingJobDetail
from contracts.documents.status import TrainingProgress
from contracts.documents.training import (
    PhotosCaptioned,
    TrainedAdapter,
    TrainingFailure,
    TrainingPlan,
    TrainingResult,
)
from contracts.errors import (
    CaptioningFailedError,
    GateFailedError,
    JobCanceledError,
    StageError,
    SubjectErasedError,
    TrainingFailedError,
)
from contracts.shared import layout
from contracts.shared.names import captions_plan_id, parse_training_job_name
from domain.ports.callbacks import Callbacks
from domain.ports.storage import (
    DOCUMENT_LIMIT,
    ObjectMissingError,
    Storage,
    find_document,
    find_readable,
)
from domain.ports.trainer import TrainingState
from domain.sweeps.progress import raise_sweep_percent
from domain.training.class_images import is_made_class_images, keep_class_images
from domain.training.services import TrainingServices

LAUNCH_GRACE = timedelta(minutes=3)
"""Time between a claim and its training job. It is longer than a launcher may run, so a launcher
that seems dead cannot create the job afterwards."""

KILLED = "killed"
"""Fault class of a process that the machine killed: out of memory, or a failed host."""

RELAUNCHES = {"internal_server_error": 2, "capacity_error": 5, KILLED: 1}
"""How often a job is trained again after a SageMaker fault, by fault class: docs/retries.md."""

GATE = "gate_"
"""Prefix of the gate's codes; every other code comes from the training itself."""


class TryAgain(NamedTuple):
    """The training job is lost: the task goes back to the queue."""

    alone: bool = False
    fault: str | None = None
    """Class of the SageMaker fault; each class has a limit of retries."""


Answer = TrainedAdapter | PhotosCaptioned | StageError
"""What ends a waiting state."""

Verdict = Answer | TryAgain | Literal["wait"]


def follow(services: TrainingServices, event: TrainingEvent, now: datetime) -> None:
    """Look at the training job or the object that the event names."""
    if isinstance(event.detail, TrainingJobDetail):
        follow_training_job(services, event.detail.training_job_name, now)
    elif is_made_class_images(event.detail.object.key):
        keep_class_images(services.models, event.detail.object.key)
    elif progress := find_progress(services.models, event.detail.object.key):
        services.jobs.record_progress(progress, now)
        raise_sweep_percent(progress.job_id, services.jobs, now)
    else:
        follow_result(services, event.detail.object.key, now)


def follow_result(services: TrainingServices, key: str, now: datetime) -> None:
    """Answer the job's token after a result.json was written, if the result is final."""
    place = re.fullmatch(layout.result_key("([0-9a-f]{32})", "([0-9a-f]{32})"), key)
    record = services.jobs.get(place[2]) if place else None
    if place is None or record is None or record.plan_id != place[1]:
        return
    act(services, record, verdict_of_result(services.models, record), now)


def follow_training_job(services: TrainingServices, name: str, now: datetime) -> None:
    """Answer the tokens of a changed training job's tasks, as far as their outcome is known."""
    named = parse_training_job_name(name)
    if named is None:
        return
    plan = find_document(services.models, layout.plan_key(named.plan_id), TrainingPlan)
    if plan is None:
        return
    follow_tasks(services, name, [task.job_id for task in plan.tasks], now)


def reconcile(
    services: TrainingServices, now: datetime, has_time: Callable[[], bool] = lambda: True
) -> None:
    """Look at every training without an outcome, to find what no event announced.

    The training that has been silent for longest comes first. When one round has no time for all,
    the next round still finds the lost ones.
    """
    by_training_job: dict[str, list[str]] = {}
    for record in sorted(services.jobs.in_training(), key=lambda one: one.updated_at):
        by_training_job.setdefault(record.training_job_name or "", []).append(record.job_id)
    for name, job_ids in by_training_job.items():
        if not has_time():
            return
        follow_tasks(services, name, job_ids, now)


def find_progress(models: Storage, key: str) -> TrainingProgress | None:
    """Return the progress that the trainer wrote under this key, if it is a progress key."""
    place = re.fullmatch(layout.progress_key("[0-9a-f]{32}", "[0-9a-f]{32}"), key)
    return find_readable(models, key, TrainingProgress) if place else None


def follow_tasks(
    services: TrainingServices, name: str, job_ids: Iterable[str], now: datetime
) -> None:
    """Act on the tasks of one training job whose outcome is known.

    The training job is described before the results are read, so that everything it wrote at its
    end is visible. Records are read again, because an index lags behind its table and the job may
    be in another attempt by now.
    """
    state = services.trainer.describe(name)
    for job_id in job_ids:
        record = services.jobs.get(job_id)
        if record is None or record.training_job_name != name:
            continue
        verdict = verdict_of_result(services.models, record)
        if verdict == "wait":
            verdict = verdict_of_job(record, state, now)
        key = layout.progress_key(record.plan_id or job_id, job_id)
        if verdict == "wait" and (progress := find_progress(services.models, key)):
            services.jobs.record_progress(progress, now)
        act(services, record, verdict, now)


def act(services: TrainingServices, record: JobRecord, verdict: Verdict, now: datetime) -> None:
    """Do what the verdict says, as long as the job is in training."""
    if record.queue != "training" or verdict == "wait":
        return
    if record.cancel_requested:
        verdict = stopped_by(record)
    if isinstance(verdict, TryAgain):
        name, (alone, fault) = record.training_job_name or "", verdict
        faults = record.faults if fault is None else (*record.faults, fault)
        services.jobs.requeue(record.job_id, name, now, alone=alone, faults=faults)
        return
    settle(services, record, verdict, now)


def stopped_by(record: JobRecord) -> StageError:
    """Return why a job that is to stop is to stop."""
    return SubjectErasedError() if record.erased else JobCanceledError()


def settle(
    services: TrainingServices,
    record: JobRecord,
    verdict: Answer,
    now: datetime,
) -> None:
    """Answer the token, then remove it; a crash in between only answers twice."""
    if isinstance(verdict, PhotosCaptioned):
        services.jobs.record_captions(record.job_id, now)
    if record.task_token is not None:
        answer(services.callbacks, record.task_token, verdict, record.job_id)
        services.jobs.leave_queue(record.job_id, record.task_token, now)


def answer(callbacks: Callbacks, task_token: str, verdict: Answer, job_id: str) -> bool:
    """End the waiting state; False when no state waits behind the token."""
    if isinstance(verdict, TrainedAdapter | PhotosCaptioned):
        return callbacks.succeed(task_token, verdict.model_dump_json(), job_id)
    return callbacks.fail(task_token, type(verdict).__name__, str(verdict), job_id)


# --- verdicts -------------------------------------------------------------------------------


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
        key = layout.result_key(plan_id, record.job_id)
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
    kind = GateFailedError if failure.code.startswith(GATE) else TrainingFailedError
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
