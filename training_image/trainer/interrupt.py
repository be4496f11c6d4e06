"""The two ways in which time runs out: SageMaker's SIGTERM, and the plan's deadline."""

import signal
import time
from dataclasses import dataclass, field

from trainer.outcome import InterruptedTrainingError

EXPORT_SHARE = 0.1
"""Of the deadline: kept for judging and writing what was trained."""


@dataclass
class TimeLimit:
    """Asked between two pieces of work; never interrupts one."""

    deadline_seconds: float | None = None
    interrupted: bool = False
    _started: float = field(default_factory=time.monotonic)

    def listen(self) -> None:
        """Take SIGTERM (120 s before SageMaker kills) as a wish, not as an end."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "interrupted", True))

    def check(self) -> None:
        """Raise InterruptedTrainingError when SIGTERM has come."""
        if self.interrupted:
            raise InterruptedTrainingError

    @property
    def training_is_over(self) -> bool:
        """Whether the deadline leaves time only to write what there is."""
        if self.deadline_seconds is None:
            return False
        return time.monotonic() - self._started > (1 - EXPORT_SHARE) * self.deadline_seconds
