"""The only clock. Rules get the time as an argument, so that a test can choose it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime


def now() -> datetime:
    """Return the present time as an aware datetime in UTC."""
    return datetime.now(UTC)


def time_until(seconds: float) -> Callable[[], bool]:
    """Return a function that is true until ``seconds`` have passed from now on."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() < end
