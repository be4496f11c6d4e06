"""domain.ports.ledger.Ledger in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.ports.ledger import RECENT_RUNS, Bill
from domain.training.sagemaker_job import Run

if TYPE_CHECKING:
    from datetime import datetime

    from contracts.documents.money import Estimate, Receipt
    from contracts.documents.record import JobRecord


@dataclass
class BillRow:
    """A bill, open or closed, and when its training job had an instance."""

    bill: Bill
    run: Run
    open: bool = True


class MemoryLedger:
    """Rows by job id, and the bills by training job, the newest last."""

    def __init__(self) -> None:
        self.records: dict[str, JobRecord] = {}
        self.bills: dict[str, BillRow] = {}

    def note_offer(self, job_id: str, estimate: Estimate, max_runtime_seconds: int | None) -> None:
        offer: dict[str, Any] = {"estimate": estimate}
        if max_runtime_seconds is not None:
            offer |= {"max_runtime_seconds": max_runtime_seconds, "alone": True}
        self._note(job_id, **offer)

    def open_bill(self, bill: Bill, now: datetime) -> None:
        row = BillRow(bill, Run(now, None))
        self.bills.setdefault(bill.training_job_name, row)

    def open_bills(self) -> list[Bill]:
        return [row.bill for row in self.bills.values() if row.open]

    def close_bill(self, bill: Bill) -> bool:
        row = self.bills.get(bill.training_job_name)
        if row is None or not row.open:
            return False
        row.open = False
        return True

    def drop_bill(self, bill: Bill) -> None:
        self.bills.pop(bill.training_job_name, None)

    def note_run(self, bill: Bill, run: Run) -> None:
        row = self.bills.get(bill.training_job_name)
        if row is not None and run.ended_at is not None:
            row.run = run

    def recent_runs(self) -> list[Run]:
        newest = [*self.bills.values()][-2 * RECENT_RUNS :]
        runs = [row.run for row in newest if not row.bill.spot and (row.open or row.run.ended_at)]
        return sorted(runs, key=lambda run: run.created_at)[-RECENT_RUNS:]

    def note_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        if job_id in self.records:
            receipts = {**self.records[job_id].receipts, training_job_name: receipt}
            self._note(job_id, receipts=receipts)

    def _note(self, job_id: str, **changes: object) -> None:
        """Change a row without touching its queue or its time."""
        if job_id in self.records:
            self.records[job_id] = self.records[job_id].model_copy(update=changes)
