"""The end of a training job, from an event or from reconcile, ends the waiting state."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.documents.stages import TrainingEvent
from contracts.documents.status import TrainingProgress
from contracts.documents.training import TrainedAdapter, TrainingPlan
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from domain.ports.storage import read_document, write_document
from domain.ports.trainer import JobStatus, TrainingState
from domain.training import planning
from domain.training.billing import settle_cost_records
from domain.training.following import find_progress, follow, reconcile
from domain.training.launching import launch
from domain.training.services import LaunchServices
from domain.training.verdicts import LAUNCH_GRACE, TryAgain, reason_of, verdict_of_job
from tests.fakes.faults import before_next, die
from tests.unit.training_kit import NOON, SETTINGS, World, job_id, record


def in_training() -> World:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    return world


def result_event(key: str) -> TrainingEvent:
    detail = {"bucket": {"name": "models"}, "object": {"key": key}}
    return TrainingEvent.model_validate({"source": "aws.s3", "detail": detail})


def job_event(name: str) -> TrainingEvent:
    detail = {"TrainingJobName": name, "TrainingJobStatus": "Completed"}
    return TrainingEvent.model_validate({"source": "aws.sagemaker", "detail": detail})


def test_a_written_result_ends_the_waiting_state() -> None:
    world = in_training()
    follow(world.services, result_event(world.write_result(1)), NOON)
    trained = TrainedAdapter.model_validate_json(world.callbacks.answers["token"].text)
    assert trained.training_job_name == f"likeness-{job_id(1)}-1"
    assert world.jobs.records[job_id(1)].queue is None


def test_events_may_come_twice_late_or_in_any_order() -> None:
    world = in_training()
    name = world.name_of(1)
    key = world.write_result(1)
    world.trainer.end(name)
    for event in (job_event(name), result_event(key), result_event(key), job_event(name)):
        follow(world.services, event, NOON)
    assert len(world.callbacks.answers) == 1
    assert world.callbacks.answers["token"].error is None


def test_lost_events_are_found_by_reconcile() -> None:
    world = in_training()
    world.write_result(1)
    reconcile(world.services, NOON)
    assert world.callbacks.answers["token"].error is None


def test_where_time_is_short_the_longest_silent_training_is_read_first() -> None:
    world = World()
    for number in (1, 2):
        world.enter(number, f"token-{number}", f"tenant-{number}")
        launch(world.launching, NOON - timedelta(minutes=number))
        world.write_result(number)
    rounds = iter([True, False])
    reconcile(world.services, NOON, lambda: next(rounds))
    assert list(world.callbacks.answers) == ["token-2"]
    reconcile(world.services, NOON)
    assert sorted(world.callbacks.answers) == ["token-1", "token-2"]


def test_an_event_of_a_job_that_goes_on_changes_nothing() -> None:
    world = in_training()
    follow(world.services, job_event(world.name_of(1)), NOON)
    assert world.callbacks.waiting == {"token"}


@pytest.mark.parametrize("key", ["training/x/result.json", "result.json", "other/../result.json"])
def test_results_elsewhere_are_none_of_ours(key: str) -> None:
    world = in_training()
    follow(world.services, result_event(key), NOON)
    follow(world.services, job_event("somebody-elses-job"), NOON)
    assert world.callbacks.waiting == {"token"}


@pytest.mark.parametrize(
    ("code", "error", "facts"),
    [
        ("training_diverged", "TrainingFailedError", {"code": "training_diverged"}),
        (
            "never_heard",
            "TrainingFailedError",
            {"code": "training_failed", "reason": "never_heard"},
        ),
        ("gate_not_alike", "GateFailedError", {"code": "gate_not_alike"}),
        ("gate_failed", "GateFailedError", {"code": "gate_failed"}),
    ],
)
def test_a_failed_task_fails_the_state_in_the_workflows_words(
    code: str, error: str, facts: dict[str, str]
) -> None:
    world = in_training()
    follow(world.services, result_event(world.write_result(1, failure=code)), NOON)
    answer = world.callbacks.answers["token"]
    assert answer.error == error
    assert json.loads(answer.text) == facts


def test_a_failed_result_of_an_earlier_attempt_is_not_this_ones() -> None:
    world = in_training()
    key = world.write_result(1, failure="training_diverged")
    world.jobs.requeue(job_id(1), world.name_of(1), NOON)
    launch(world.launching, NOON)
    follow(world.services, result_event(key), NOON)
    assert world.callbacks.waiting == {"token"}


@pytest.mark.parametrize(
    ("status", "secondary", "reason", "code"),
    [
        ("Completed", "Completed", "", "no_result"),
        ("Stopped", "Stopped", "", "stopped"),
        ("Stopped", "MaxRuntimeExceeded", "", "deadline_exceeded"),
        ("Stopped", "MaxWaitTimeExceeded", "", "deadline_exceeded"),
        ("Failed", "Failed", "AlgorithmError: disk_full: no room, exit code: 1", "disk_full"),
        ("Failed", "Failed", "AlgorithmError: ExecuteUserScriptError: a cat", "algorithm_error"),
        ("Failed", "Failed", "AlgorithmError: , exit code: 137", "killed"),
        ("Failed", "Failed", "AlgorithmError: disk_full: no room, exit code: 137", "killed"),
        ("Failed", "Failed", "AlgorithmError: , exit code: 1", "algorithm_error"),
        ("Failed", "Failed", "AlgorithmError: never_heard: x", "algorithm_error"),
        ("Failed", "Failed", "CapacityError: disk_full: x, exit code: 137", "capacity_error"),
        ("Failed", "Failed", "CapacityError", "capacity_error"),
        ("Failed", "Failed", "ClientError: Cannot pull s3://bucket/a cat.png", "client_error"),
        ("Failed", "Failed", "InternalServerError: try again", "internal_server_error"),
        ("Failed", "Failed", "a cat", "unknown"),
    ],
)
def test_why_a_job_ended_is_reported_by_a_code_and_never_by_free_text(
    status: JobStatus, secondary: str, reason: str, code: str
) -> None:
    assert reason_of(TrainingState("name", status, secondary, reason)) == code


def test_a_job_that_ends_without_a_result_fails_the_state() -> None:
    world = in_training()
    world.trainer.end(world.name_of(1), "Failed", "AlgorithmError: exit code 1")
    follow(world.services, job_event(world.name_of(1)), NOON)
    assert world.callbacks.answers["token"].error == "TrainingFailedError"
    assert world.jobs.records[job_id(1)].queue is None


def test_a_fault_of_the_service_is_trained_again_and_then_reported() -> None:
    world = in_training()
    for _ in range(3):
        world.trainer.end(world.name_of(1), "Failed", "InternalServerError: try again")
        reconcile(world.services, NOON)
        launch(world.launching, NOON)
    assert len(world.trainer.requests) == 3
    assert "internal_server_error" in world.callbacks.answers["token"].text


@pytest.mark.parametrize(
    ("reason", "trainings"),
    [
        ("InternalServerError: x", 3),
        ("CapacityError: x", 6),
        ("AlgorithmError: , exit code: 137", 2),
        ("AlgorithmError: , exit code: 1", 1),
        ("ClientError: x", 1),
    ],
)
def test_each_fault_has_its_own_budget(reason: str, trainings: int) -> None:
    world = in_training()
    while not world.callbacks.answers:
        world.trainer.end(world.name_of(1), "Failed", reason)
        reconcile(world.services, NOON)
        launch(world.launching, NOON)
    assert len(world.trainer.requests) == trainings


def together(*numbers: int) -> tuple[World, str]:
    """Several users in one training job."""
    world = World()
    for number in numbers:
        world.enter(number, f"token-{number}")
    settings = replace(SETTINGS, quota=1, max_batch=len(numbers) * 2)
    (name,) = launch(LaunchServices(world.services, world.bases, settings), NOON)
    assert {world.name_of(number) for number in numbers[:2]} == {name}
    return world, name


def test_after_a_batch_has_broken_each_is_trained_by_itself_and_no_fault_is_counted() -> None:
    world, name = together(1, 2, 3, 4)
    batch = [r.job_id for r in world.jobs.in_training()]
    world.trainer.end(name, "Failed", "InternalServerError: x")
    reconcile(world.services, NOON)
    again = [world.jobs.records[number] for number in batch]
    assert [(r.queue, r.alone, r.faults) for r in again] == [("queued", True, ())] * len(batch)


def test_a_job_of_its_own_that_is_lost_may_be_trained_with_others() -> None:
    world = in_training()
    world.trainer.end(world.name_of(1), "Failed", "InternalServerError: x")
    reconcile(world.services, NOON)
    lost = world.jobs.records[job_id(1)]
    assert (lost.queue, lost.alone, lost.faults) == ("queued", False, ("internal_server_error",))


def test_a_user_of_a_shared_training_job_is_answered_by_its_own_result() -> None:
    world, name = together(1, 2, 3, 4)
    follow(world.services, result_event(world.write_result_of(2, name)), NOON)
    assert set(world.callbacks.answers) == {"token-2"}


def test_a_result_of_another_plan_or_of_nobody_is_none_of_ours() -> None:
    world = in_training()
    other = layout.models.result_key(job_id(7), job_id(1))
    nobody = layout.models.result_key(job_id(9), job_id(9))
    key = world.write_result(1)
    body = world.models.objects[key]
    world.models.delete(layout.models.result_key(job_id(1), job_id(1)))
    for key in (other, nobody):
        world.models.write(key, body)
        follow(world.services, result_event(key), NOON)
    assert world.callbacks.answers == {}


def test_a_user_who_is_gone_does_not_hold_up_the_others_of_a_training_job() -> None:
    world, name = together(1, 2, 3, 4)
    first, second, *_ = [r.job_id for r in world.jobs.in_training()]
    for number in (1, 2, 3, 4):
        if job_id(number) in {first, second}:
            world.write_result_of(number, name)
    world.trainer.end(name)
    del world.jobs.records[first]
    follow(world.services, job_event(name), NOON)
    assert world.jobs.records[second].queue is None


def test_progress_of_a_shared_training_job_is_found_by_reconcile() -> None:
    world, name = together(1, 2, 3, 4)
    number = 2
    plan_id = world.jobs.records[job_id(number)].plan_id
    assert plan_id is not None
    assert plan_id != job_id(number)
    progress = TrainingProgress(
        job_id=job_id(number), training_job_name=name, step=50, total_steps=100, eta_seconds=5
    )
    write_document(world.models, layout.models.progress_key(plan_id, job_id(number)), progress)
    reconcile(world.services, NOON)
    assert world.jobs.records[job_id(number)].percent == 48


def test_progress_is_read_only_where_a_trainer_writes_it() -> None:
    world = in_training()
    progress = TrainingProgress(
        job_id=job_id(1), training_job_name=world.name_of(1), step=1, total_steps=2, eta_seconds=5
    )
    for key in ("elsewhere/progress.json", layout.models.progress_key("x", job_id(1))):
        write_document(world.models, key, progress)
        assert find_progress(world.models, key) is None
    key = layout.models.progress_key(job_id(1), job_id(1))
    write_document(world.models, key, progress)
    assert find_progress(world.models, key) == progress


def test_a_launcher_has_its_grace_to_the_second() -> None:
    claimed = record(1)
    assert verdict_of_job(claimed, None, NOON + LAUNCH_GRACE) == "wait"
    assert verdict_of_job(claimed, None, NOON + LAUNCH_GRACE + timedelta(seconds=1)) == TryAgain()


def test_a_result_written_at_the_end_is_not_overlooked() -> None:
    """The job is asked first: had the result been read first, its absence would count."""
    world = in_training()

    def end() -> None:
        world.write_result(1)
        world.trainer.end(world.name_of(1))

    before_next(world.trainer, "describe", end)
    reconcile(world.services, NOON)
    assert world.callbacks.answers["token"].error is None


def test_the_token_of_a_dead_attempt_is_given_up_quietly() -> None:
    world = in_training()
    world.callbacks.waiting.clear()
    world.write_result(1)
    reconcile(world.services, NOON)
    assert world.callbacks.answers == {}
    assert not world.jobs.in_training()


def test_a_token_that_a_redrive_brought_meanwhile_is_kept() -> None:
    world = in_training()
    stale = world.jobs.records[job_id(1)]
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    world.jobs.leave_queue(job_id(1), str(stale.task_token), NOON + timedelta(seconds=1))
    assert world.jobs.records[job_id(1)].task_token == "second"
    world.write_result(1)
    reconcile(world.services, NOON)
    assert world.callbacks.answers["second"].error is None


def test_a_crash_between_answer_and_bookkeeping_answers_once() -> None:
    world = in_training()
    world.write_result(1)
    before_next(world.jobs, "leave_queue", die)
    with pytest.raises(KeyboardInterrupt):
        reconcile(world.services, NOON)
    reconcile(world.services, NOON)
    assert len(world.callbacks.answers) == 1
    assert not world.jobs.in_training()


def test_a_torn_result_is_none_and_holds_nobody_up() -> None:
    world = World()
    for number in (1, 2):
        world.enter(number, f"token-{number}")
        launch(world.launching, NOON)
    torn, _ = (world.write_result(number) for number in (1, 2))
    world.models.write(torn, b'{"schema_version": 1, "job_')
    for _ in range(2):
        follow(world.services, result_event(torn), NOON)
        reconcile(world.services, NOON)
        settle_cost_records(world.services, NOON)
    assert set(world.callbacks.answers) == {"token-2"}
    world.trainer.end(world.name_of(1))
    reconcile(world.services, NOON)
    assert world.callbacks.answers["token-1"].error == "TrainingFailedError"


def test_a_host_that_failed_costs_only_its_own_users_an_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(planning, "SMALL_JOBS_AT_ONCE", 1)
    world = World()
    for number in range(4):
        world.enter(number, f"token-{number}")
    settings = replace(SETTINGS, quota=2, max_batch=2, max_instances=2)
    (name,) = launch(LaunchServices(world.services, world.bases, settings), NOON)
    plan = read_document(world.models, layout.models.plan_key(plan_id_of_name(name)), TrainingPlan)
    (first, second) = plan.shares
    well, lost = plan.tasks[:first], plan.tasks[first:]
    for task in well:
        world.write_result(int(task.job_id, 16))
    world.trainer.end(name, "Completed")
    reconcile(world.services, NOON)
    assert len(lost) == second >= 1
    assert len(world.callbacks.answers) == len(well)
    assert all(answer.error is None for answer in world.callbacks.answers.values())
    again = [job.job_id for job in world.jobs.queued() if job.alone]
    assert again == [task.job_id for task in lost]
