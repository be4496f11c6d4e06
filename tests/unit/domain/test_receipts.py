"""Shares and receipts, figure by figure."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from contracts.documents.money import Receipt
from contracts.documents.training import (
    TaskPhoto,
    TrainingMetrics,
    TrainingPlan,
    TrainingResult,
    TrainingTask,
)
from contracts.shared import layout
from domain.ports.cost_records import CostRecord
from domain.ports.storage import write_document
from domain.ports.trainer import TrainingState
from domain.training.billing import (
    cost_of,
    receipt,
    saving,
    settle_cost_records,
    settle_so_far,
    shares,
    total,
    work_of,
)
from domain.training.launching import launch
from domain.training.services import LaunchServices
from tests.fakes.training import MemoryTrainer
from tests.unit.training_kit import NOON, REQUEST, SETTINGS, World, job_id, record

INSTANCE, HOURLY = "ml.g5.2xlarge", 1.515
PHOTO = TaskPhoto(index=0, file="1/000.png", sha256="0" * 64)
PLAN = TrainingPlan(
    plan_id=job_id(1),
    base_sha256="b" * 64,
    tasks=(TrainingTask(job_id=job_id(1), request=REQUEST, photos=(PHOTO,)),),
)


def result(steps: int | None) -> TrainingResult:
    metrics = (
        None if steps is None else TrainingMetrics(steps=steps, final_loss=None, train_seconds=1)
    )
    return TrainingResult(job_id=job_id(1), status="failed", metrics=metrics)


def replace_images(found: TrainingResult, images: int) -> TrainingResult:
    assert found.metrics is not None
    return found.model_copy(update={"metrics": found.metrics.model_copy(update={"images": images})})


def state(**facts: object) -> TrainingState:
    return replace(TrainingState("n", "Completed", instance_type=INSTANCE), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "counted"), [(None, 0), ("no metrics", 1), (0, 1), (1, 1), (2, 2), (700, 700)]
)
def test_whoever_has_a_result_took_a_step_at_least(steps: int | str | None, counted: int) -> None:
    found = None if steps is None else result(steps if isinstance(steps, int) else None)
    assert work_of(found, in_images=False) == counted
    assert work_of(found, in_images=True) == min(counted, 1), "it does not say how many"


def test_work_is_counted_in_images_where_all_say_how_many() -> None:
    seen = replace_images(result(10), 400)
    assert (work_of(seen, in_images=True), work_of(seen, in_images=False)) == (400, 10)
    assert shares({"a": seen, "b": replace_images(result(10), 100), "c": None}) == {
        "a": 0.8,
        "b": 0.2,
        "c": 0.0,
    }
    assert shares({"a": seen, "b": result(30)}) == {"a": 0.25, "b": 0.75}


def test_a_share_is_that_of_the_steps() -> None:
    assert shares({"a": result(300), "b": result(100), "c": None}) == {
        "a": 0.75,
        "b": 0.25,
        "c": 0.0,
    }


def test_where_nobody_took_a_step_all_pay_alike() -> None:
    assert shares(dict.fromkeys("abcd")) == dict.fromkeys("abcd", 0.25)


@pytest.mark.parametrize(
    ("training", "billable", "share"),
    [(0, 0, 0.0), (1000, 300, 0.7), (3, 1, 0.6667), (100, 200, 0.0), (100, 100, 0.0)],
)
def test_a_saving_is_what_was_not_billed_of_the_time(
    training: int, billable: int, share: float
) -> None:
    assert saving(state(training_seconds=training, billable_seconds=billable)) == share


def test_a_receipt_is_a_share_of_everything() -> None:
    facts = {"training_seconds": 1000, "billable_seconds": 400, "pool_seconds": 100}
    assert receipt(state(**facts, pool="Reused"), 0.25) == Receipt(
        training_jobs=1,
        instance_type=INSTANCE,
        billable_seconds=100,
        spot_saving=0.6,
        warm_pool_seconds=25,
        usd=HOURLY * 125 / 3600,
        final=True,
    )
    assert not receipt(state(**facts, pool="Available"), 0.25).final


def test_every_instance_of_a_training_job_is_billed() -> None:
    facts = {"training_seconds": 1000, "billable_seconds": 400, "pool_seconds": 100}
    one = receipt(state(**facts, pool="Reused"), 0.25)
    four = receipt(state(**facts, pool="Reused", instances=4), 0.25)
    assert (four.billable_seconds, four.warm_pool_seconds) == (400, 100)
    assert four.spot_saving == one.spot_saving
    assert four.usd == pytest.approx(4 * (one.usd or 0))


def test_receipts_add_up_and_savings_are_weighed_by_their_seconds() -> None:
    long = receipt(state(training_seconds=300, billable_seconds=200), 1.0)
    short = receipt(state(training_seconds=100, billable_seconds=100, pool_seconds=30), 1.0)
    assert total([long, short]) == Receipt(
        training_jobs=2,
        instance_type=INSTANCE,
        billable_seconds=300,
        spot_saving=0.2222,  # a third of 200 s, nothing of 100 s
        warm_pool_seconds=30,
        usd=HOURLY * 200 / 3600 + HOURLY * 130 / 3600,
        final=True,
    )


def test_receipts_of_no_seconds_save_nothing() -> None:
    nothing = total([receipt(state(), 1.0)])
    assert nothing is not None
    assert (nothing.spot_saving, nothing.billable_seconds, nothing.usd) == (0.0, 0, 0.0)


def test_what_nobody_knows_has_no_cost() -> None:
    assert cost_of(None) is None
    assert cost_of(record(1)) is None
    paid = record(1).model_copy(update={"receipts": {"n": receipt(state(pool_seconds=360), 1.0)}})
    assert cost_of(paid) == pytest.approx(HOURLY / 10)


# --- the bills of a round -------------------------------------------------------------------


def training(*numbers: int) -> tuple[World, str]:
    world = World()
    for number in numbers:
        world.enter(number, f"token-{number}")
    settings = replace(SETTINGS, quota=1, max_batch=len(numbers))
    (name, *_) = launch(LaunchServices(world.services, world.bases, settings), NOON)
    return world, name


class Watched(MemoryTrainer):
    """Remembers which training jobs were asked for, and says that they go on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def describe(self, name: str) -> TrainingState | None:
        self.asked.append(name)
        return TrainingState(name, "InProgress")


def test_every_open_bill_has_its_turn_minute_by_minute() -> None:
    world = World()
    write_document(world.models, layout.models.plan_key("plan"), PLAN)
    for name in "abc":
        world.jobs.open_cost_record(CostRecord(name, "plan"), NOON)
    trainer = Watched()
    room = replace(world.services, trainer=trainer)
    for minute in range(70):
        turns = iter([True, False])
        settle_cost_records(room, NOON + timedelta(minutes=minute), partial(next, turns))
    seen = trainer.asked
    assert seen == (seen[:3] * 24)[:70]
    assert set(seen[:3]) == {"a", "b", "c"}


def test_a_round_without_time_settles_nothing() -> None:
    world, name = training(1)
    world.trainer.end(name)
    assert settle_cost_records(world.services, NOON, lambda: False) == []
    assert [bill.training_job_name for bill in world.jobs.open_cost_records()] == [name]


def test_a_bill_is_forgotten_only_when_nobody_waits_for_its_training_job() -> None:
    world, name = training(1)
    del world.trainer.states[name]
    settle_cost_records(world.services, NOON)
    assert [bill.training_job_name for bill in world.jobs.open_cost_records()] == [name], (
        "it may come"
    )
    world.jobs.open_cost_record(CostRecord("another", "plan"), NOON)
    settle_cost_records(world.services, NOON)
    assert [bill.training_job_name for bill in world.jobs.open_cost_records()] == [name]
    world.jobs.requeue(job_id(1), name, NOON)
    settle_cost_records(world.services, NOON)
    assert world.jobs.open_cost_records() == []


@pytest.mark.parametrize("ended", [True, False])
def test_a_bill_whose_plan_is_gone_is_forgotten_like_one_without_a_job(ended: bool) -> None:
    world, name = training(1)
    if ended:
        world.trainer.end(name)
    world.models.delete(layout.models.plan_key(job_id(1)))
    settle_cost_records(world.services, NOON)
    assert [bill.training_job_name for bill in world.jobs.open_cost_records()] == [name]
    world.jobs.requeue(job_id(1), name, NOON)
    settle_cost_records(world.services, NOON)
    assert world.jobs.open_cost_records() == []
    assert world.jobs.records[job_id(1)].receipts == {}


def started(world: World, name: str) -> None:
    world.trainer.states[name] = replace(world.trainer.states[name], started_at=NOON)


def test_a_notice_on_the_way_carries_the_share_so_far() -> None:
    world, name = training(1, 2, 3, 4)  # half of them in this training job
    started(world, name)
    settle_so_far(world.services, name, job_id(1), NOON + timedelta(seconds=90))
    (so_far,) = world.jobs.records[job_id(1)].receipts.items()
    assert so_far[0] == name
    assert so_far[1] == receipt(
        state(billable_seconds=90, training_seconds=90, pool="InUse"),
        0.5,
    )


def test_who_is_not_in_the_plan_has_no_share_of_it() -> None:
    world, name = training(1)
    world.enter(2, "token-2")
    started(world, name)
    settle_so_far(world.services, name, job_id(2), NOON + timedelta(seconds=90))
    (so_far,) = world.jobs.records[job_id(2)].receipts.values()
    assert (so_far.billable_seconds, so_far.usd) == (0, 0.0)


@pytest.mark.parametrize("missing", ["job", "plan", "start", "name"])
def test_where_something_is_missing_nothing_is_billed_so_far(missing: str) -> None:
    world, name = training(1)
    if missing != "start":
        started(world, name)
    if missing == "job":
        del world.trainer.states[name]
    if missing == "plan":
        world.models.delete(layout.models.plan_key(job_id(1)))
    asked = "somebody-elses" if missing == "name" else name
    settle_so_far(world.services, asked, job_id(1), NOON + timedelta(seconds=90))
    assert world.jobs.records[job_id(1)].receipts == {}
