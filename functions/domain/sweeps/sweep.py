"""A sweep: one upload, a training for each point of a grid, the best adapter of them.

Every point is a job like any other, with documents and a row of its own, so queue, launcher,
trainer and bill know nothing of sweeps. The owner knows the sweep's job only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.photos import PhotoReport
from contracts.documents.record import Status
from contracts.documents.stages import PlanSweepInput, PointOutcome, RankSweepInput
from contracts.documents.sweep import BestPoint, PlannedSweep, PointReport, SweepReport
from contracts.documents.training import GateReport, TrainedAdapter, TrainingResult
from contracts.errors import SweepFailedError
from contracts.shared import layout
from domain.failures.causes import code_of
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, read_document, write_document
from domain.pricing.estimating import agree_on_price, card_of, count_good, make_estimate
from domain.pricing.grid import GridPoint, changed, grid_points, sweep_point
from domain.sweeps.ranking import rank_points

LEAST_SHARE, MOST_SHARE = 1e-6, 1000.0
"""USD; what max_cost_usd may say."""


@dataclass(frozen=True)
class SweepRoom:
    """What planning a sweep needs of the world."""

    jobs: Jobs
    models: Storage
    bases: Storage
    instance_type: str
    """That would train, for the price."""


def plan_sweep(given: PlanSweepInput, room: SweepRoom, now: datetime) -> PlannedSweep:
    """Make a job of every point: its documents, then its row. A repeat finds them there.

    Raises:
        JobCanceledError: somebody asked to stop the sweep.
        TooExpensiveError: all points together are dearer than the request allows.
    """
    sweep = given.job
    room.jobs.advance(sweep.job_id, "SweepAdapter", now)
    agree_on_price(sweep.job_id, room.jobs, room.models, room.bases, room.instance_type)
    key = layout.accepted_upload_key(sweep.job_id)
    accepted = read_document(room.models, key, AcceptedUpload)
    report = read_document(room.models, layout.photo_report_key(sweep.job_id), PhotoReport)
    grid = priced(grid_points(accepted.request), sweep, report, room)
    points = tuple(sweep_point(sweep, point) for point in grid)
    for point, wanted in zip(points, grid, strict=True):
        theirs = accepted.model_copy(update={"job": point.job, "request": wanted.request})
        write_document(room.models, layout.accepted_upload_key(point.job.job_id), theirs)
        write_document(room.models, layout.photo_report_key(point.job.job_id), report)
    room.jobs.add_points(sweep.job_id, points, given.execution_arn, now)
    return PlannedSweep(points=points)


def priced(
    grid: list[GridPoint], sweep: JobSpec, report: PhotoReport, room: SweepRoom
) -> list[GridPoint]:
    """Return the points with their shares of ``max_cost_usd``: each as much as it is estimated."""
    most = grid[0].request.max_cost_usd
    if most is None:
        return grid
    record = room.jobs.get(sweep.job_id)
    if record is None:
        return grid
    card, photos = card_of(room.bases, record), count_good(report)
    costs = [make_estimate(p.request, photos, card, room.instance_type).usd or 0.0 for p in grid]
    total = sum(costs)
    return [
        GridPoint(point.name, point.fields, changed(point.request, max_cost_usd=share))
        for point, cost in zip(grid, costs, strict=True)
        for share in [min(MOST_SHARE, max(LEAST_SHARE, cost, most * cost / total))]
    ]


def rank_sweep(given: RankSweepInput, jobs: Jobs, models: Storage, now: datetime) -> BestPoint:
    """Close the points, write what became of them, and return the best one's adapter.

    Raises:
        SweepFailedError: there is none.
        JobCanceledError: somebody asked to stop the sweep.
    """
    points = rank_points(reports_of(given, models))
    for point in points:
        jobs.finish(point.job_id, status_of(point), point.code, now)
    report = SweepReport(job_id=given.job.job_id, points=points)
    write_document(models, layout.sweep_report_key(given.job.job_id), report)
    jobs.advance(given.job.job_id, "SweepAdapter", now)
    best = points[0]
    if best.place is None:
        raise SweepFailedError(points=len(points))
    trained = {outcome.name: outcome.trained for outcome in given.outcomes}[best.name]
    if trained is None:  # pragma: no cover - a place is given to a trained point only
        raise SweepFailedError(points=len(points))
    return BestPoint(name=best.name, trained=trained)


def reports_of(given: RankSweepInput, models: Storage) -> Iterable[PointReport]:
    """Return what became of each point, in the order of the grid."""
    accepted_key = layout.accepted_upload_key(given.job.job_id)
    request = read_document(models, accepted_key, AcceptedUpload).request
    fields = {point.name: point.fields for point in grid_points(request)}
    for outcome in given.outcomes:
        blank = PointReport(name=outcome.name, job_id=outcome.job.job_id)
        yield blank.model_copy(update={**fields[outcome.name], **facts_of_point(outcome, models)})


def facts_of_point(outcome: PointOutcome, models: Storage) -> dict[str, object]:
    """Return what the gate measured, or why there is nothing to measure."""
    if outcome.failure is not None or outcome.trained is None:
        code = "training_failed" if outcome.failure is None else code_of(outcome.failure)
        return {"code": code}
    gate = gate_of(outcome.trained, models)
    if gate is None or not gate.passed:
        return {"code": "gate_failed"}
    return gate.model_dump(include={"identity", "prompt_following", "class_drift"})


def gate_of(trained: TrainedAdapter, models: Storage) -> GateReport | None:
    """Return what the judge said of an adapter."""
    key = trained.result_uri.removeprefix(models.uri(""))
    return read_document(models, key, TrainingResult).gate


def status_of(point: PointReport) -> Status:
    """Return how the point's job ended, in the words of its row."""
    if point.code is None:
        return "succeeded"
    return "canceled" if point.code == "canceled" else "failed"
