"""The two ways in which time runs out: SageMaker's SIGTERM, and the plan's deadline."""

import signal
import time
from dataclasses import dataclass, field

from trainer.process.results import PreemptedError

MIN_EXPORT_SHARE, MAX_EXPORT_SHARE = 0.1, 0.5
"""Of the deadline: the least and the most that is kept for judging and writing."""


@dataclass
class TimeLimit:
    """Asked between two pieces of work; never interrupts one. So being asked is a sign of life."""

    deadline_seconds: float | None = None
    preempted: bool = False
    export_seconds: float = 0.0
    """What judging and writing are expected to take, where that is known."""
    checked_at: float = field(default_factory=time.monotonic)
    """When the last piece of work had ended."""
    _started: float = field(default_factory=time.monotonic)

    def install_signal_handler(self) -> None:
        """Take SIGTERM (120 s before SageMaker kills) as a wish, not as an end."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "preempted", True))

    def raise_if_preempted(self) -> None:
        """Raise PreemptedError when SIGTERM has come."""
        self.checked_at = time.monotonic()
        if self.preempted:
            raise PreemptedError

    @property
    def training_is_over(self) -> bool:
        """Whether the deadline leaves time only to write what there is."""
        self.checked_at = time.monotonic()
        if self.deadline_seconds is None:
            return False
        wanted = max(MIN_EXPORT_SHARE * self.deadline_seconds, self.export_seconds)
        kept = min(wanted, MAX_EXPORT_SHARE * self.deadline_seconds)
        return self.checked_at - self._started > self.deadline_seconds - kept
