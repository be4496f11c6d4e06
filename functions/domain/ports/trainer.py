"""What the rules need of SageMaker's training jobs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

JobStatus = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]


class NoCapacity(NamedTuple):
    """SageMaker's refusal of a training job: no capacity, a limit of the account, or throttling."""

    sentence: str = ""
    """AWS's own sentence; it holds no text of a user."""
    quota: int | None = None
    """The quota's value, in instances; None: no quota was the reason."""

    @property
    def is_final(self) -> bool:
        """Whether no training job of this kind will ever start until somebody raises the quota."""
        return self.quota == 0


class Refused(NamedTuple):
    """SageMaker's refusal of a request that it would refuse again."""

    denied: bool = False
    """Whether a permission of the stack is missing; otherwise data, a role or a setting is."""


CreateOutcome = Literal["created", "exists"] | NoCapacity | Refused
"""What SageMaker did with a request."""

PoolStatus = Literal["InUse", "Available", "Reused", "Terminated"]
"""SageMaker's WarmPoolStatus."""


class Run(NamedTuple):
    """The time for which a training job had an instance to itself."""

    created_at: datetime
    ended_at: datetime | None
    """None while the training job runs."""


@dataclass(frozen=True)
class TrainingState:
    """The state of a training job, in SageMaker's words."""

    name: str
    status: JobStatus
    secondary_status: str = ""
    failure_reason: str = ""
    instance_type: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    """When the download began: instances are billed from this moment."""
    ended_at: datetime | None = None
    training_seconds: int = 0
    """Seconds from ``started_at`` to ``ended_at``; 0 while the job runs."""
    billable_seconds: int = 0
    """Seconds that are billed; fewer than ``training_seconds`` on spot instances."""
    instances: int = 1
    """Number of instances; each of them is billed for the job's seconds and the pool's."""
    spot: bool = False
    pool_seconds: int = 0
    """Seconds for which the instance was kept warm afterwards, as reported so far."""
    pool: PoolStatus | None = None
    """State of the warm pool that the job leaves; None: the job keeps no pool."""

    @property
    def ended(self) -> bool:
        """Whether the job will write nothing more."""
        return self.status in {"Completed", "Failed", "Stopped"}

    @property
    def keeps_pool(self) -> bool:
        """Whether the instance waits, or will wait, for another job."""
        return self.pool in {"InUse", "Available"}

    @property
    def billed_seconds(self) -> int:
        """Seconds of training that are billed, of all instances together."""
        return self.instances * self.billable_seconds

    @property
    def billed_pool_seconds(self) -> int:
        """Seconds of the warm pool that are billed, of all instances together."""
        return self.instances * self.pool_seconds

    @property
    def run(self) -> Run | None:
        """The run from creation to end; None for a job without an instance or without an end."""
        if self.created_at is None or self.started_at is None or self.ended_at is None:
            return None
        return Run(self.created_at, self.ended_at)


class Trainer(Protocol):
    """Creates, describes and stops training jobs."""

    def create(self, request: dict[str, Any]) -> CreateOutcome:
        """Start a training job; nothing starts when the name is taken already."""
        ...

    def describe(self, name: str) -> TrainingState | None:
        """Return the job's state, or None when no job has that name."""
        ...

    def stop(self, name: str) -> None:
        """Stop a training job; do nothing when it has ended or never began."""
        ...
