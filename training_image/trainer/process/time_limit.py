"""The two time limits of a job: preemption by SIGTERM, and the plan's deadline."""

import signal
import time
from dataclasses import dataclass, field

from trainer.process.results import PreemptedError

MIN_EXPORT_SHARE, MAX_EXPORT_SHARE = 0.1, 0.5
"""The smallest and largest share of the deadline that is reserved for judging and writing."""


@dataclass
class TimeLimit:
    """The time limits, checked between two pieces of work; a check is also a sign of life."""

    deadline_seconds: float | None = None
    preempted: bool = False
    export_seconds: float = 0.0
    """The expected time for judging and writing; 0 while it is not known."""
    checked_at: float = field(default_factory=time.monotonic)
    """When the limits were last checked."""
    _started: float = field(default_factory=time.monotonic)

    def install_signal_handler(self) -> None:
        """Set ``preempted`` on SIGTERM; SageMaker kills the job 120 s later."""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "preempted", True))

    def raise_if_preempted(self) -> None:
        """Raise PreemptedError if SIGTERM has come."""
        self.checked_at = time.monotonic()
        if self.preempted:
            raise PreemptedError

    @property
    def training_is_over(self) -> bool:
        """Whether the rest of the deadline is needed for judging and writing."""
        self.checked_at = time.monotonic()
        if self.deadline_seconds is None:
            return False
        needed = max(MIN_EXPORT_SHARE * self.deadline_seconds, self.export_seconds)
        reserved = min(needed, MAX_EXPORT_SHARE * self.deadline_seconds)
        return self.checked_at - self._started > self.deadline_seconds - reserved
