"""Standing in line for a worker: AWS starts one more instead, so no state's clock counts it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

WORKERS_PER_FUNCTION = min(8, 2 * (os.cpu_count() or 1))
"""More calls at once than this stand in line: each worker's start costs a core a second."""


class Turn:
    """How long one call has stood in line, told while it still stands."""

    def __init__(self) -> None:
        self._stood = 0.0
        self._since: float | None = None

    def seconds(self) -> float:
        """Return the time in line so far."""
        since = self._since  # another thread may end it meanwhile
        return self._stood if since is None else time.monotonic() - since

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Stand in line."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._stood, self._since = self.seconds(), None


_mine: ContextVar[Turn | None] = ContextVar("turn", default=None)


def take(turn: Turn) -> None:
    """Let whatever this context calls stand in line on this turn."""
    _mine.set(turn)


def current() -> Turn:
    """Return this context's turn; where nobody asks for the time, one that is forgotten."""
    return _mine.get() or Turn()
