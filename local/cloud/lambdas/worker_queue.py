"""A function's places, and how long a call waits for a free one.

AWS starts one more worker instead of waiting, so a state's time-out does not count this time.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WORKERS_PER_FUNCTION = min(8, 2 * (os.cpu_count() or 1))
"""Concurrent calls of one function; more calls wait, as each new worker costs a core a second."""


class QueueTimer:
    """Measures the waiting time of one call, also while the call still waits."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._since: float | None = None

    def seconds(self) -> float:
        """Return the waiting time so far."""
        since = self._since  # another thread may end the wait meanwhile
        return self._waited if since is None else time.monotonic() - since

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Measure the time that the block takes."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._waited, self._since = self.seconds(), None


_timer: ContextVar[QueueTimer | None] = ContextVar("queue_timer", default=None)
_nested: ContextVar[bool] = ContextVar("nested_call", default=False)
_places: dict[str, threading.BoundedSemaphore] = {}
_places_lock = threading.Lock()


def use_timer(timer: QueueTimer) -> None:
    """Measure the waiting time of this context's calls with this timer."""
    _timer.set(timer)


def current_timer() -> QueueTimer:
    """Return this context's timer, or a new one when nobody needs the time."""
    return _timer.get() or QueueTimer()


def never_wait() -> None:
    """Let this context's calls run at once: a function waits for them in a place of its own.

    If they waited for the places of their callers, all would wait for ever.
    """
    _nested.set(True)


@contextmanager
def place(function: str) -> Iterator[None]:
    """Wait for one of the function's places, and hold it meanwhile."""
    if _nested.get():
        yield
        return
    with _places_lock:
        free = _places.setdefault(function, threading.BoundedSemaphore(WORKERS_PER_FUNCTION))
    with current_timer().waiting():
        free.acquire()
    try:
        yield
    finally:
        free.release()
