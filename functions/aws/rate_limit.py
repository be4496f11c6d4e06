"""SageMaker's own pace: about one CreateTrainingJob a second, and a few at once after a rest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, sleep

BURST = 10
"""Requests that may go out at once; docs/cost.md assumes the same."""

SECONDS_EACH = 1.0
"""In which one more may go out."""


@dataclass
class Pace:
    """A bucket of turns, for one launcher.

    Launchers that run at once know nothing of each other; then SageMaker throttles, which means
    wait as well.
    """

    clock: Callable[[], float] = monotonic
    rest: Callable[[float], None] = sleep
    turns: float = BURST
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.clock()

    def wait(self) -> None:
        """Take the next turn; rest until it comes."""
        self._refill()
        if self.turns < 1:
            self.rest((1 - self.turns) * SECONDS_EACH)
            self._refill()
        self.turns -= 1

    def _refill(self) -> None:
        now = self.clock()
        self.turns = min(BURST, self.turns + (now - self._since) / SECONDS_EACH)
        self._since = now
