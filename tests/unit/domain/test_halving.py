"""Successive halving: who goes on, from where, at what price, and what the owner hears."""

import json
from typing import Any

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.rung import Rung
from contracts.documents.stages import DryRunInput, RankSweepInput, TrialOutcome
from contracts.documents.training import TrainingPlan, TrainingResult
from contracts.documents.upload.grid import Halving
from contracts.errors import SweepFailedError, TooExpensiveError
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from contracts.shared.steps import Dataset, count_steps
from domain.notices.dry_run import answer_dry_run
from domain.ports.storage import read_document, write_document
from domain.pricing.estimating import Part, budget_of, estimate_one, make_estimate
from domain.pricing.grid import changed, grid_trials, trial_id
from domain.pricing.halving import Rungs, plan_rungs, trials_of_rungs
from domain.sweeps.ranking import ranking_text
from domain.sweeps.sweep import rank_sweep
from tests.fakes.intake import NOW
from tests.unit.sweep_kit import Sweep
from tests.unit.training_kit import CARD, REQUEST

GRID: dict[str, Any] = {
    "rank": [2, 4, 8, 16],
    "halving": {"reduction_factor": 2, "min_resource": 25},
}
ASKED = {"sweep": GRID, "max_train_steps": 100}
USD_PER_HOUR = 1.515
SIX = Dataset((1,) * 6)
LARGE = CARD.model_copy(update={"resolution": 1024})


def halved(sweep: Sweep, rungs: list[dict[str, float | str]]) -> tuple[TrialOutcome, ...]:
    """Train rung after rung; each has the trials' likeness or code of failure."""
    outcomes: tuple[TrialOutcome, ...] = ()
    for number, gates in enumerate(rungs):
        planned = sweep.plan(outcomes)
        assert [trial.name for trial in planned.trials] == list(gates)
        assert planned.is_last == (number == len(rungs) - 1)
        sweep.enter(planned, attempt=number)
        sweep.launch()
        sweep.train(planned, **gates)
        outcomes += sweep.outcomes(planned, attempt=number).outcomes
    return outcomes


def ranked(sweep: Sweep, outcomes: tuple[TrialOutcome, ...]) -> Any:
    given = RankSweepInput(job=sweep.job, outcomes=outcomes)
    return rank_sweep(given, sweep.intake.jobs, sweep.intake.models, NOW)


RUNGS: list[dict[str, float | str]] = [
    {"rank2": 0.2, "rank4": 0.6, "rank8": 0.4, "rank16": 0.5},
    {"rank4": 0.6, "rank16": 0.7},
    {"rank16": 0.8},
]


def test_the_best_half_goes_on_and_the_report_says_where_the_others_were_stopped() -> None:
    sweep = Sweep(ASKED)
    best = ranked(sweep, halved(sweep, RUNGS))
    assert best.name == "rank16"
    assert [
        (trial.name, trial.place, trial.stopped_after_steps, trial.identity)
        for trial in sweep.report().trials
    ] == [
        ("rank16", 1, None, 0.8),
        ("rank4", None, 50, 0.6),
        ("rank8", None, 25, 0.4),
        ("rank2", None, 25, 0.2),
    ]
    sweep.deliver(best.trained)
    (notice,) = sweep.notifier.published
    assert notice.sweep == sweep.report().trials
    assert "the best of 4 trials: rank16. Stopped early: rank4 (after 50 steps)" in notice.text
    jobs = sweep.intake.jobs
    record = jobs.get(sweep.job.job_id)
    assert record is not None
    assert len(record.trials) == 4 + 2 + 1
    assert {row.status for row_id in record.trials if (row := jobs.get(row_id))} == {"succeeded"}


def test_each_rung_goes_on_from_the_checkpoint_of_the_one_before() -> None:
    sweep = Sweep(ASKED)
    first = sweep.plan()
    sweep.enter(first)
    names = sweep.launch()
    models = sweep.intake.models
    for name, trial in zip(names, first.trials, strict=True):
        key = layout.models.state_prefix(plan_id_of_name(name), trial.job.job_id)
        models.write(f"{key}step-000025.safetensors", b"state")
    sweep.train(first, **RUNGS[0])
    second = sweep.plan(sweep.outcomes(first).outcomes)
    sweep.enter(second)
    (name, _) = sweep.launch()
    plan_id = plan_id_of_name(name)
    (task,) = read_document(models, layout.models.plan_key(plan_id), TrainingPlan).tasks
    before = first.trials[1].job.job_id
    assert task.rung == Rung(
        training_id=before, continues=before, first_step=25, last_step=50, is_last=False
    )
    manifest = json.loads(models.read(layout.models.states_manifest_key(plan_id), 10_000))
    assert manifest == [
        {"prefix": models.uri("training/")},
        f"{plan_id_of_name(names[1])}/checkpoints/{before}/state/step-000025.safetensors",
    ]
    channels = {
        one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
        for one in sweep.trainer.requests[name]["InputDataConfig"]
    }
    assert channels["state"] == models.uri(layout.models.states_manifest_key(plan_id))


def test_what_was_trained_and_paid_is_not_planned_or_trained_again() -> None:
    sweep = Sweep(ASKED)
    outcomes = halved(sweep, RUNGS)
    trained = set(sweep.trainer.states)
    again = sweep.plan()
    sweep.enter(again, attempt=7)
    assert sweep.launch() == []
    assert (
        sweep.plan(sweep.outcomes(again, attempt=7).outcomes).trials
        == sweep.plan(outcomes[:4]).trials
    )
    assert set(sweep.trainer.states) == trained


def test_a_trial_that_fails_makes_room_for_none_and_goes_nowhere() -> None:
    sweep = Sweep(ASKED)
    rungs: list[dict[str, float | str]] = [
        {"rank2": "training_diverged", "rank4": "training_diverged", "rank8": 0.1,
         "rank16": "training_diverged"},
        {"rank8": 0.1},
        {"rank8": "gate_not_alike"},
    ]  # fmt: skip
    with pytest.raises(SweepFailedError):
        ranked(sweep, halved(sweep, rungs))
    assert {trial.code for trial in sweep.report().trials} == {
        "training_diverged",
        "gate_not_alike",
    }


def test_steps_that_were_trained_twice_are_in_the_report_and_told() -> None:
    sweep = Sweep(ASKED)
    outcomes = halved(sweep, RUNGS)
    models = sweep.intake.models
    for outcome, steps in zip(outcomes[4:], (0, 25, 50), strict=True):  # rank4, rank16, rank16
        assert outcome.trained is not None
        key = outcome.trained.result_uri.removeprefix(models.uri(""))
        result = read_document(models, key, TrainingResult)
        assert result.metrics is not None
        metrics = result.metrics.model_copy(update={"repeated_steps": steps})
        write_document(models, key, result.model_copy(update={"metrics": metrics}))
    ranked(sweep, outcomes)
    trials = sweep.report().trials
    assert {one.name: one.repeated_steps for one in trials if one.repeated_steps} == {"rank16": 75}
    assert "Trained twice, as checkpoints of earlier rungs were gone: rank16 (75 steps)." in (
        ranking_text(trials)
    )


def test_when_nobody_is_left_the_ranking_comes_next() -> None:
    sweep = Sweep(ASKED)
    failed = dict.fromkeys(RUNGS[0], "training_diverged")
    planned = sweep.plan()
    sweep.enter(planned)
    sweep.launch()
    sweep.train(planned, **failed)
    outcomes = sweep.outcomes(planned).outcomes
    again = sweep.plan(outcomes)
    assert (again.trials, again.is_last) == ((), True)
    with pytest.raises(SweepFailedError):
        ranked(sweep, outcomes)


@pytest.mark.parametrize(
    ("factor", "least", "trials", "steps", "rungs"),
    [
        (3, 100, 60, 1600, (60, 20, 6)),
        (2, 100, 4, 200, (4, 2)),
        (2, 100, 4, 199, (4,)),
        (10, 1, 9, 20_000, (9,)),
        (2, 1, 60, 20_000, (60, 30, 15, 7, 3, 1)),
    ],
)
def test_rungs_end_when_one_is_left_or_the_first_would_be_too_short(
    factor: int, least: int, trials: int, steps: int, rungs: tuple[int, ...]
) -> None:
    halving = Halving(reduction_factor=factor, min_resource=least)
    assert trials_of_rungs(halving, trials, steps) == rungs


def test_a_sweep_whose_trainings_are_too_short_to_halve_is_a_plain_one() -> None:
    sweep = Sweep({"sweep": GRID, "max_train_steps": 10})
    planned = sweep.plan()
    assert planned.is_last
    key = layout.models.accepted_upload_key(planned.trials[0].job.job_id)
    assert read_document(sweep.intake.models, key, AcceptedUpload).rung is None


def rungs_of_grid(grid: dict[str, Any], **fields: Any) -> Rungs:
    request = changed(REQUEST, sweep=grid, **fields)
    return plan_rungs(
        request.sweep.halving if request.sweep else None,
        grid_trials(request),
        lambda trial: trial.max_train_steps or 101,
    )


def test_every_rung_names_the_one_before_and_ends_at_a_step_rounded_up() -> None:
    rungs = rungs_of_grid(GRID)
    trial = rungs.trials[0]
    parts = [rungs.rung_of("7" * 32, trial, number) for number in range(3)]
    first, second, _ = jobs = [trial_id("7" * 32, trial, number) for number in range(3)]
    assert len(set(jobs)) == 3
    assert [part and (part.first_step, part.last_step) for part in parts] == [
        (0, 26),
        (26, 51),
        (51, 101),
    ]
    assert [part and part.continues for part in parts] == [None, first, second]
    assert {part and part.training_id for part in parts} == {first}


def test_the_steps_of_a_sweep_in_two_rungs_are_fixed_when_it_is_planned() -> None:
    grid = {"rank": [2, 4], "halving": GRID["halving"]}
    rungs = rungs_of_grid(grid, num_train_epochs=3)
    assert rungs.counts == (2, 1)
    asked = [(one.request.max_train_steps, one.request.num_train_epochs) for one in rungs.trials]
    assert asked == [(101, None), (101, None)]
    assert rungs.end_of(rungs.trials[0], 0) == 51


def test_of_each_rung_the_longest_trials_are_paid() -> None:
    grid = {"max_train_steps": [100, 400], "halving": GRID["halving"]}
    estimate = make_estimate(changed(REQUEST, sweep=grid), SIX, CARD, "ml.g5.2xlarge")
    assert estimate.steps == (50 + 200) + 200


@pytest.mark.parametrize(
    ("validation_steps", "rounds"), [(None, (0, 0)), (10, (2, 3)), (25, (1, 1)), (60, (0, 0))]
)
def test_a_rung_draws_its_own_validation_images_and_the_first_one_the_class_images(
    validation_steps: int | None, rounds: tuple[int, int]
) -> None:
    request = changed(REQUEST, max_train_steps=50, validation_steps=5, num_class_images=7)
    whole = count_steps(request, CARD.training, SIX)
    first = Rung(training_id="7" * 32, first_step=0, last_step=25, is_last=False)
    last = Rung(training_id="7" * 32, continues="8" * 32, first_step=25, last_step=50, is_last=True)
    budgets = [budget_of(rung, whole, validation_steps) for rung in (first, last)]
    assert tuple(budget.validation_rounds for budget in budgets) == rounds
    assert [budget.drawn_class_images for budget in budgets] == [7, 0]
    assert [budget.steps for budget in budgets] == [25, 25]


def test_a_rung_is_estimated_with_the_images_that_its_request_asks_for() -> None:
    rung = Rung(training_id="7" * 32, first_step=0, last_step=25, is_last=False)
    seconds = [
        estimate_one(Part(changed(REQUEST, **fields), rung), SIX, LARGE, "ml.g5.2xlarge").seconds
        for fields in ({}, {"validation_steps": 5})
    ]
    assert seconds[0] < seconds[1]


def usd_of(sweep: Sweep, job_id: str) -> float:
    record = sweep.intake.jobs.get(job_id)
    assert record is not None
    assert record.estimate is not None
    return record.estimate.usd or 0


def test_the_price_is_the_most_that_it_can_cost_and_what_is_paid_stays_within_it() -> None:
    free, plain = Sweep(ASKED), Sweep({"sweep": {"rank": GRID["rank"]}, "max_train_steps": 100})
    outcomes = halved(free, RUNGS)
    plain.plan()
    most = usd_of(free, free.job.job_id)
    record = free.intake.jobs.get(free.job.job_id)
    assert record is not None
    assert sum(usd_of(free, row) for row in record.trials) == pytest.approx(most)
    assert record.estimate is not None
    assert record.estimate.steps == 4 * 25 + 2 * 25 + 50
    assert len(outcomes) == 7
    with pytest.raises(TooExpensiveError):
        Sweep(ASKED | {"max_cost_usd": most * 0.99}).plan()
    paid = Sweep(ASKED | {"max_cost_usd": most * 2})
    halved(paid, RUNGS)
    record = paid.intake.jobs.get(paid.job.job_id)
    assert record is not None
    rows = [paid.intake.jobs.get(row) for row in record.trials]
    seconds = sum(row.max_runtime_seconds or 0 for row in rows if row is not None)
    assert most < seconds / 3600 * USD_PER_HOUR <= most * 2


def test_a_dry_run_says_the_most_that_it_can_cost() -> None:
    sweep = Sweep(ASKED | {"dry_run": True})
    answer_dry_run(DryRunInput(job=sweep.job, photos=sweep.photos), sweep.notice_services, NOW)
    (notice,) = sweep.notifier.published
    assert "It would take at most 200 steps" in notice.text
    assert "in 7 trainings" in notice.text
    assert notice.dry_run is not None
    assert notice.dry_run.trainings == 7
