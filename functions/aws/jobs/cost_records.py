"""The cost records in the ``jobs`` table: implements domain.ports.cost_records.CostRecords.

A cost record is a small row of its own, ``bill#<training job>``. The ``queue`` index lists the open
and the closed records by the training job's age. Closed records stay, because they say when
instances were busy.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Attr, Key
from pydantic import BaseModel

from aws.tables import rows_of, write_if
from contracts.documents.capacity import StepShape
from contracts.documents.money import Estimate, Receipt
from contracts.shared.layout.rows import cost_row
from domain.ports.cost_records import RECENT_RUNS, CostRecord
from domain.ports.trainer import Run

QUEUE_INDEX = "queue"
_OPEN, _CLOSED = "billing", "billed"
"""Values in the ``queue`` index; rows of earlier releases have them, so they stay."""


class DynamoRows:
    """A table in which every change is one conditional write."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    def _update(
        self,
        key: str,
        when: Any,  # noqa: ANN401 - a boto3 condition
        changes: Mapping[str, object],
        defaults: Mapping[str, object] | None = None,
        drop: tuple[str, ...] = (),
    ) -> bool:
        """Change the row if the condition holds; ``defaults`` only fill absent columns.

        Without a condition, change or make the row in any case.
        """
        fresh = defaults or {}
        sets = [f"#{name} = :{name}" for name in changes]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in fresh]
        removes = " REMOVE " + ", ".join(f"#{name}" for name in drop) if drop else ""
        values = {**changes, **fresh}
        return write_if(
            self._table.update_item,
            Key={"job_id": key},
            **({} if when is None else {"ConditionExpression": when}),
            UpdateExpression="SET " + ", ".join(sets) + removes,
            ExpressionAttributeNames={f"#{name}": name for name in (*values, *drop)},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def _rows_in(self, queue: str) -> list[dict[str, Any]]:
        """Return all rows of the index in its order."""
        condition = Key("queue").eq(queue)
        found = rows_of(self._table.query, IndexName=QUEUE_INDEX, KeyConditionExpression=condition)
        return list(found)

    def _newest_in(self, queue: str, limit: int) -> list[dict[str, Any]]:
        """Return the last rows of the index, newest first."""
        page = self._table.query(
            IndexName=QUEUE_INDEX,
            KeyConditionExpression=Key("queue").eq(queue),
            ScanIndexForward=False,
            Limit=limit,
        )
        items: list[dict[str, Any]] = page["Items"]
        return items


class DynamoCostRecords(DynamoRows):
    """See the Protocol for what each method promises."""

    def record_estimate(
        self,
        job_id: str,
        estimate: Estimate,
        max_runtime_seconds: int | None,
        step_shape: StepShape | None = None,
    ) -> None:
        """Store the estimate; a job with a maximal runtime gets a training job of its own."""
        changes: dict[str, object] = {"estimate": numbers(estimate)}
        if step_shape is not None:
            changes["step_shape"] = numbers(step_shape)
        if max_runtime_seconds is not None:
            changes |= {"max_runtime_seconds": max_runtime_seconds, "alone": True}
        self._update(job_id, Attr("job_id").exists(), changes)

    def open_cost_record(self, record: CostRecord, now: datetime) -> None:
        """Store that a training job's cost is not final yet."""
        changes = {
            "queue": _OPEN,
            "queued_at": now.isoformat(),
            "plan_id": record.plan_id,
            "spot": record.spot,
            "pool": record.pool,
        }
        self._update(_row_key(record), Attr("job_id").not_exists(), changes)

    def open_cost_records(self) -> list[CostRecord]:
        """Return the training jobs whose cost is not final."""
        return [_cost_record_of(row) for row in self._rows_in(_OPEN)]

    def close_cost_record(self, record: CostRecord) -> bool:
        """Store that a training job's cost is final; False when it was final before."""
        return self._update(_row_key(record), Attr("queue").eq(_OPEN), {"queue": _CLOSED})

    def drop_cost_record(self, record: CostRecord) -> None:
        """Delete the record of a training job that was never created."""
        self._table.delete_item(Key={"job_id": _row_key(record)})

    def record_run(self, record: CostRecord, run: Run) -> None:
        """Store when a training job began and ended; kept after its cost is final."""
        if run.ended_at is None:
            return
        times = {"began_at": run.created_at.isoformat(), "ended_at": run.ended_at.isoformat()}
        self._update(_row_key(record), Attr("job_id").exists(), times)

    def recent_runs(self, pool: str | None = None) -> list[Run]:
        """Return the newest RECENT_RUNS runs that could leave a warm pool, the oldest first."""
        closed = [row for row in self._newest_in(_CLOSED, RECENT_RUNS) if "ended_at" in row]
        rows = [*closed, *self._newest_in(_OPEN, RECENT_RUNS)]
        rows = [row for row in rows if pool in {None, row.get("pool")}]
        runs = [_run_of(row) for row in rows if not row.get("spot")]
        return sorted(runs, key=lambda run: run.created_at)[-RECENT_RUNS:]

    def record_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        """Store a job's share of one training job; a newer receipt replaces an older one."""
        known = Attr("job_id").exists()
        if not self._update(job_id, known, {}, defaults={"receipts": {}}):
            return
        write_if(
            self._table.update_item,
            Key={"job_id": job_id},
            ConditionExpression=known,
            UpdateExpression="SET #receipts.#name = :receipt",
            ExpressionAttributeNames={"#receipts": "receipts", "#name": training_job_name},
            ExpressionAttributeValues={":receipt": numbers(receipt)},
        )


def numbers(document: BaseModel) -> dict[str, object]:
    """Return a document with decimals in place of floats, which DynamoDB does not take."""
    return {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in document.model_dump(mode="json").items()
    }


def _cost_record_of(row: Mapping[str, Any]) -> CostRecord:
    name = row["job_id"].partition("#")[2]
    return CostRecord(name, row["plan_id"], row.get("spot", False), row.get("pool", ""))


def _run_of(row: Mapping[str, str]) -> Run:
    began, ended = row.get("began_at") or row["queued_at"], row.get("ended_at")
    return Run(datetime.fromisoformat(began), datetime.fromisoformat(ended) if ended else None)


def _row_key(record: CostRecord) -> str:
    return cost_row(record.training_job_name)
