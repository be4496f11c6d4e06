"""Spot, warm or on demand: the request first, then the stack, then the lowest expected cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.capacity import Capacity, CapacityMode, CapacityReason
from domain.training.capacity import (
    MAX_SPOT_DELAY_SHARE,
    Market,
    Pool,
    Work,
    choose_capacity,
    expected_costs,
)

G5 = "ml.g5.2xlarge"
PLANNED = Market("planned", G5, 0.6)
NO_POOL, BUSY_POOL = Pool(0, 0.0, 0.0), Pool(240, 5.0, 1.0)
UNKNOWN = Pool(240, 0.0, None)
LONG, SHORT = Work(20, 7200.0), Work(20, 600.0)
MODES: list[CapacityMode] = ["planned", "spot", "on-demand", "warm"]


def market(mode: CapacityMode, discount: float = 0.6) -> Market:
    return Market(mode, G5, discount)


@pytest.mark.parametrize(
    ("work", "pool", "discount", "capacity", "reason"),
    [
        (LONG, BUSY_POOL, 0.6, "spot", "cheapest"),
        (LONG, NO_POOL, 0.6, "spot", "cheapest"),
        (LONG, BUSY_POOL, 0.0, "warm", "cheapest"),  # spot saves nothing, and one waits for it
        (LONG, NO_POOL, 0.0, "on-demand", "cheapest"),
        (SHORT, BUSY_POOL, 0.9, "warm", "too_short"),
        (Work(1, 7200.0), BUSY_POOL, 0.9, "warm", "one_user"),
        (Work(1, 7200.0), NO_POOL, 0.9, "on-demand", "one_user"),
        (Work(20, 0.0), UNKNOWN, 0.9, "warm", "too_short"),  # nothing is known about the work
    ],
)
def test_the_planner_takes_the_cheapest_that_is_quick_enough(
    work: Work, pool: Pool, discount: float, capacity: Capacity, reason: CapacityReason
) -> None:
    choice = choose_capacity(work, pool, market("planned", discount))
    assert (choice.capacity, choice.reason) == (capacity, reason)


@pytest.mark.parametrize("mode", MODES)
def test_the_request_goes_first(mode: CapacityMode) -> None:
    spot = choose_capacity(Work(1, 60.0, wants_spot=True), BUSY_POOL, market(mode))
    never = choose_capacity(Work(20, 7200.0, wants_spot=False), BUSY_POOL, market(mode))
    assert (spot.capacity, spot.reason) == ("spot", "request")
    assert never.capacity == ("on-demand" if mode == "on-demand" else "warm")
    assert never.reason == "request"


def test_the_stack_may_fix_the_kind() -> None:
    chosen = {mode: choose_capacity(SHORT, BUSY_POOL, market(mode)).capacity for mode in MODES[1:]}
    assert chosen == {"spot": "spot", "on-demand": "on-demand", "warm": "warm"}
    alone = {
        mode: choose_capacity(Work(1, 9e4), BUSY_POOL, market(mode)).capacity for mode in MODES
    }
    assert alone == {"planned": "warm", "spot": "warm", "on-demand": "on-demand", "warm": "warm"}


@pytest.mark.parametrize("mode", MODES)
def test_only_a_warm_pool_is_kept(mode: CapacityMode) -> None:
    for work in (LONG, SHORT, Work(1, 60.0)):
        for pool in (NO_POOL, BUSY_POOL, UNKNOWN, Pool(600, 590.0, 0.1)):
            choice = choose_capacity(work, pool, market(mode))
            kept = pool.keep_alive_seconds if choice.capacity == "warm" else 0
            assert choice.keep_alive_seconds == kept
            assert (choice.capacity == "warm") <= (kept > 0)


def test_a_pool_that_stands_idle_for_longer_than_it_saves_is_not_kept() -> None:
    idle = Pool(600, 300.0, 0.2)
    assert choose_capacity(Work(1, 60.0), idle, PLANNED).capacity == "on-demand"
    assert choose_capacity(Work(1, 60.0), idle, market("warm")).capacity == "warm"


@given(
    st.integers(2, 100),
    st.floats(0, 1e5),
    st.sampled_from([NO_POOL, BUSY_POOL, UNKNOWN]),
    st.floats(0, 0.9),
)
def test_a_planned_spot_job_is_cheaper_and_not_much_later(
    users: int, seconds: float, pool: Pool, discount: float
) -> None:
    work, stack = Work(users, seconds), market("planned", discount)
    expected = expected_costs(work, pool, stack)
    if choose_capacity(work, pool, stack).capacity == "spot":
        assert expected.spot < min(expected.warm, expected.on_demand)
        assert expected.spot_delay <= MAX_SPOT_DELAY_SHARE * seconds


def test_the_choice_carries_the_figures_that_decided_it() -> None:
    choice = choose_capacity(Work(20, 3600.0, instances=2), Pool(240, 120.0, 0.5), PLANNED)
    hourly = 2 * 1.515 / 3600
    assert (choice.users, choice.instances, choice.work_seconds) == (20, 2, 3600)
    assert choice.warm_hit_rate == 0.5
    assert choice.on_demand_usd == pytest.approx(3840 * hourly)
    assert choice.warm_usd == pytest.approx(3855 * hourly)
    assert choice.spot_usd == pytest.approx(1796.76 * hourly)
    unknown = choose_capacity(LONG, BUSY_POOL, Market("planned", "ml.unknown", 0.6))
    assert (unknown.capacity, unknown.spot_usd) == ("spot", None)
