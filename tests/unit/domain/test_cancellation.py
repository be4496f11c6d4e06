"""A job is stopped once, whatever it is doing, and nobody else's training is."""

import json
from dataclasses import replace

import pytest

from contracts.documents.record import Stage
from contracts.documents.sweep import SweepTrial
from contracts.errors import JobCanceledError
from domain.training.billing import settle_cost_records
from domain.training.cancellation import cancel, finish_cancels
from domain.training.following import follow_result, reconcile
from domain.training.launching import launch
from domain.training.sagemaker_job import TrainingSettings
from domain.training.services import LaunchServices
from tests.fakes.faults import before_next, die
from tests.unit.training_kit import NOON, SETTINGS, World, job_id, spec

TOGETHER = replace(SETTINGS, quota=1, max_batch=4)


def launched(world: World, *numbers: int, settings: TrainingSettings = SETTINGS) -> World:
    for number in numbers:
        world.enter(number, f"token-{number}")
    launch(LaunchServices(world.services, world.bases, settings), NOON)
    return world


def answer_of(world: World, number: int = 1) -> str | None:
    answer = world.callbacks.answers.get(f"token-{number}")
    return None if answer is None else answer.error


def test_a_queued_job_leaves_the_queue_and_its_execution_hears_of_it() -> None:
    world = World()
    world.enter(1, "token-1")
    answer = cancel(job_id(1), world.services, NOON)
    assert (answer.outcome, answer.status) == ("canceling", "processing")
    assert answer_of(world) == "JobCanceledError"
    assert json.loads(world.callbacks.answers["token-1"].text) == {"code": "canceled"}
    assert launch(world.launching, NOON) == []


def test_another_tenant_s_job_is_as_unknown_as_none() -> None:
    world = World()
    world.enter(1, "token-1")
    for job in (1, 9):
        answer = cancel(job_id(job), world.services, NOON, tenant="stranger")
        assert (answer.outcome, answer.status) == ("unknown", None)
    assert answer_of(world) is None
    own = cancel(job_id(1), world.services, NOON, tenant=spec(1).tenant)
    assert own.outcome == "canceling"


def test_a_training_job_for_nobody_else_is_stopped() -> None:
    world = launched(World(), 1)
    cancel(job_id(1), world.services, NOON)
    assert world.trainer.running() == []
    assert answer_of(world) == "JobCanceledError"
    assert not world.jobs.in_training()


def test_the_others_of_a_shared_training_job_go_on() -> None:
    world = launched(World(), 1, 2, 3, 4, settings=TOGETHER)
    name = world.name_of(1)
    assert name == world.name_of(2)
    cancel(job_id(1), world.services, NOON)
    assert world.trainer.running() == [name]
    follow_result(world.services, world.write_result_of(1, name), NOON)
    assert answer_of(world) == "JobCanceledError", "its result is read by nobody"
    cancel(job_id(2), world.services, NOON)
    assert world.trainer.running() == [], "the last one turns the light off"


def test_again_and_again_is_the_same_as_once() -> None:
    world = launched(World(), 1)
    first, again = (cancel(job_id(1), world.services, NOON) for _ in range(2))
    assert first == again
    assert len(world.callbacks.answers) == 1


@pytest.mark.parametrize("stage", ["InspectPhotos", "PublishAdapter", "WarmModel"])
def test_a_job_at_work_ends_when_its_next_stage_begins(stage: Stage) -> None:
    world = launched(World(), 1)
    follow_result(world.services, world.write_result(1), NOON)
    world.jobs.advance(job_id(1), stage, NOON)
    assert cancel(job_id(1), world.services, NOON).outcome == "canceling"
    with pytest.raises(JobCanceledError):
        world.jobs.advance(job_id(1), "NotifyOwner", NOON)


def test_cancel_loses_against_delivery() -> None:
    world = launched(World(), 1)
    follow_result(world.services, world.write_result(1), NOON)
    world.jobs.advance(job_id(1), "NotifyOwner", NOON)
    assert cancel(job_id(1), world.services, NOON).outcome == "too_late"
    world.jobs.finish(job_id(1), "succeeded", None, NOON)
    answer = cancel(job_id(1), world.services, NOON)
    assert (answer.outcome, answer.status) == ("too_late", "succeeded")
    assert cancel(job_id(9), world.services, NOON).outcome == "unknown"


def test_a_result_that_comes_while_it_is_being_canceled_does_not_count() -> None:
    world = launched(World(), 1)
    key = world.write_result(1)
    before_next(world.trainer, "stop", lambda: follow_result(world.services, key, NOON))
    cancel(job_id(1), world.services, NOON)
    assert answer_of(world) == "JobCanceledError"


@pytest.mark.parametrize(
    ("part", "method"),
    [("trainer", "stop"), ("callbacks", "fail"), ("jobs", "leave_queue")],
)
def test_who_dies_while_canceling_is_finished_by_reconcile(part: str, method: str) -> None:
    world = launched(World(), 1)
    before_next(getattr(world, part), method, die)
    with pytest.raises(KeyboardInterrupt):
        cancel(job_id(1), world.services, NOON)
    finish_cancels(world.services, NOON)
    reconcile(world.services, NOON)
    assert answer_of(world) == "JobCanceledError"
    assert (world.trainer.running(), world.jobs.in_training()) == ([], [])


def test_a_launcher_that_was_under_way_does_not_train_it_for_long() -> None:
    world = World()
    world.enter(1, "token-1")
    before_next(world.trainer, "create", lambda: cancel(job_id(1), world.services, NOON))
    launch(world.launching, NOON)
    assert len(world.trainer.running()) == 1
    world.jobs.finish(job_id(1), "canceled", "canceled", NOON)
    settle_cost_records(world.services, NOON)
    assert world.trainer.running() == []


def test_reconcile_stops_what_somebody_asked_to_stop_and_nothing_else() -> None:
    world = launched(World(), 1, 2)
    world.enter(3, "token-3")
    world.jobs.add_trials(job_id(8), [SweepTrial(name="p", job=spec(4))], "arn", NOON)
    world.callbacks.wait("token-4")
    world.call_train_adapter(4, "token-4")
    world.jobs.request_cancel(job_id(2), NOON)
    finish_cancels(world.services, NOON)
    canceled = [number for number in (1, 2, 3, 4) if answer_of(world, number) is not None]
    assert canceled == [2]
    asked = [n for n in (1, 2, 3, 4) if world.jobs.records[job_id(n)].cancel_requested]
    assert asked == [2]


def test_a_point_hears_of_its_sweep_s_end_in_its_own_row() -> None:
    world = World()
    world.jobs.claim(spec(8), "arn", NOON)
    world.jobs.add_trials(job_id(8), [SweepTrial(name="p", job=spec(4))], "arn", NOON)
    world.callbacks.wait("token-4")
    world.call_train_adapter(4, "token-4")
    finish_cancels(world.services, NOON)
    assert answer_of(world, 4) is None
    world.jobs.request_cancel(job_id(8), NOON)
    finish_cancels(world.services, NOON)
    assert answer_of(world, 4) == "JobCanceledError"
    assert world.jobs.records[job_id(4)].cancel_requested


def test_a_redrive_takes_a_canceled_job_up_again() -> None:
    world = launched(World(), 1)
    cancel(job_id(1), world.services, NOON)
    world.jobs.finish(job_id(1), "canceled", "canceled", NOON)
    assert world.jobs.reopen(job_id(1), "arn:execution:1", "TrainAdapter", NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == [f"likeness-{job_id(1)}-2"]
