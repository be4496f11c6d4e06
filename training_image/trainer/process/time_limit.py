"""The two ways in which time runs out: SageMaker's SIGTERM, and the plan's deadline."""

import signal
import time
from dataclasses import dataclass, field

from trainer.process.results import InterruptedTrainingError

EXPORT_SHARE, MOST_FOR_EXPORT = 0.1, 0.5
"""Of the deadline: the least and the most that is kept for judging and writing."""


@dataclass
class TimeLimit:
    """Asked between two pieces of work; never interrupts one. So being asked is a sign of life."""

    deadline_seconds: float | None = None
    interrupted: bool = False
    export_seconds: float = 0.0
    """What judging and writing are expected to take, where that is known."""
    asked_at: float = field(default_factory=time.monotonic)
    """When the last piece of work had ended."""
    _started: float = field(default_factory=time.monotonic)

    def listen(self) -> None:
        """Take SIGTERM (120 s before SageMaker kills) as a wish, not as an end."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "interrupted", True))

    def check(self) -> None:
        """Raise InterruptedTrainingError when SIGTERM has come."""
        self.asked_at = time.monotonic()
        if self.interrupted:
            raise InterruptedTrainingError

    @property
    def training_is_over(self) -> bool:
        """Whether the deadline leaves time only to write what there is."""
        self.asked_at = time.monotonic()
        if self.deadline_seconds is None:
            return False
        wanted = max(EXPORT_SHARE * self.deadline_seconds, self.export_seconds)
        kept = min(wanted, MOST_FOR_EXPORT * self.deadline_seconds)
        return self.asked_at - self._started > self.deadline_seconds - kept
