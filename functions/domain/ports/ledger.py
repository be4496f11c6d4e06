"""What the rules need of the ``jobs`` table's memory of money."""

from datetime import datetime
from typing import NamedTuple, Protocol

from contracts.documents.money import Estimate, Receipt
from domain.training.sagemaker_job import Run

RECENT_RUNS = 300
"""Enough to find the last gaps between them, while a hundred others go on."""


class Bill(NamedTuple):
    """A training job whose last cost is not known yet."""

    training_job_name: str
    plan_id: str
    spot: bool = False
    """Spot instances know no warm pool, so they teach nothing about one."""


class Ledger(Protocol):
    """Every method may be called twice with the same facts; the second call changes nothing."""

    def note_offer(self, job_id: str, estimate: Estimate, max_runtime_seconds: int | None) -> None:
        """Remember the estimate; a job that pays for so many seconds only is trained alone."""
        ...

    def open_bill(self, bill: Bill, now: datetime) -> None:
        """Remember to look at a training job until its cost is final."""
        ...

    def open_bills(self) -> list[Bill]:
        """Return the training jobs whose cost is not final."""
        ...

    def close_bill(self, bill: Bill) -> bool:
        """Note that a training job's cost is final; False when somebody did so before."""
        ...

    def drop_bill(self, bill: Bill) -> None:
        """Forget the bill of a training job that there never was."""
        ...

    def note_run(self, bill: Bill, run: Run) -> None:
        """Remember when a training job began and ended, beyond the end of its bill.

        A run that goes on is not noted: an open bill says as much.
        """
        ...

    def recent_runs(self) -> list[Run]:
        """Return the newest RECENT_RUNS runs that could leave a warm pool, the oldest first."""
        ...

    def note_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        """Remember a job's share of one training job; a newer one replaces it."""
        ...
