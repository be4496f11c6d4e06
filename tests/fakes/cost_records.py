"""domain.ports.cost_records.CostRecords in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from domain.ports.cost_records import RECENT_RUNS, CostRecord
from domain.ports.trainer import Run

if TYPE_CHECKING:
    from datetime import datetime

    from contracts.documents.capacity import StepShape
    from contracts.documents.money import Estimate, Receipt
    from contracts.documents.record import JobRecord


@dataclass
class CostRow:
    """A cost record, open or closed, and when its training job had an instance."""

    cost_record: CostRecord
    run: Run
    open: bool = True


class MemoryCostRecords:
    """Rows by job id, and the cost records by training job, the newest last."""

    def __init__(self) -> None:
        self.records: dict[str, JobRecord] = {}
        self.cost_records: dict[str, CostRow] = {}

    def record_estimate(
        self,
        job_id: str,
        estimate: Estimate,
        max_runtime_seconds: int | None,
        step_shape: StepShape | None = None,
    ) -> None:
        offer: dict[str, Any] = {"estimate": estimate}
        if step_shape is not None:
            offer["step_shape"] = step_shape
        if max_runtime_seconds is not None:
            offer |= {"max_runtime_seconds": max_runtime_seconds, "alone": True}
        self._note(job_id, **offer)

    def open_cost_record(self, cost_record: CostRecord, now: datetime) -> None:
        row = CostRow(cost_record, Run(now, None))
        self.cost_records.setdefault(cost_record.training_job_name, row)

    def open_cost_records(self) -> list[CostRecord]:
        return [row.cost_record for row in self.cost_records.values() if row.open]

    def close_cost_record(self, cost_record: CostRecord) -> bool:
        row = self.cost_records.get(cost_record.training_job_name)
        if row is None or not row.open:
            return False
        row.open = False
        return True

    def drop_cost_record(self, cost_record: CostRecord) -> None:
        self.cost_records.pop(cost_record.training_job_name, None)

    def record_run(self, cost_record: CostRecord, run: Run) -> None:
        row = self.cost_records.get(cost_record.training_job_name)
        if row is not None and run.ended_at is not None:
            row.run = run

    def recent_runs(self, pool: str | None = None) -> list[Run]:
        newest = [*self.cost_records.values()][-2 * RECENT_RUNS :]
        in_pool = [row for row in newest if pool in {None, row.cost_record.pool}]
        runs = [
            row.run
            for row in in_pool
            if not row.cost_record.spot and (row.open or row.run.ended_at)
        ]
        return sorted(runs, key=lambda run: run.created_at)[-RECENT_RUNS:]

    def record_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        if job_id in self.records:
            receipts = {**self.records[job_id].receipts, training_job_name: receipt}
            self._note(job_id, receipts=receipts)

    def _note(self, job_id: str, **changes: object) -> None:
        """Change a row without touching its queue or its time."""
        if job_id in self.records:
            self.records[job_id] = self.records[job_id].model_copy(update=changes)
