"""A sweep: one upload, one trial for each combination of a grid, and the best adapter of them.

Every trial is a job like any other, with its own documents and its own record. So the queue, the
launcher, the trainer and the cost records need no rule for sweeps. The owner sees the sweep's job
only. With successive halving a trial has one job for each rung that it reaches; every job goes on
from the last checkpoint of the one before.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from contracts.documents.job import AcceptedUpload, JobSpec
from contracts.documents.photos import PhotoReport
from contracts.documents.record import Status
from contracts.documents.rung import Rung
from contracts.documents.stages import PlanSweepInput, RankSweepInput, TrialOutcome
from contracts.documents.sweep import BestTrial, SweepReport, SweepTrial, SweepTrials, TrialReport
from contracts.documents.training import GateReport, TrainedAdapter, TrainingResult
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import SweepFailedError
from contracts.shared import layout
from contracts.shared.steps import Dataset
from domain.failures.causes import code_of
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, read_document, write_document
from domain.pricing.agreement import (
    PricingServices,
    agree_on_price,
    card_of,
    share_cost_limit,
)
from domain.pricing.estimating import Part, rungs_of
from domain.pricing.grid import GridTrial, changed, grid_trials, sweep_trial
from domain.pricing.halving import Rungs
from domain.sweeps.ranking import best_of, rank_trials


class Round(NamedTuple):
    """The trials that are trained at the same time: all of them, or those of one rung."""

    number: int
    """From 0."""
    trials: list[GridTrial]
    """In the order of the grid."""


def plan_sweep(given: PlanSweepInput, services: PricingServices, now: datetime) -> SweepTrials:
    """Make a job of every trial of the next rung: its documents, then its record.

    May be repeated.

    Raises:
        JobCanceledError: the sweep is being cancelled.
        TooExpensiveError: all trials together can cost more than the request allows.
        PriceUnknownError: the request has ``max_cost_usd``, and the instance type has no price.
    """
    sweep = given.job
    services.jobs.advance(sweep.job_id, "SweepAdapter", now)
    if not given.outcomes:
        agree_on_price(sweep.job_id, services)
    key = layout.models.accepted_upload_key(sweep.job_id)
    accepted = read_document(services.models, key, AcceptedUpload)
    report = read_document(
        services.models, layout.models.photo_report_key(sweep.job_id), PhotoReport
    )
    rungs = rungs_of_sweep(accepted, report, services)
    for outcome in given.outcomes:
        code = code_of_outcome(outcome)
        services.jobs.finish(outcome.job.job_id, status_of(code), code, now)
    round_ = next_round(given, rungs, services.models)
    trials = write_trials(round_, accepted, report, rungs, services)
    services.jobs.add_trials(sweep.job_id, trials, given.execution_arn, now)
    is_last = not trials or round_.number == len(rungs.counts) - 1
    return SweepTrials(trials=trials, is_last=is_last)


def rungs_of_sweep(
    accepted: AcceptedUpload, report: PhotoReport, services: PricingServices
) -> Rungs:
    """Return the rungs of a sweep; the same whenever it is asked."""
    record = services.jobs.get(accepted.job.job_id)
    if record is None:  # pragma: no cover - advance() has refused it
        return Rungs(grid_trials(accepted.request), (1,))
    card = card_of(services.bases, record)
    dataset = Dataset.of_report(report)
    return rungs_of(accepted.request, dataset, card, services.instance_type, services.prices)


def next_round(given: PlanSweepInput, rungs: Rungs, models: Storage) -> Round:
    """Return the first rung whose trials have not all ended, and who has reached it."""
    ended = {outcome.job.job_id: outcome for outcome in given.outcomes}
    alive = rungs.trials
    for number in range(len(rungs.counts)):
        jobs = [sweep_trial(given.job, trial, number).job.job_id for trial in alive]
        if not all(job_id in ended for job_id in jobs):
            return Round(number, alive)
        if number + 1 < len(rungs.counts):
            reports = [
                report_at_rung(trial, ended[job_id], models)
                for trial, job_id in zip(alive, jobs, strict=True)
            ]
            chosen = best_of(reports, rungs.counts[number + 1])
            alive = [trial for trial in alive if trial.name in chosen]
    return Round(len(rungs.counts) - 1, [])


def report_at_rung(trial: GridTrial, outcome: TrialOutcome, models: Storage) -> TrialReport:
    """Return what the gate measured at a rung's end, whether or not its floors were reached."""
    blank = TrialReport(name=trial.name, job_id=outcome.job.job_id)
    return blank.model_copy(update={**trial.fields, **scores_of(outcome, models)})


def write_trials(
    round_: Round,
    accepted: AcceptedUpload,
    report: PhotoReport,
    rungs: Rungs,
    services: PricingServices,
) -> tuple[SweepTrial, ...]:
    """Write the documents of a round's jobs, and return the jobs."""
    sweep, number = accepted.job, round_.number
    parts = [
        Part(trial.request, rungs.rung_of(sweep.job_id, trial, number)) for trial in round_.trials
    ]
    requests = priced(accepted, parts, report, services)
    trials = tuple(sweep_trial(sweep, trial, number) for trial in round_.trials)
    for trial, part, request in zip(trials, parts, requests, strict=True):
        own = {"job": trial.job, "request": request, "rung": part.rung}
        theirs = accepted.model_copy(update=own)
        write_document(services.models, layout.models.accepted_upload_key(trial.job.job_id), theirs)
        write_document(services.models, layout.models.photo_report_key(trial.job.job_id), report)
    return trials


def priced(
    accepted: AcceptedUpload,
    parts: Sequence[Part],
    report: PhotoReport,
    services: PricingServices,
) -> list[TrainingRequest]:
    """Return the parts' requests with their shares of ``max_cost_usd``."""
    sweep = accepted.job.job_id
    shares = share_cost_limit(sweep, accepted.request, parts, report, services)
    return [
        part.request if share is None else changed(part.request, max_cost_usd=share)
        for part, share in zip(parts, shares, strict=True)
    ]


def rank_sweep(given: RankSweepInput, jobs: Jobs, models: Storage, now: datetime) -> BestTrial:
    """Close the trials, write their report, and return the best trial's adapter.

    Raises:
        SweepFailedError: no trial has an adapter that passed.
        JobCanceledError: the sweep is being cancelled.
    """
    trials = rank_trials(reports_of(given, models))
    for trial in trials:
        jobs.finish(trial.job_id, status_of(trial.code), trial.code, now)
    report = SweepReport(job_id=given.job.job_id, trials=trials)
    write_document(models, layout.models.sweep_report_key(given.job.job_id), report)
    jobs.advance(given.job.job_id, "SweepAdapter", now)
    best = trials[0]
    if best.place is None:
        raise SweepFailedError(trials=len(trials))
    trained = last_outcomes(given.outcomes)[best.name].trained
    if trained is None:  # pragma: no cover - only a trained trial has a place
        raise SweepFailedError(trials=len(trials))
    return BestTrial(name=best.name, trained=trained)


def last_outcomes(outcomes: Sequence[TrialOutcome]) -> Mapping[str, TrialOutcome]:
    """Return the outcome of each trial's last rung, by the trial's name."""
    return {outcome.name: outcome for outcome in outcomes}


def reports_of(given: RankSweepInput, models: Storage) -> Iterable[TrialReport]:
    """Return the report of each trial, in the order of the grid."""
    accepted_key = layout.models.accepted_upload_key(given.job.job_id)
    request = read_document(models, accepted_key, AcceptedUpload).request
    fields = {trial.name: trial.fields for trial in grid_trials(request)}
    has_rungs = request.sweep is not None and request.sweep.halving is not None
    for outcome in last_outcomes(given.outcomes).values():
        blank = TrialReport(name=outcome.name, job_id=outcome.job.job_id)
        rung = rung_of_job(outcome.job, models) if has_rungs else None
        facts = facts_of_trial(outcome, rung, models)
        if has_rungs:
            facts["repeated_steps"] = repeated_steps(outcome.name, given.outcomes, models)
        yield blank.model_copy(update={**fields[outcome.name], **facts})


def repeated_steps(name: str, outcomes: Sequence[TrialOutcome], models: Storage) -> int:
    """Return the steps that a trial's rungs have trained twice, because a checkpoint was gone."""
    results = [
        result_of(outcome.trained, models)
        for outcome in outcomes
        if outcome.name == name and outcome.trained is not None
    ]
    return sum(result.metrics.repeated_steps for result in results if result.metrics is not None)


def rung_of_job(job: JobSpec, models: Storage) -> Rung | None:
    """Return the part of a training that a job was."""
    return read_document(models, layout.models.accepted_upload_key(job.job_id), AcceptedUpload).rung


def facts_of_trial(outcome: TrialOutcome, rung: Rung | None, models: Storage) -> dict[str, object]:
    """Return what the gate measured, and where a trial was stopped; or the code of the failure."""
    if rung is not None and not rung.is_last and outcome.trained is not None:
        return {**scores_of(outcome, models), "stopped_after_steps": rung.last_step}
    code = code_of_outcome(outcome)
    if code is not None or outcome.trained is None:
        return {"code": code}
    gate = gate_of(outcome.trained, models)
    if gate is None or not gate.passed:
        return {"code": "gate_failed"}
    return scores_in(gate)


def code_of_outcome(outcome: TrialOutcome) -> str | None:
    """Return why a trial has no adapter; None when it has one."""
    if outcome.failure is not None:
        return code_of(outcome.failure)
    return "training_failed" if outcome.trained is None else None


def scores_of(outcome: TrialOutcome, models: Storage) -> dict[str, object]:
    """Return what the gate measured, or the code of the failure."""
    if outcome.trained is None:
        return {"code": code_of_outcome(outcome)}
    gate = gate_of(outcome.trained, models)
    return {} if gate is None else scores_in(gate)


def scores_in(gate: GateReport) -> dict[str, object]:
    """Return the scores that trials are compared by."""
    return gate.model_dump(include={"identity", "prompt_following", "class_drift"})


def gate_of(trained: TrainedAdapter, models: Storage) -> GateReport | None:
    """Return the gate's report on an adapter."""
    return result_of(trained, models).gate


def result_of(trained: TrainedAdapter, models: Storage) -> TrainingResult:
    """Return what the trainer wrote about an adapter."""
    key = trained.result_uri.removeprefix(models.uri(""))
    return read_document(models, key, TrainingResult)


def status_of(code: str | None) -> Status:
    """Return the status in which a trial's job ended, by the code of its failure."""
    if code is None:
        return "succeeded"
    return "canceled" if code == "canceled" else "failed"
