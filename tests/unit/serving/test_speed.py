"""How many rows are worth a pass."""

import pytest

from serving.engine.speed import WORTHWHILE, Speed

PIXELS, LIMIT = 10**6, 8


def seconds_of(speed: Speed, waiting: int, rows: int) -> float:
    """Return the seconds of one step of all that wait, in passes of so many rows."""
    whole, rest = divmod(waiting, rows)
    passes = [rows] * whole + [rest] * bool(rest)
    return sum(speed.pass_seconds(one, PIXELS) for one in passes)


@pytest.mark.parametrize("fixed", [0.0, 0.3, 1.0, 3.0, 9.0])
@pytest.mark.parametrize("waiting", range(1, 40))
def test_a_pass_is_the_smallest_that_takes_hardly_longer_for_all_that_wait(
    fixed: float, waiting: int
) -> None:
    speed = Speed(fixed, per_megapixel=1.0, decode_per_megapixel=1.0)
    rows = speed.worthwhile_entries(PIXELS, LIMIT, waiting)
    best = min(seconds_of(speed, waiting, one) for one in range(1, LIMIT + 1))
    assert seconds_of(speed, waiting, rows) <= WORTHWHILE * best + 1e-9
    smaller = [seconds_of(speed, waiting, one) for one in range(1, rows)]
    assert all(one > WORTHWHILE * best for one in smaller)


def test_sixteen_rows_are_two_passes_of_eight_where_passes_cost() -> None:
    speed = Speed(9.0, per_megapixel=1.0, decode_per_megapixel=1.0)
    assert speed.worthwhile_entries(PIXELS, LIMIT, 16) == 8
    assert speed.worthwhile_entries(PIXELS, LIMIT, 9) == 5, "two passes that are alike"


def test_a_device_that_gains_nothing_draws_rows_one_by_one() -> None:
    speed = Speed(0.0, per_megapixel=1.0, decode_per_megapixel=1.0)
    assert speed.worthwhile_entries(PIXELS, LIMIT, 16) == 1


def test_decoding_is_learnt_from_decodings_and_passes_from_passes() -> None:
    speed = Speed(0.0, per_megapixel=1.0, decode_per_megapixel=100.0)
    for _ in range(50):
        speed.observe_decoding(PIXELS, 10.0)
    assert speed.decode_seconds(PIXELS) == pytest.approx(10.0, rel=0.1)
    assert speed.pass_seconds(1, PIXELS) == 1.0
    for _ in range(50):
        speed.observe(1, PIXELS, 3.0)
    assert speed.pass_seconds(1, PIXELS) == pytest.approx(3.0, rel=0.1)
    assert speed.decode_seconds(PIXELS) == pytest.approx(10.0, rel=0.1)
