"""An endpoint on demand grows with its requests, and shrinks one by one when it is calm."""

import pytest

from domain.serving.growth import Growth, grow
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.unit.training_kit import NOON

LIMITS = Growth(least=1, most=4, waiting=8, gpu_percent=90)


def running(instances: int, lately: float, before: float) -> MemoryEndpointLifecycle:
    lifecycle = MemoryEndpointLifecycle(status="in_service", used=NOON)
    lifecycle.count, lifecycle.crowd = instances, (lately, before)
    return lifecycle


@pytest.mark.parametrize(
    ("present", "lately", "before", "after"),
    [
        (1, 20.0, 20.0, 3),
        (1, 99.0, 99.0, 4),
        (3, 0.0, 20.0, None),
        (3, 0.0, 0.0, 2),
        (2, 3.0, 3.0, None),
        (1, 0.0, 0.0, None),
        (4, 99.0, 99.0, None),
    ],
)
def test_growth_follows_the_crowd(
    present: int, lately: float, before: float, after: int | None
) -> None:
    lifecycle = running(present, lately, before)
    assert grow(lifecycle, LIMITS, NOON) == after
    assert lifecycle.count == (after or present)


@pytest.mark.parametrize(
    ("present", "lately", "before", "after"),
    [
        (1, 99.0, 99.0, 2),
        (2, 99.0, 99.0, 3),
        (4, 99.0, 99.0, None),
        (2, 90.0, 90.0, None),
        (2, 10.0, 99.0, None),
        (2, 10.0, 20.0, 1),
    ],
)
def test_growth_follows_the_gpu(
    present: int, lately: float, before: float, after: int | None
) -> None:
    lifecycle = running(present, 0.0, 0.0)
    lifecycle.gpu = (lately, before)
    assert grow(lifecycle, LIMITS, NOON) == after


def test_the_gpu_alone_makes_nothing_grow_at_100_percent_and_a_busy_one_keeps_what_is_there() -> (
    None
):
    lifecycle = running(1, 0.0, 0.0)
    lifecycle.gpu = (100.0, 100.0)
    assert grow(lifecycle, LIMITS._replace(gpu_percent=100), NOON) is None
    lifecycle.gpu = (390.0, 390.0)
    assert grow(lifecycle, LIMITS._replace(gpus=4), NOON) == 2, "each of four is busy"
    calm_queue = running(3, 0.0, 0.0)
    calm_queue.gpu = (80.0, 80.0)
    assert grow(calm_queue, LIMITS, NOON) is None


def test_an_endpoint_that_changes_or_is_cloudformation_s_is_left_alone() -> None:
    changing = running(1, 99.0, 99.0)
    changing.count = None
    other = MemoryEndpointLifecycle(status="in_service", used=NOON, cloudformations=True)
    other.count, other.crowd = 1, (99.0, 99.0)
    stays = MemoryEndpointLifecycle(on_demand=False, status="in_service", used=NOON)
    stays.count, stays.crowd = 1, (99.0, 99.0)
    for lifecycle in (changing, other, stays):
        assert grow(lifecycle, LIMITS, NOON) is None
    assert (
        grow(running(1, 99.0, 99.0), Growth(least=1, most=1, waiting=8, gpu_percent=90), NOON)
        is None
    )
