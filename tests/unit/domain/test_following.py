"""The end of a training job, from an event or from reconcile, ends the waiting state."""

import json
from datetime import timedelta

import pytest

from contracts.documents.stages import TrainingEvent
from contracts.documents.training import TrainedAdapter
from domain.ports.trainer import JobStatus, TrainingState
from domain.training.billing import settle_cost_records
from domain.training.following import follow, reason_of, reconcile
from domain.training.launching import launch
from tests.fakes.faults import before_next, die
from tests.unit.training_kit import NOON, World, job_id


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
