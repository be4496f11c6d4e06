"""What the rules need of the ``jobs`` table's cost records."""

from datetime import datetime
from typing import NamedTuple, Protocol

from contracts.documents.capacity import StepShape
from contracts.documents.money import Estimate, Receipt
from domain.ports.trainer import Run

RECENT_RUNS = 300
"""Runs that ``recent_runs`` returns: enough to see the last gaps while a hundred jobs run."""


class CostRecord(NamedTuple):
    """A training job whose final cost is not known yet."""

    training_job_name: str
    plan_id: str
    spot: bool = False
    """Spot instances have no warm pool, so their runs are left out of ``recent_runs``."""
    pool: str = ""
    """The warm pool that the job could leave: ``<instance type>/<volume in GB>``."""


class CostRecords(Protocol):
    """Every method may be called twice with the same facts; the second call changes nothing."""

    def record_estimate(
        self,
        job_id: str,
        estimate: Estimate,
        max_runtime_seconds: int | None,
        step_shape: StepShape | None = None,
    ) -> None:
        """Store the estimate; a job with a maximal runtime gets a training job of its own."""
        ...

    def open_cost_record(self, record: CostRecord, now: datetime) -> None:
        """Store that a training job's cost is not final yet."""
        ...

    def open_cost_records(self) -> list[CostRecord]:
        """Return the training jobs whose cost is not final."""
        ...

    def close_cost_record(self, record: CostRecord) -> bool:
        """Store that a training job's cost is final; False when it was final before."""
        ...

    def drop_cost_record(self, record: CostRecord) -> None:
        """Delete the record of a training job that was never created."""
        ...

    def record_run(self, record: CostRecord, run: Run) -> None:
        """Store when a training job began and ended; kept after its cost is final.

        A run without an end is not stored: the open record says as much.
        """
        ...

    def recent_runs(self, pool: str | None = None) -> list[Run]:
        """Return the newest RECENT_RUNS runs that could leave a warm pool, the oldest first.

        Args:
            pool: only runs that could leave this pool; None: runs of every pool.
        """
        ...

    def record_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        """Store a job's share of one training job; a newer receipt replaces an older one."""
        ...
