"""Log each result of a training as a run: its parameters, its curves and what the gate measured.

The container itself has no network (EnableNetworkIsolation), so it can reach no tracker; decision
0048. A run has opaque ids only: neither tenant nor upload, no prompt, no picture.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.documents.record import JobRecord
from contracts.documents.training import TrainingPlan, TrainingResult, TrainingTask
from contracts.shared import layout
from domain.ports.experiments import ExperimentRun, Experiments, Measurement
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, find_document, find_readable
from domain.training.job_tags import PARAMETERS, as_text

SCORES = ("effect", "identity", "prompt_following", "class_drift")
"""What the gate measures; as metrics their names begin with ``gate_``."""


@dataclass(frozen=True)
class ExperimentServices:
    """What logging a run needs."""

    jobs: Jobs
    models: Storage
    experiments: Experiments


def log_result(key: str, services: ExperimentServices, now: datetime) -> None:
    """Log the training whose result is under this key; ignore other keys and erased jobs.

    Raises:
        TrackerRefusedError: the tracker did not take the run.
    """
    place = re.fullmatch(layout.models.result_key("([0-9a-f]{32})", "([0-9a-f]{32})"), key)
    if place is None:
        return
    plan_id, job_id = place[1], place[2]
    record = services.jobs.get(job_id)
    result = find_readable(services.models, key, TrainingResult)
    plan = find_document(services.models, layout.models.plan_key(plan_id), TrainingPlan)
    tasks = [] if plan is None else [task for task in plan.tasks if task.job_id == job_id]
    if record is None or record.erased or result is None or not tasks:
        return
    services.experiments.log(run_of(record, tasks[0], result, now))


def run_of(
    record: JobRecord, task: TrainingTask, result: TrainingResult, now: datetime
) -> ExperimentRun:
    """Return a training as a run that has just ended."""
    seconds = 0.0 if result.metrics is None else result.metrics.train_seconds
    training_job = result.training_job_name or "unknown"
    return ExperimentRun(
        training=f"{training_job}/{record.job_id}",
        name=record.trial or record.job_id[:8],
        succeeded=result.status == "succeeded",
        started_at=now - timedelta(seconds=seconds),
        ended_at=now,
        parameters={name: as_text(getattr(task.request, name)) for name in PARAMETERS},
        tags=tags_of(record, task, result, training_job),
        measurements=list(measurements_of(result)),
    )


def tags_of(
    record: JobRecord, task: TrainingTask, result: TrainingResult, training_job: str
) -> dict[str, str]:
    """Return what runs are found by: base, training job, and the sweep that they belong to."""
    tags = {
        "application": "likeness",
        "job_id": record.job_id,
        "training_job": training_job,
        "base": record.base_id,
    }
    if record.trial_of is not None and record.trial is not None:
        tags |= {"sweep": record.trial_of, "trial": record.trial}
    if task.rung is not None:
        tags["rung"] = f"{task.rung.first_step}-{task.rung.last_step}"
    if result.failure is not None:
        tags["code"] = result.failure.code
    return tags


def measurements_of(result: TrainingResult) -> Iterator[Measurement]:
    """Yield the curves, then what is known at the end; trackers take no value that is no number."""
    for point in result.curve:
        for name, value in point.values.items():
            yield Measurement(name, value, point.step)
    metrics, gate = result.metrics, result.gate
    last = 0 if metrics is None else metrics.steps
    ending = {} if metrics is None else {"train_seconds": metrics.train_seconds}
    if metrics is not None and metrics.final_loss is not None:
        ending["final_loss"] = metrics.final_loss
    if gate is not None:
        measured = {name: getattr(gate, name) for name in SCORES}
        ending |= {f"gate_{name}": value for name, value in measured.items() if value is not None}
    for name, value in ending.items():
        if math.isfinite(value):
            yield Measurement(name, value, last)
