"""What adapters cost: estimated before, limited while it runs, receipted afterwards."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.documents.job import AcceptedUpload
from contracts.documents.money import Estimate, Receipt
from contracts.documents.stages import TrainingEvent
from contracts.documents.training import TrainingMetrics, TrainingPlan, TrainingResult
from contracts.errors import PriceUnknownError, TooExpensiveError
from contracts.shared import layout
from contracts.shared.names import plan_id_of_name
from contracts.shared.steps import Dataset
from domain.ports.storage import read_document, write_document
from domain.pricing.agreement import PricingServices, agree_on_price
from domain.pricing.estimating import START_SECONDS, make_estimate, offer_at, sum_of
from domain.pricing.prices import PEAK_TFLOPS, PUBLISHED, USD_PER_HOUR, PriceTable, sum_usd
from domain.training.billing import settle_cost_records, settle_ended, settle_so_far, shares, total
from domain.training.launching import launch
from domain.training.sagemaker_job import EXPORT_SECONDS
from domain.training.services import LaunchServices
from tests.unit.training_kit import CARD, NOON, REQUEST, SETTINGS, World, job_id, spec

INSTANCE = "ml.g5.2xlarge"
FIVE, EIGHT = Dataset((1,) * 5), Dataset((1,) * 8)
SDXL = CARD.model_copy(update={"resolution": 1024})


def enter(world: World, number: int, most: float | None = None) -> None:
    """Come as far as the queue, as train_adapter does."""
    world.enter(number, f"token-{number}")
    request = REQUEST.model_copy(update={"max_cost_usd": most})
    accepted = AcceptedUpload(job=spec(number), request=request, photos=())
    write_document(world.models, layout.models.accepted_upload_key(job_id(number)), accepted)
    agree_on_price(job_id(number), PricingServices(world.jobs, world.models, world.bases, INSTANCE))


def end(world: World, name: str, **facts: object) -> None:
    world.trainer.end(name)
    world.trainer.states[name] = replace(world.trainer.states[name], **facts)  # type: ignore[arg-type]


def write_steps(world: World, number: int, name: str, steps: int) -> None:
    key = layout.models.result_key(plan_id_of_name(name), job_id(number))
    metrics = TrainingMetrics(steps=steps, final_loss=None, train_seconds=1)
    result = TrainingResult(
        job_id=job_id(number), training_job_name=name, status="succeeded", metrics=metrics
    )
    write_document(world.models, key, result)


def receipts(world: World, number: int) -> list[Receipt]:
    return list(world.jobs.records[job_id(number)].receipts.values())


def test_every_price_has_a_speed() -> None:
    assert set(PEAK_TFLOPS) >= set(USD_PER_HOUR)


def test_an_estimate_grows_with_steps_photos_and_pixels() -> None:
    few = make_estimate(REQUEST.model_copy(update={"max_train_steps": 100}), FIVE, SDXL, INSTANCE)
    many = make_estimate(REQUEST.model_copy(update={"max_train_steps": 400}), FIVE, SDXL, INSTANCE)
    large = make_estimate(REQUEST.model_copy(update={"resolution": 512}), FIVE, SDXL, INSTANCE)
    assert START_SECONDS < few.seconds < many.seconds
    assert large.seconds < make_estimate(REQUEST, FIVE, SDXL, INSTANCE).seconds
    assert make_estimate(REQUEST, FIVE, SDXL, INSTANCE).steps == 50
    assert make_estimate(REQUEST, EIGHT, SDXL, INSTANCE).steps == 70  # one is held out


def test_what_is_dearer_than_allowed_is_refused_with_both_figures() -> None:
    estimate = make_estimate(REQUEST, EIGHT, SDXL, INSTANCE)
    with pytest.raises(TooExpensiveError) as caught:
        offer_at(estimate, REQUEST.model_copy(update={"max_cost_usd": 0.1}), INSTANCE)
    facts = caught.value.facts
    assert float(facts["estimate_usd"]) > float(facts["max_cost_usd"]) == 0.1


def test_a_promise_needs_a_price() -> None:
    estimate = make_estimate(REQUEST, EIGHT, SDXL, "ml.unknown")
    assert offer_at(estimate, REQUEST, "ml.unknown").estimate.usd is None
    with pytest.raises(PriceUnknownError):
        offer_at(estimate, REQUEST.model_copy(update={"max_cost_usd": 9.0}), "ml.unknown")


def test_what_is_paid_ends_the_training_in_time_to_save_what_was_learnt() -> None:
    world = World()
    enter(world, 1, most=0.5)
    (name,) = launch(world.launching, NOON)
    limit = world.trainer.requests[name]["StoppingCondition"]["MaxRuntimeInSeconds"]
    assert limit == int(0.5 / USD_PER_HOUR[INSTANCE] * 3600)
    plan = read_document(world.models, layout.models.plan_key(job_id(1)), TrainingPlan)
    assert plan.deadline_seconds == limit - EXPORT_SECONDS


def test_who_names_a_price_has_a_training_job_of_its_own() -> None:
    world = World()
    for number in range(1, 5):
        enter(world, number, most=0.5 if number == 1 else None)
    launch(
        LaunchServices(world.services, world.bases, replace(SETTINGS, quota=2, max_batch=4)), NOON
    )
    others = [r.training_job_name for r in world.jobs.in_training() if r.job_id != job_id(1)]
    assert world.jobs.records[job_id(1)].training_job_name not in others


def test_a_shared_training_job_is_split_by_steps() -> None:
    world = World()
    for number in (1, 2, 3):
        enter(world, number)
    launch(
        LaunchServices(world.services, world.bases, replace(SETTINGS, quota=1, max_batch=3)), NOON
    )
    name = world.name_of(1)
    users = [n for n in (1, 2, 3) if world.jobs.records[job_id(n)].training_job_name == name]
    for number in users:
        write_steps(world, number, name, steps=100 * number)
    end(world, name, training_seconds=3600, billable_seconds=3600)
    settle_cost_records(world.services, NOON)
    costs = [receipts(world, number)[0].usd or 0 for number in users]
    assert sum(costs) == pytest.approx(USD_PER_HOUR[INSTANCE])
    assert sum(receipts(world, number)[0].billable_seconds for number in users) == 3600
    assert costs == sorted(costs)
    assert len(set(costs)) == len(users) > 1


@pytest.mark.parametrize(
    ("prices", "usd", "without_price"),
    [(PUBLISHED, None, 1), (PriceTable({"ml.new": 3.0}), 1.5, 0)],
)
def test_an_adapter_on_a_type_without_a_price_is_counted_and_the_operator_s_price_pays_it(
    prices: PriceTable, usd: float | None, without_price: int
) -> None:
    world = World()
    enter(world, 1)
    (name,) = launch(world.launching, NOON)
    write_steps(world, 1, name, steps=100)
    end(world, name, instance_type="ml.new", training_seconds=1800, billable_seconds=1800)
    (settled,) = settle_cost_records(replace(world.services, prices=prices), NOON)
    assert receipts(world, 1)[0].usd == usd
    assert settled.without_price == without_price
    assert settled.adapters_usd == (() if usd is None else (usd,))


def result_of(number: int, steps: int, images: int | None) -> TrainingResult:
    metrics = TrainingMetrics(steps=steps, images=images, final_loss=None, train_seconds=1)
    return TrainingResult(job_id=job_id(number), status="succeeded", metrics=metrics)


def test_a_user_whose_steps_are_of_eight_batches_pays_for_eight_batches() -> None:
    failed = TrainingResult(job_id=job_id(3), status="failed")
    results = {"a": result_of(1, 100, 400), "b": result_of(2, 100, 3200), "c": failed, "d": None}
    found = shares(results)
    assert found == {"a": 400 / 3601, "b": 3200 / 3601, "c": 1 / 3601, "d": 0}


def test_results_of_a_trainer_that_counted_no_images_are_split_by_steps() -> None:
    assert shares({"a": result_of(1, 100, None), "b": result_of(2, 300, 9)}) == {
        "a": 0.25,
        "b": 0.75,
    }


def test_a_price_that_is_not_known_is_no_zero() -> None:
    known, unknown = (
        Receipt(
            training_jobs=1,
            instance_type=kind,
            billable_seconds=60,
            spot_saving=0,
            warm_pool_seconds=0,
            usd=PUBLISHED.cost_usd(kind, 60),
            final=True,
        )
        for kind in (INSTANCE, "ml.unknown")
    )
    for receipts_ in ([known, unknown], [unknown, known], [unknown]):
        summed = total(receipts_)
        assert summed is not None
        assert summed.usd is None
    both = total([known, known])
    assert both is not None
    assert both.usd == pytest.approx(2 * USD_PER_HOUR[INSTANCE] / 60)


@given(prices=st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=5))
@settings(deadline=None, derandomize=True)
def test_a_sum_has_a_price_only_where_every_part_has_one(prices: list[float | None]) -> None:
    found = sum_usd(prices)
    assert (found is None) == (None in prices)
    estimates = [Estimate(steps=1, seconds=1, usd=price) for price in prices]
    if estimates:
        assert sum_of(estimates).usd == found


def test_spot_savings_and_warm_minutes_stand_on_the_receipt() -> None:
    world = World()
    enter(world, 1)
    (name,) = launch(world.launching, NOON)
    end(world, name, training_seconds=1000, billable_seconds=300, pool_seconds=60, pool="Available")
    settle_cost_records(world.services, NOON)
    (first,) = receipts(world, 1)
    assert (first.spot_saving, first.billable_seconds, first.final) == (0.7, 300, False)
    assert world.jobs.open_cost_records(), "the pool still costs"
    end(
        world,
        name,
        training_seconds=1000,
        billable_seconds=300,
        pool_seconds=600,
        pool="Terminated",
    )
    settle_cost_records(world.services, NOON)
    (last,) = receipts(world, 1)
    assert (last.warm_pool_seconds, last.final) == (600, True)
    assert last.usd == pytest.approx(900 / 3600 * USD_PER_HOUR[INSTANCE])
    assert not world.jobs.open_cost_records()


def test_where_time_is_short_every_cost_record_is_settled_in_time() -> None:
    world = World()
    for number in (1, 2):
        enter(world, number)
    settings = replace(SETTINGS, quota=2, max_batch=1)
    names = launch(LaunchServices(world.services, world.bases, settings), NOON)
    for name in names:
        end(world, name, training_seconds=100, billable_seconds=100, pool="Available")
    for minutes in (0, 1):
        rounds = iter([True, False])
        settle_cost_records(
            world.services, NOON + timedelta(minutes=minutes), partial(next, rounds)
        )
    assert [len(receipts(world, number)) for number in (1, 2)] == [1, 1]
    assert len(world.jobs.open_cost_records()) == 2, "their pools still cost"


def test_a_job_that_goes_on_is_billed_up_to_the_notice() -> None:
    world = World()
    enter(world, 1)
    (name,) = launch(world.launching, NOON)
    started = replace(world.trainer.states[name], started_at=NOON)
    world.trainer.states[name] = started
    write_steps(world, 1, name, steps=10)
    settle_so_far(world.services, name, job_id(1), NOON + timedelta(seconds=90))
    (so_far,) = receipts(world, 1)
    assert (so_far.billable_seconds, so_far.final) == (90, False)


def test_the_end_of_a_training_job_is_billed_before_its_users_get_notices() -> None:
    world = World()
    enter(world, 1)
    (name,) = launch(world.launching, NOON)
    end(world, name, training_seconds=50, billable_seconds=50)
    for known in (name, "somebody-elses"):
        event = {"detail": {"TrainingJobName": known}}
        settle_ended(world.services, TrainingEvent.model_validate(event), NOON)
    assert [one.billable_seconds for one in receipts(world, 1)] == [50]


def test_a_training_job_that_never_began_costs_nothing() -> None:
    world = World()
    enter(world, 1)
    world.trainer.limit = 0
    launch(world.launching, NOON)
    settle_cost_records(world.services, NOON)
    assert (receipts(world, 1), world.jobs.open_cost_records()) == ([], [])


def test_an_adapter_pays_for_all_of_its_attempts() -> None:
    one = Receipt(
        training_jobs=1,
        instance_type=INSTANCE,
        billable_seconds=100,
        spot_saving=0.5,
        warm_pool_seconds=10,
        usd=0.1,
        final=True,
    )
    both = total([one, one.model_copy(update={"spot_saving": 0.0, "final": False})])
    assert both is not None
    assert (both.training_jobs, both.billable_seconds, both.usd) == (2, 200, 0.2)
    assert (both.spot_saving, both.final) == (0.25, False)
    assert total([]) is None


def test_a_bill_with_an_unknown_price_in_it_names_no_price() -> None:
    one = Receipt(
        training_jobs=1,
        instance_type=INSTANCE,
        billable_seconds=100,
        spot_saving=0.0,
        warm_pool_seconds=0,
        usd=0.1,
        final=True,
    )
    unknown = one.model_copy(update={"usd": None, "instance_type": "ml.unknown"})
    for receipts_ in ([one, unknown], [unknown, one], [unknown]):
        whole = total(receipts_)
        assert whole is not None
        assert whole.usd is None
        assert whole.instance_type == receipts_[-1].instance_type


def test_what_a_training_job_came_to_is_reported_once_when_it_is_final() -> None:
    world = World()
    enter(world, 1)
    (name,) = launch(world.launching, NOON)
    write_steps(world, 1, name, steps=10)
    for pool in ("InUse", "Available"):
        end(world, name, training_seconds=360, billable_seconds=360, pool=pool)
        assert settle_cost_records(world.services, NOON) == []
    end(world, name, training_seconds=360, billable_seconds=360, pool="Reused", pool_seconds=36)
    (settled,) = settle_cost_records(world.services, NOON)
    assert settled.adapters_usd == pytest.approx((0.11 * USD_PER_HOUR[INSTANCE],))
    assert (settled.billable_seconds, settled.pool_seconds) == (360, 36)
    assert (settled.pool_reused, settled.spot_saving) == (True, None)
    event = {"detail": {"TrainingJobName": name}}
    assert settle_ended(world.services, TrainingEvent.model_validate(event), NOON) is None


def test_an_adapter_costs_all_that_was_spent_on_it() -> None:
    world = World()
    enter(world, 1)
    (lost,) = launch(world.launching, NOON)
    end(world, lost, training_seconds=100, billable_seconds=100)
    (first,) = settle_cost_records(world.services, NOON)
    assert first.adapters_usd == (), "it finished none"
    world.jobs.requeue(job_id(1), lost, NOON)
    (name,) = launch(world.launching, NOON)
    write_steps(world, 1, name, steps=10)
    end(world, name, training_seconds=200, billable_seconds=50, spot=True)
    (second,) = settle_cost_records(world.services, NOON)
    assert second.adapters_usd == pytest.approx((150 / 3600 * USD_PER_HOUR[INSTANCE],))
    assert (second.spot_saving, second.pool_reused) == (0.75, None)
