"""Queued jobs become training jobs, once each, within the quota."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.documents.stages import LaunchEvent
from contracts.documents.training import TrainingPlan
from contracts.shared import layout
from domain.ports.storage import read_document
from domain.training.following import reconcile
from domain.training.launching import launch
from tests.contract.files import ROOT
from tests.fakes.faults import before_next, die
from tests.fakes.training import MemoryTrainer
from tests.unit.training_kit import NOON, SETTINGS, World, job_id


def test_a_queued_job_is_trained() -> None:
    world = World()
    world.enter(1)
    assert launch(world.launching, NOON) == [f"likeness-{job_id(1)}-1"]
    assert world.trainer.running() == [f"likeness-{job_id(1)}-1"]


def test_the_trainer_finds_its_plan_and_the_photos_that_passed() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    plan = read_document(world.models, layout.plan_key(job_id(1)), TrainingPlan)
    assert [photo.index for photo in plan.tasks[0].photos] == [0, 2]
    manifest = json.loads(world.models.objects[layout.photos_manifest_key(job_id(1))])
    assert manifest == [
        {"prefix": "s3://uploads/accepted/"},
        f"{job_id(1)}/000.png",
        f"{job_id(1)}/002.png",
    ]


def test_a_launch_that_is_repeated_starts_nothing_more() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    assert launch(world.launching, NOON) == []
    assert len(world.trainer.requests) == 1


def test_a_slot_is_free_as_soon_as_its_training_job_has_ended() -> None:
    world = World(trainer=MemoryTrainer(limit=1))
    launching = replace(world.launching, settings=replace(SETTINGS, quota=1))
    world.enter(1)
    (name,) = launch(launching, NOON)
    world.enter(2)
    assert launch(launching, NOON) == [], "the first user's row still waits for follow_training"
    world.trainer.end(name)
    assert launch(launching, NOON, ended=name) == [f"likeness-{job_id(2)}-1"]


@pytest.mark.parametrize("case", ["slot_free", "job_queued", "every_minute"])
def test_the_launcher_hears_which_training_job_ended(case: str) -> None:
    event = (ROOT / f"events/launch_training/{case}.json").read_bytes()
    ended = LaunchEvent.model_validate_json(event).ended
    assert bool(ended) == (case == "slot_free")


def test_of_two_launchers_that_planned_the_same_job_one_starts_it() -> None:
    world = World()
    world.enter(1)
    before_next(world.jobs, "start_training", lambda: launch(world.launching, NOON))
    launch(world.launching, NOON)
    assert len(world.trainer.requests) == 1


def test_without_capacity_the_job_waits_and_is_tried_again() -> None:
    world = World()
    world.trainer.limit = 0
    world.enter(1)
    assert launch(world.launching, NOON) == []
    assert [job.job_id for job in world.jobs.queued()] == [job_id(1)]
    world.trainer.limit = 1
    assert len(launch(world.launching, NOON)) == 1


def test_no_more_is_asked_for_once_capacity_is_refused() -> None:
    world = World()
    world.trainer.limit = 1
    for number in range(4):
        world.enter(number, f"token-{number}")
    assert len(launch(world.launching, NOON)) == 1
    assert len(world.jobs.queued()) == SETTINGS.quota + 1


def test_a_launcher_whose_time_is_over_claims_nothing_more() -> None:
    world = World()
    for number in range(2):
        world.enter(number, f"token-{number}")
    times = iter([True, False])
    launching = replace(world.launching, has_time=lambda: next(times))
    assert len(launch(launching, NOON)) == 1
    assert len(world.jobs.queued()) == 1


def test_a_launcher_that_died_after_its_claim_loses_the_job_to_the_next() -> None:
    world = World()
    world.enter(1)
    before_next(world.trainer, "create", die)
    with pytest.raises(KeyboardInterrupt):
        launch(world.launching, NOON)
    reconcile(world.services, NOON + timedelta(minutes=1))
    assert not world.jobs.queued(), "the launcher may still be alive"
    later = NOON + timedelta(minutes=4)
    reconcile(world.services, later)
    assert launch(world.launching, later) == [f"likeness-{job_id(1)}-2"]


def test_a_launcher_that_died_after_create_has_started_the_job() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    reconcile(world.services, NOON + timedelta(hours=1))
    launch(world.launching, NOON + timedelta(hours=1))
    assert len(world.trainer.requests) == 1


def test_a_retried_stage_trains_once() -> None:
    world = World()
    world.enter(1)
    world.call_train_adapter(1, "token")
    launch(world.launching, NOON)
    world.call_train_adapter(1, "token")
    launch(world.launching, NOON)
    assert len(world.trainer.requests) == 1


def test_a_stage_that_is_entered_again_adopts_the_running_training() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == []
    assert world.jobs.records[job_id(1)].task_token == "second"


def test_a_finished_adapter_is_adopted_at_once_and_nothing_is_trained() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.write_result(1)
    world.jobs.leave_queue(job_id(1), "first", NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert world.callbacks.answers["second"].error is None
    assert launch(world.launching, NOON) == []


def test_a_failure_of_an_earlier_attempt_does_not_block_a_new_one() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.write_result(1, failure="training_diverged")
    world.trainer.end(world.name_of(1))
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == [f"likeness-{job_id(1)}-2"]
    reconcile(world.services, NOON)
    assert "second" in world.callbacks.waiting


def test_a_launcher_looks_for_an_adapter_before_it_spends_a_gpu() -> None:
    world = World()
    world.enter(1)
    launch(world.launching, NOON)
    name = world.name_of(1)
    world.jobs.requeue(job_id(1), name, NOON)
    world.write_result_of(1, name)
    world.trainer.end(name)
    assert launch(world.launching, NOON) == []
    assert world.callbacks.answers["token"].error is None
    assert world.jobs.records[job_id(1)].queue is None


def test_a_training_that_outlived_its_execution_is_waited_for_and_adopted() -> None:
    world = World()
    world.enter(1, "first")
    launch(world.launching, NOON)
    world.jobs.finish(job_id(1), "failed", "canceled", NOON)
    world.jobs.reopen(job_id(1), "arn:execution:1", "TrainAdapter", NOON)
    world.callbacks.wait("second")
    world.call_train_adapter(1, "second")
    assert launch(world.launching, NOON) == []
    world.write_result(1)
    world.trainer.end(world.name_of(1))
    assert launch(world.launching, NOON) == []
    assert world.callbacks.answers["second"].error is None


def test_a_job_whose_documents_are_gone_fails_and_the_others_are_trained() -> None:
    world = World()
    world.enter(1, "lost")
    world.enter(2, "fine")
    world.models.delete(layout.photo_report_key(job_id(1)))
    assert launch(world.launching, NOON) == [f"likeness-{job_id(2)}-1"]
    assert world.callbacks.answers["lost"].error == "TrainingFailedError"


@pytest.mark.parametrize("captioner", [None, "blip-large"])
def test_every_training_job_gets_the_stacks_captioner_or_none_does(captioner: str | None) -> None:
    world = World()
    settings = replace(SETTINGS, captioner_id=captioner, quota=2)
    world.enter(1)
    world.enter(2)
    launch(replace(world.launching, settings=settings), NOON)
    assert len(world.trainer.requests) == 2
    for request in world.trainer.requests.values():
        uris = {
            channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
            for channel in request["InputDataConfig"]
        }
        wanted = None if captioner is None else "s3://bases/captioners/blip-large/"
        assert uris.get(layout.CAPTIONER_CHANNEL) == wanted
