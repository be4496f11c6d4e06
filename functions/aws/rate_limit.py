"""A rate limiter for CreateTrainingJob: about one request per second, after a first burst."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep

BURST = 10
"""Requests that may be sent at once; docs/cost.md assumes the same."""

SECONDS_EACH = 1.0
"""Seconds after which one more request may be sent."""


@dataclass
class RateLimiter:
    """A token bucket for one launcher.

    Launchers that run at the same time do not know of each other. Then SageMaker throttles them,
    and the jobs wait as well.
    """

    clock: Callable[[], float] = monotonic
    sleep: Callable[[float], None] = sleep
    tokens: float = BURST
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def wait(self) -> None:
        """Take the next token; sleep until there is one."""
        self._refill()
        if self.tokens < 1:
            self.sleep((1 - self.tokens) * SECONDS_EACH)
            self._refill()
        self.tokens -= 1

    def _refill(self) -> None:
        now = self.clock()
        self.tokens = min(BURST, self.tokens + (now - self._since) / SECONDS_EACH)
        self._since = now
