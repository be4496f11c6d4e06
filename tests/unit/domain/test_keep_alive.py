"""How long the launcher lets a warm pool wait: what the last training jobs taught."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.ports.trainer import Run
from domain.training.billing import settle_cost_records
from domain.training.keep_alive import COLD_WORTH, expect_pool
from domain.training.launching import launch
from domain.training.services import LaunchServices
from tests.unit.domain.test_sagemaker_job import pool_key
from tests.unit.training_kit import NOON, SETTINGS, World

TRAINING = timedelta(seconds=100)
SKI_RENTAL = round(COLD_WORTH)


def launching(world: World, most: int = 3600) -> LaunchServices:
    return LaunchServices(world.services, world.bases, replace(SETTINGS, keep_alive_seconds=most))


def train_after_gaps(world: World, gaps: list[float], most: int = 3600) -> list[dict[str, Any]]:
    """One user after another, each so many seconds after the one before; return the requests."""
    now = NOON
    for number, gap in enumerate([0.0, *gaps], start=1):
        now += timedelta(seconds=gap)
        now = train(world, number, now, most)
    return [*world.trainer.requests.values()]


def train(world: World, number: int, now: datetime, most: int) -> datetime:
    """Launch one job, let it end and settle its cost record; return when it ended."""
    world.enter(number, f"token-{number}")
    (name,) = launch(launching(world, most), now)
    world.write_result(number)
    world.jobs.leave_queue(f"{number:032x}", f"token-{number}", now)
    world.trainer.end(name, ran=Run(now, now + TRAINING))
    settle_cost_records(world.services, now + TRAINING)
    return now + TRAINING


def periods(requests: list[dict[str, Any]]) -> list[int | None]:
    return [request["ResourceConfig"].get("KeepAlivePeriodInSeconds") for request in requests]


def test_a_new_stack_keeps_a_pool_for_what_a_cold_start_is_worth() -> None:
    assert periods(train_after_gaps(World(), [])) == [SKI_RENTAL]


def test_the_launcher_learns_how_soon_the_next_job_comes() -> None:
    learnt = periods(train_after_gaps(World(), [60, 2000, 60, 2000, 90, 80, 70]))
    assert learnt[:6] == [SKI_RENTAL] * 6
    assert learnt[-1] == 90


def test_where_every_job_comes_soon_one_that_is_late_still_finds_the_pool() -> None:
    """Else a busy hour teaches a second, and the first pause is followed by cold starts."""
    assert periods(train_after_gaps(World(), [1.0] * 9))[-1] == SKI_RENTAL


def test_where_the_next_job_comes_too_late_there_is_no_pool() -> None:
    assert periods(train_after_gaps(World(), [5000.0] * 7))[-1] is None


def test_the_stack_s_limit_is_never_exceeded() -> None:
    assert set(periods(train_after_gaps(World(), [90.0] * 7, most=45))) == {45, None}


def test_without_warm_pools_nothing_is_looked_up() -> None:
    world = World()
    world.jobs.recent_runs = None  # type: ignore[assignment, method-assign]
    assert periods(train_after_gaps(world, [10, 10], most=0)) == [None, None, None]


def test_a_job_that_sagemaker_refused_teaches_nothing() -> None:
    world = World()
    world.trainer.limit = 0
    world.enter(1)
    launch(launching(world), NOON)
    assert (world.jobs.recent_runs(), world.jobs.open_cost_records()) == ([], [])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 8000), max_size=12), st.integers(1, 3600))
def test_a_pool_fits_every_request_whatever_was_learnt(gaps: list[float], most: int) -> None:
    """SageMaker does not compare KeepAlivePeriodInSeconds, and nothing else of it may change."""
    requests = train_after_gaps(World(), gaps, most)
    keys = [pool_key(request) for request in requests]
    assert all(key == keys[0] for key in keys)
    for request in requests:
        request["ResourceConfig"].pop("KeepAlivePeriodInSeconds", None)
    assert all(r["ResourceConfig"] == requests[0]["ResourceConfig"] for r in requests)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999) | st.none())), st.data())
def test_any_history_gives_a_period_that_sagemaker_takes(
    times: list[tuple[int, int | None]], data: st.DataObject
) -> None:
    def at(second: int) -> datetime:
        return NOON + timedelta(seconds=second)

    runs = [Run(at(begun), None if for_ is None else at(begun + for_)) for begun, for_ in times]
    most = data.draw(st.integers(1, 3600))
    period = expect_pool(runs, most, more_wait=False).keep_alive_seconds
    assert 0 <= period <= most
    again = expect_pool(data.draw(st.permutations(runs)), most, more_wait=False)
    assert period == again.keep_alive_seconds, "in any order"
