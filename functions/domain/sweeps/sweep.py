"""A sweep: one upload, one trial for each combination of a grid, and the best adapter of them.

Every trial is a job like any other, with its own documents and its own record. So the queue, the
launcher, the trainer and the cost records need no rule for sweeps. The owner sees the sweep's job
only.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.photos import PhotoReport
from contracts.documents.record import Status
from contracts.documents.stages import PlanSweepInput, RankSweepInput, TrialOutcome
from contracts.documents.sweep import BestTrial, SweepReport, SweepTrials, TrialReport
from contracts.documents.training import GateReport, TrainedAdapter, TrainingResult
from contracts.errors import SweepFailedError
from contracts.shared import layout
from domain.failures.causes import code_of
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, read_document, write_document
from domain.pricing.agreement import PricingServices, agree_on_price, share_cost_limit
from domain.pricing.grid import GridTrial, changed, grid_trials, sweep_trial
from domain.sweeps.ranking import rank_trials


def plan_sweep(given: PlanSweepInput, services: PricingServices, now: datetime) -> SweepTrials:
    """Make a job of every trial: first its documents, then its record. May be repeated.

    Raises:
        JobCanceledError: the sweep is being cancelled.
        TooExpensiveError: all trials together cost more than the request allows.
        PriceUnknownError: the request has ``max_cost_usd``, and the instance type has no price.
    """
    sweep = given.job
    services.jobs.advance(sweep.job_id, "SweepAdapter", now)
    agree_on_price(sweep.job_id, services)
    key = layout.accepted_upload_key(sweep.job_id)
    accepted = read_document(services.models, key, AcceptedUpload)
    report = read_document(services.models, layout.photo_report_key(sweep.job_id), PhotoReport)
    grid = priced(grid_trials(accepted.request), sweep, report, services)
    trials = tuple(sweep_trial(sweep, trial) for trial in grid)
    for trial, wanted in zip(trials, grid, strict=True):
        theirs = accepted.model_copy(update={"job": trial.job, "request": wanted.request})
        write_document(services.models, layout.accepted_upload_key(trial.job.job_id), theirs)
        write_document(services.models, layout.photo_report_key(trial.job.job_id), report)
    services.jobs.add_trials(sweep.job_id, trials, given.execution_arn, now)
    return SweepTrials(trials=trials)


def priced(
    grid: list[GridTrial], sweep: JobSpec, report: PhotoReport, services: PricingServices
) -> list[GridTrial]:
    """Return the trials with their shares of ``max_cost_usd``, in proportion to their estimates."""
    requests = [trial.request for trial in grid]
    shares = share_cost_limit(sweep.job_id, requests, report, services)
    return [
        trial
        if share is None
        else replace(trial, request=changed(trial.request, max_cost_usd=share))
        for trial, share in zip(grid, shares, strict=True)
    ]


def rank_sweep(given: RankSweepInput, jobs: Jobs, models: Storage, now: datetime) -> BestTrial:
    """Close the trials, write their report, and return the best trial's adapter.

    Raises:
        SweepFailedError: no trial has an adapter that passed.
        JobCanceledError: the sweep is being cancelled.
    """
    trials = rank_trials(reports_of(given, models))
    for trial in trials:
        jobs.finish(trial.job_id, status_of(trial), trial.code, now)
    report = SweepReport(job_id=given.job.job_id, trials=trials)
    write_document(models, layout.sweep_report_key(given.job.job_id), report)
    jobs.advance(given.job.job_id, "SweepAdapter", now)
    best = trials[0]
    if best.place is None:
        raise SweepFailedError(trials=len(trials))
    trained = {outcome.name: outcome.trained for outcome in given.outcomes}[best.name]
    if trained is None:  # pragma: no cover - only a trained trial has a place
        raise SweepFailedError(trials=len(trials))
    return BestTrial(name=best.name, trained=trained)


def reports_of(given: RankSweepInput, models: Storage) -> Iterable[TrialReport]:
    """Return the report of each trial, in the order of the grid."""
    accepted_key = layout.accepted_upload_key(given.job.job_id)
    request = read_document(models, accepted_key, AcceptedUpload).request
    fields = {trial.name: trial.fields for trial in grid_trials(request)}
    for outcome in given.outcomes:
        blank = TrialReport(name=outcome.name, job_id=outcome.job.job_id)
        yield blank.model_copy(update={**fields[outcome.name], **facts_of_trial(outcome, models)})


def facts_of_trial(outcome: TrialOutcome, models: Storage) -> dict[str, object]:
    """Return what the gate measured, or the code of the failure."""
    if outcome.failure is not None or outcome.trained is None:
        code = "training_failed" if outcome.failure is None else code_of(outcome.failure)
        return {"code": code}
    gate = gate_of(outcome.trained, models)
    if gate is None or not gate.passed:
        return {"code": "gate_failed"}
    return gate.model_dump(include={"identity", "prompt_following", "class_drift"})


def gate_of(trained: TrainedAdapter, models: Storage) -> GateReport | None:
    """Return the gate's report on an adapter."""
    key = trained.result_uri.removeprefix(models.uri(""))
    return read_document(models, key, TrainingResult).gate


def status_of(trial: TrialReport) -> Status:
    """Return the status in which the trial's job ended."""
    if trial.code is None:
        return "succeeded"
    return "canceled" if trial.code == "canceled" else "failed"
