"""The points of a grid: their names, their requests, their jobs. Pure rules."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from typing import Any

from contracts.documents.job import JobSpec
from contracts.documents.sweep import SweepPoint
from contracts.documents.upload.request import TrainingRequest

SHORT = {"learning_rate": "lr", "max_train_steps": "steps", "rank": "rank"}


@dataclass(frozen=True)
class GridPoint:
    """One combination of the grid's values."""

    name: str
    fields: Mapping[str, float]
    request: TrainingRequest
    """As if the client had asked for these values alone."""


def grid_points(request: TrainingRequest) -> list[GridPoint]:
    """Return the points of a request's grid; a request without one is one point without a name."""
    if request.sweep is None:
        return [GridPoint("", {}, request)]
    lists = request.sweep.lists()
    combinations = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
    return [
        GridPoint(point_name(fields), fields, request_of(request, fields))
        for fields in combinations
    ]


def point_name(fields: Mapping[str, float]) -> str:
    """Return a point's parameters as a DNS label.

    >>> point_name({"learning_rate": 1e-4, "max_train_steps": 200, "rank": 8})
    'lr1e-4-steps200-rank8'
    >>> point_name({"learning_rate": 0.00025}), point_name({"learning_rate": 1.0})
    ('lr25e-5', 'lr1')
    """
    return "-".join(f"{SHORT[field]}{in_label(value)}" for field, value in fields.items())


def in_label(value: float) -> str:
    """Return a number without a point: a label knows letters, digits and hyphens only."""
    if value == int(value):
        return str(int(value))
    _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    return f"{''.join(map(str, digits))}e{exponent}"


def request_of(request: TrainingRequest, fields: Mapping[str, float]) -> TrainingRequest:
    """Return the request of one point."""
    return changed(request, sweep=None, **fields)


def changed(request: TrainingRequest, **fields: object) -> TrainingRequest:
    """Return the request with other values, checked as if a client had written them."""
    given: dict[str, Any] = request.model_dump(exclude_unset=True)
    return TrainingRequest.model_validate(given | fields)


def sweep_point(sweep: JobSpec, point: GridPoint) -> SweepPoint:
    """Return a point's job; the same for the same sweep and parameters, so nothing is done twice.

    >>> sweep = JobSpec(job_id="0" * 32, tenant="t", upload="u", base_id="b")
    >>> request = TrainingRequest(instance_prompt="a", class_prompt="b", sweep={"rank": [4, 8]})
    >>> few, many = (sweep_point(sweep, point) for point in grid_points(request))
    >>> few.name, few.job.job_id != many.job.job_id != sweep.job_id
    ('rank4', True)
    """
    content = json.dumps(["sweep", sweep.job_id, point.name])
    job_id = hashlib.sha256(content.encode()).hexdigest()[:32]
    return SweepPoint(name=point.name, job=sweep.model_copy(update={"job_id": job_id}))
