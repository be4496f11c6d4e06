"""A sweep from its upload to its one message, with the rules that really run and nothing else."""

import json
from dataclasses import replace

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport
from contracts.documents.stages import DryRunInput, ExecutionEnded, Failure
from contracts.documents.training import TrainingPlan
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import (
    JobCanceledError,
    PriceUnknownError,
    SweepFailedError,
    TooExpensiveError,
)
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.failures.causes import code_of
from domain.notices.dry_run import answer_dry_run
from domain.notices.uncaught import notify_outcome
from domain.ports.storage import read_document
from domain.pricing.agreement import PricingServices, share_cost_limit
from domain.pricing.estimating import Part
from domain.pricing.grid import grid_trials
from domain.pricing.prices import PriceTable
from domain.training.billing import settle_cost_records
from domain.training.cancellation import cancel, finish_cancels
from tests.fakes.intake import NOW
from tests.fakes.storage import MemoryStorage
from tests.unit.domain.test_notices import ARN, PHOTOS
from tests.unit.sweep_kit import CHILD, NAMES, Sweep, swept


def test_the_best_trial_is_delivered_as_the_sweep_s_model_with_one_message() -> None:
    sweep = Sweep()
    planned = swept(sweep, lr1e_3_rank4=0.9, lr1e_4_rank8="training_diverged")
    name, trained = sweep.rank(planned)
    assert name == "lr1e-3-rank4"
    sweep.deliver(trained)
    (notice,) = sweep.notifier.published
    assert (notice.job_id, notice.code, notice.tenant) == (sweep.job.job_id, "ready", "acme")
    assert [(trial.name, trial.place, trial.code) for trial in notice.sweep] == [
        ("lr1e-3-rank4", 1, None),
        ("lr1e-4-rank4", 2, None),
        ("lr1e-3-rank8", 3, None),
        ("lr1e-4-rank8", None, "training_diverged"),
    ]
    assert "best of 4 trials: lr1e-3-rank4. Without a model: lr1e-4-rank8" in notice.text
    assert notice.model is not None
    assert notice.model.identity == 0.9
    assert list(sweep.models.rows) == [("acme", sweep.job.job_id)]
    assert sweep.report().trials == notice.sweep
    statuses = [sweep.intake.jobs.get(trial.job_id) for trial in notice.sweep]
    assert [s and s.status for s in statuses] == ["succeeded"] * 3 + ["failed"]


def test_each_trial_s_document_is_its_own() -> None:
    sweep = Sweep()
    for trial in sweep.plan().trials:
        key = layout.models.accepted_upload_key(trial.job.job_id)
        assert read_document(sweep.intake.models, key, AcceptedUpload).job == trial.job


def test_photos_are_read_and_kept_once() -> None:
    sweep = Sweep()
    swept(sweep)
    assert len(sweep.decoder.limits) == len(PHOTOS)
    uploads = sweep.intake.uploads
    assert isinstance(uploads, MemoryStorage)
    copies = {key.split("/")[1] for key in uploads.objects if key.startswith("accepted/")}
    assert copies == {sweep.job.job_id}


def test_trials_that_share_a_training_job_share_its_photos() -> None:
    sweep = Sweep()
    sweep.enter(sweep.plan())
    (name,) = sweep.launch(quota=1, max_batch=4)[:1]
    models, plan_id = sweep.intake.models, plan_id_of_name(name)
    plan = read_document(models, layout.models.plan_key(plan_id), TrainingPlan)
    settings = [(task.request.learning_rate, task.request.rank) for task in plan.tasks]
    assert len(settings) == len(set(settings)) == 2
    manifest = json.loads(models.read(layout.models.photos_manifest_key(plan_id), 10_000))
    assert len(manifest) == len({str(line) for line in manifest}) == 6
    assert all(photo.file.startswith(sweep.job.job_id) for t in plan.tasks for photo in t.photos)


def test_a_sweep_whose_trials_all_fail_is_reported_once_with_every_reason() -> None:
    sweep = Sweep()
    planned = swept(sweep, **{name.replace("-", "_"): "gate_no_effect" for name in NAMES})
    with pytest.raises(SweepFailedError) as caught:
        sweep.rank(planned)
    sweep.fail(caught.value)
    (notice,) = sweep.notifier.published
    assert (notice.status, notice.code) == ("failed", "sweep_failed")
    assert "Trials: 4." in notice.text
    assert [(trial.name, trial.code) for trial in notice.sweep] == [
        (name, "gate_no_effect") for name in NAMES
    ]
    record = sweep.intake.jobs.get(sweep.job.job_id)
    assert record is not None
    assert (record.status, record.code) == ("failed", "sweep_failed")


def test_a_nested_execution_that_says_no_more_than_its_end_has_a_code() -> None:
    words = {"FAILED": "sweep_failed", "TIMED_OUT": "timed_out", "ABORTED": "canceled"}
    for status, code in words.items():
        cause = json.dumps({"Status": status, "ExecutionArn": CHILD})
        assert code_of(Failure(Error="States.TaskFailed", Cause=cause)) == code


def test_a_sweep_is_as_far_as_its_trials_are_on_average() -> None:
    sweep = Sweep()
    planned = sweep.plan()
    sweep.enter(planned)
    sweep.launch()
    for trial in planned.trials[:2]:
        sweep.report_progress(trial.job.job_id, step=50, total=100)
    record = sweep.intake.jobs.get(sweep.job.job_id)
    assert record is not None
    assert record.percent == (48 + 48 + 8 + 8) // 4


# --- again ----------------------------------------------------------------------------------


def test_what_is_planned_twice_is_planned_once() -> None:
    sweep = Sweep()
    planned = sweep.plan()
    sweep.enter(planned)
    names = sweep.launch()
    assert sweep.plan() == planned
    sweep.enter(planned, attempt=2)
    assert sweep.launch() == []
    assert sweep.trainer.running() == names
    sweep.train(planned, lr1e_3_rank8=0.8)
    assert sweep.rank(planned, attempt=2)[0] == "lr1e-3-rank8"


def test_a_redriven_sweep_adopts_what_succeeded_and_tries_again_what_failed() -> None:
    sweep = Sweep()
    planned = swept(sweep, lr1e_4_rank8="training_diverged")
    sweep.rank(planned)
    first = set(sweep.trainer.states)
    for name in first:
        sweep.trainer.end(name)
    sweep.enter(sweep.plan(), attempt=2)
    (again,) = sweep.launch()
    assert again not in first
    assert planned.trials[1].job.job_id in again
    sweep.train(planned, lr1e_4_rank8=0.9)
    assert sweep.rank(planned, attempt=2)[0] == "lr1e-4-rank8"


def test_ranking_twice_gives_the_same() -> None:
    sweep = Sweep()
    planned = swept(sweep, lr1e_3_rank4=0.9)
    once, report = sweep.rank(planned), sweep.report()
    assert (sweep.rank(planned), sweep.report()) == (once, report)


# --- stopping -------------------------------------------------------------------------------


def test_a_canceled_sweep_stops_every_trial() -> None:
    sweep = Sweep()
    planned = sweep.plan()
    sweep.enter(planned)
    sweep.launch(quota=2)
    assert cancel(sweep.job.job_id, sweep.services, NOW).outcome == "canceling"
    assert sweep.trainer.running() == []
    assert {answer.error for answer in sweep.callbacks.answers.values()} == {"JobCanceledError"}
    with pytest.raises(JobCanceledError) as caught:
        sweep.rank(planned)
    sweep.fail(caught.value)
    (notice,) = sweep.notifier.published
    assert (notice.status, notice.code) == ("canceled", "canceled")


def test_a_trial_that_a_dead_canceller_left_is_stopped_by_reconcile() -> None:
    sweep = Sweep()
    sweep.enter(sweep.plan())
    sweep.launch(quota=2)
    sweep.intake.jobs.request_cancel(sweep.job.job_id, NOW)
    finish_cancels(sweep.services, NOW)
    assert sweep.trainer.running() == []
    assert len(sweep.callbacks.answers) == len(NAMES)


def test_a_canceled_sweep_that_is_redriven_goes_on() -> None:
    sweep = Sweep()
    sweep.enter(sweep.plan())
    jobs = sweep.intake.jobs
    for trial in sweep.plan().trials:
        jobs.request_cancel(trial.job.job_id, NOW)
    sweep.enter(sweep.plan(), attempt=2)
    assert len(sweep.launch()) == len(NAMES)


def test_trials_of_a_sweep_that_is_over_are_trained_for_nobody() -> None:
    sweep = Sweep()
    sweep.enter(sweep.plan())
    assert len(sweep.launch(quota=1)) == 1
    detail = {"executionArn": ARN, "status": "ABORTED"}
    notify_outcome(ExecutionEnded.model_validate({"detail": detail}), sweep.notice_services, NOW)
    settle_cost_records(sweep.services, NOW)
    assert sweep.launch() == []
    assert sweep.trainer.running() == []
    (notice,) = sweep.notifier.published
    assert notice.code == "canceled"
    sweep.intake.jobs.reopen(sweep.job.job_id, ARN, "SweepAdapter", NOW)
    sweep.enter(sweep.plan(), attempt=2)
    assert len(sweep.launch()) == len(NAMES)


# --- money ----------------------------------------------------------------------------------


def test_a_price_is_for_all_trials_together() -> None:
    free = Sweep()
    free.plan()
    record = free.intake.jobs.get(free.job.job_id)
    assert record is not None
    assert record.estimate is not None
    whole = record.estimate.usd
    assert whole is not None
    with pytest.raises(TooExpensiveError):
        Sweep({"max_cost_usd": whole * 0.99}).plan()
    paid = Sweep({"max_cost_usd": whole * 2, "sweep": {"max_train_steps": [100, 4000]}})
    planned = paid.plan()
    paid.enter(planned)
    rows = [paid.intake.jobs.get(trial.job.job_id) for trial in planned.trials]
    limits = [row.max_runtime_seconds for row in rows if row is not None]
    estimates = [row.estimate.usd for row in rows if row is not None and row.estimate is not None]
    short, long = (seconds for seconds in limits if seconds is not None)
    assert short < long
    assert sum(usd for usd in estimates if usd is not None) < whole * 2
    assert (short + long) / 3600 * 1.515 <= whole * 2


def test_a_trial_without_a_price_is_not_taken_for_a_free_one() -> None:
    sweep = Sweep({"max_cost_usd": 100})
    sweep.plan()
    key = layout.models.photo_report_key(sweep.job.job_id)
    report = read_document(sweep.intake.models, key, PhotoReport)
    notice_services = PricingServices(
        sweep.intake.jobs, sweep.intake.models, sweep.intake.bases.storage, "ml.new"
    )
    asked = sweep_request(sweep)
    trials = [Part(trial.request) for trial in grid_trials(asked)]
    with pytest.raises(PriceUnknownError) as caught:
        share_cost_limit(sweep.job.job_id, asked, trials, report, notice_services)
    assert caught.value.facts["instance_type"] == "ml.new"
    priced = replace(notice_services, prices=PriceTable({"ml.new": 2.0}))
    shares = share_cost_limit(sweep.job.job_id, asked, trials, report, priced)
    assert sum(share or 0 for share in shares) == pytest.approx(100)


def sweep_request(sweep: Sweep) -> TrainingRequest:
    key = layout.models.accepted_upload_key(sweep.job.job_id)
    return read_document(sweep.intake.models, key, AcceptedUpload).request


def test_a_price_that_is_just_enough_is_enough() -> None:
    free = Sweep()
    free.plan()
    record = free.intake.jobs.get(free.job.job_id)
    assert record is not None
    assert record.estimate is not None
    paid = Sweep({"max_cost_usd": record.estimate.usd})
    paid.enter(paid.plan())
    assert len(paid.launch()) == len(NAMES)


def test_a_dry_run_reports_the_sum_and_plans_nothing() -> None:
    single, sweep = Sweep({"sweep": None, "dry_run": True}), Sweep({"dry_run": True})
    assert (sweep.photos.dry_run, sweep.photos.sweep) == (True, False)
    one, all_ = (s.intake.jobs.get(s.job.job_id) for s in (single, sweep))
    assert one is not None
    assert all_ is not None
    assert one.estimate is not None
    assert all_.estimate is not None
    assert all_.estimate.steps == 4 * one.estimate.steps
    answer_dry_run(DryRunInput(job=sweep.job, photos=sweep.photos), sweep.notice_services, NOW)
    assert f"{all_.estimate.steps} steps in 4 trainings" in sweep.notifier.published[0].text


def test_the_receipt_is_the_sum_of_the_trials() -> None:
    sweep = Sweep()
    planned = swept(sweep, lr1e_3_rank4=0.9)
    for name in list(sweep.trainer.states):
        sweep.trainer.end(name)
        sweep.trainer.states[name] = replace(
            sweep.trainer.states[name], training_seconds=100, billable_seconds=100
        )
    settle_cost_records(sweep.services, NOW)
    sweep.deliver(sweep.rank(planned)[1])
    receipt = sweep.notifier.published[0].receipt
    assert receipt is not None
    assert (receipt.training_jobs, receipt.billable_seconds) == (4, 400)
