"""When to stop waiting: after a long silence, never after a long time."""

import time
from collections.abc import Callable

STALL_SECONDS = 900.0
"""Without any news. On a host with a load of 9 the trainer's imports took 100 s (2026-11-28)."""


class StalledError(Exception):
    """Nothing has moved for so long that nothing will."""


class Patience:
    """Counts the seconds since something last changed."""

    def __init__(
        self, limit: float = STALL_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit, self._clock = limit, clock
        self._last: object = None
        self._since = clock()

    def saw(self, state: object) -> None:
        """Note how things stand now.

        Raises:
            StalledError: they have stood like that for longer than the limit.
        """
        if state != self._last:
            self._last, self._since = state, self._clock()
        elif self.silence > self._limit:
            raise StalledError(f"nothing has moved for {self.silence / 60:.0f} minutes")

    @property
    def silence(self) -> float:
        """Seconds since the last change."""
        return self._clock() - self._since
