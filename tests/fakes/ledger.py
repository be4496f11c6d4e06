"""domain.ledger.Ledger in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from contracts.money import Estimate, Receipt
    from contracts.record import JobRecord
    from domain.ledger import Bill


class MemoryLedger:
    """Rows by job id, and the open bills."""

    def __init__(self) -> None:
        self.records: dict[str, JobRecord] = {}
        self.bills: list[Bill] = []

    def note_offer(self, job_id: str, estimate: Estimate, max_runtime_seconds: int | None) -> None:
        offer: dict[str, Any] = {"estimate": estimate}
        if max_runtime_seconds is not None:
            offer |= {"max_runtime_seconds": max_runtime_seconds, "alone": True}
        self._note(job_id, **offer)

    def open_bill(self, bill: Bill, now: datetime) -> None:  # noqa: ARG002
        if bill not in self.bills:
            self.bills.append(bill)

    def open_bills(self) -> list[Bill]:
        return list(self.bills)

    def close_bill(self, bill: Bill) -> None:
        self.bills = [other for other in self.bills if other != bill]

    def note_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        if job_id in self.records:
            receipts = {**self.records[job_id].receipts, training_job_name: receipt}
            self._note(job_id, receipts=receipts)

    def _note(self, job_id: str, **changes: object) -> None:
        """Change a row without touching its queue or its time."""
        if job_id in self.records:
            self.records[job_id] = self.records[job_id].model_copy(update=changes)
