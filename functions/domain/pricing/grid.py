"""The trials of a grid: their names, their requests, their jobs. Pure rules."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from contracts.documents.job import JobSpec
from contracts.documents.sweep import SweepTrial
from contracts.documents.upload.request import TrainingRequest

SHORT = {"learning_rate": "lr", "max_train_steps": "steps", "rank": "rank"}


@dataclass(frozen=True)
class GridTrial:
    """One combination of the grid's values."""

    name: str
    fields: Mapping[str, float]
    request: TrainingRequest
    """The request with these values and without the grid."""


def grid_trials(request: TrainingRequest) -> list[GridTrial]:
    """Return the trials of a request's grid; without a grid, one trial without a name."""
    if request.sweep is None:
        return [GridTrial("", {}, request)]
    lists = request.sweep.lists()
    combinations = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    return [
        GridTrial(trial_name(fields), fields, request_of(request, fields))
        for fields in combinations
    ]


def trial_name(fields: Mapping[str, float]) -> str:
    """Return a trial's parameters as a DNS label.

    >>> trial_name({"learning_rate": 1e-4, "max_train_steps": 200, "rank": 8})
    'lr1e-4-steps200-rank8'
    >>> trial_name({"learning_rate": 0.00025}), trial_name({"learning_rate": 1.0})
    ('lr25e-5', 'lr1')
    """
    return "-".join(f"{SHORT[field]}{in_label(value)}" for field, value in fields.items())


def in_label(value: float) -> str:
    """Return a number without a decimal dot: a label has letters, digits and hyphens only."""
    if value == int(value):
        return str(int(value))
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    return f"{''.join(map(str, digits))}e{exponent}"


def request_of(request: TrainingRequest, fields: Mapping[str, float]) -> TrainingRequest:
    """Return the request of one trial."""
    return changed(request, sweep=None, **fields)


def changed(request: TrainingRequest, **fields: object) -> TrainingRequest:
    """Return the request with other values, validated as a client's request is."""
    given: dict[str, Any] = request.model_dump(exclude_unset=True)
    return TrainingRequest.model_validate(given | fields)


def sweep_trial(sweep: JobSpec, trial: GridTrial, rung: int = 0) -> SweepTrial:
    """Return a trial's job; the same for the same sweep and parameters, so it is trained once.

    With successive halving each rung of a trial is a job of its own.

    >>> sweep = JobSpec(job_id="0" * 32, tenant="t", upload="u", base_id="b")
    >>> request = TrainingRequest(instance_prompt="a", class_prompt="b", sweep={"rank": [4, 8]})
    >>> few, many = (sweep_trial(sweep, trial) for trial in grid_trials(request))
    >>> few.name, few.job.job_id != many.job.job_id != sweep.job_id
    ('rank4', True)
    """
    job_id = trial_id(sweep.job_id, trial, rung)
    return SweepTrial(name=trial.name, job=sweep.model_copy(update={"job_id": job_id}))


def trial_id(sweep_id: str, trial: GridTrial, rung: int) -> str:
    """Return the job id of a trial's rung; 0 is the first one, or the only one."""
    content = json.dumps(["sweep", sweep_id, trial.name, *([rung] if rung else [])])
    return hashlib.sha256(content.encode()).hexdigest()[:32]
