"""The money in the ``jobs`` table as domain.ports.ledger.Ledger.

A bill is a small row of its own, which the ``queue`` index finds by the training job's age: among
the open ones, then among the closed ones, which stay to tell when instances were busy.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError
from pydantic import BaseModel

from contracts.documents.money import Estimate, Receipt
from domain.ports.ledger import RECENT_RUNS, Bill
from domain.training.sagemaker_job import Run

QUEUE_INDEX = "queue"
_BILLING, _BILLED = "billing", "billed"


class DynamoRows:
    """A table whose every change is one conditional write."""

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
        """Change the row if the condition holds; ``defaults`` only fill what is absent.

        Without a condition it changes, or makes, the row in any case.
        """
        fresh = defaults or {}
        sets = [f"#{name} = :{name}" for name in changes]
        sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in fresh]
        removes = " REMOVE " + ", ".join(f"#{name}" for name in drop) if drop else ""
        values = {**changes, **fresh}
        return self._try_update(
            Key={"job_id": key},
            **({} if when is None else {"ConditionExpression": when}),
            UpdateExpression="SET " + ", ".join(sets) + removes,
            ExpressionAttributeNames={f"#{name}": name for name in (*values, *drop)},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def _try_update(self, **request: object) -> bool:
        """Return whether the condition held."""
        try:
            self._table.update_item(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _rows_in(self, queue: str) -> list[dict[str, Any]]:
        """Return the index's rows in its order, page by page."""
        question = {"IndexName": QUEUE_INDEX, "KeyConditionExpression": Key("queue").eq(queue)}
        page = self._table.query(**question)
        items: list[dict[str, Any]] = page["Items"]
        while "LastEvaluatedKey" in page:
            page = self._table.query(**question, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return items

    def _newest_in(self, queue: str, limit: int) -> list[dict[str, Any]]:
        """Return the index's last rows, the newest first."""
        page = self._table.query(
            IndexName=QUEUE_INDEX,
            KeyConditionExpression=Key("queue").eq(queue),
            ScanIndexForward=False,
            Limit=limit,
        )
        items: list[dict[str, Any]] = page["Items"]
        return items


class DynamoLedger(DynamoRows):
    """See the Protocol for what each method promises."""

    def note_offer(self, job_id: str, estimate: Estimate, max_runtime_seconds: int | None) -> None:
        """Remember the estimate; a job that pays for so many seconds only is trained alone."""
        changes: dict[str, object] = {"estimate": numbers(estimate)}
        if max_runtime_seconds is not None:
            changes |= {"max_runtime_seconds": max_runtime_seconds, "alone": True}
        self._update(job_id, Attr("job_id").exists(), changes)

    def open_bill(self, bill: Bill, now: datetime) -> None:
        """Remember to look at a training job until its cost is final."""
        changes = {
            "queue": _BILLING,
            "queued_at": now.isoformat(),
            "plan_id": bill.plan_id,
            "spot": bill.spot,
        }
        self._update(_bill_row(bill), Attr("job_id").not_exists(), changes)

    def open_bills(self) -> list[Bill]:
        """Return the training jobs whose cost is not final."""
        return [
            Bill(row["job_id"].partition("#")[2], row["plan_id"], row.get("spot", False))
            for row in self._rows_in(_BILLING)
        ]

    def close_bill(self, bill: Bill) -> bool:
        """Note that a training job's cost is final; False when somebody did so before."""
        return self._update(_bill_row(bill), Attr("queue").eq(_BILLING), {"queue": _BILLED})

    def drop_bill(self, bill: Bill) -> None:
        """Forget the bill of a training job that there never was."""
        self._table.delete_item(Key={"job_id": _bill_row(bill)})

    def note_run(self, bill: Bill, run: Run) -> None:
        """Remember when a training job began and ended, beyond the end of its bill."""
        if run.ended_at is None:
            return
        times = {"began_at": run.created_at.isoformat(), "ended_at": run.ended_at.isoformat()}
        self._update(_bill_row(bill), Attr("job_id").exists(), times)

    def recent_runs(self) -> list[Run]:
        """Return the newest RECENT_RUNS runs that could leave a warm pool, the oldest first."""
        closed = [row for row in self._newest_in(_BILLED, RECENT_RUNS) if "ended_at" in row]
        rows = [*closed, *self._newest_in(_BILLING, RECENT_RUNS)]
        runs = [_run_of(row) for row in rows if not row.get("spot")]
        return sorted(runs, key=lambda run: run.created_at)[-RECENT_RUNS:]

    def note_receipt(self, job_id: str, training_job_name: str, receipt: Receipt) -> None:
        """Remember a job's share of one training job; a newer one replaces it."""
        known = Attr("job_id").exists()
        if not self._update(job_id, known, {}, defaults={"receipts": {}}):
            return
        self._try_update(
            Key={"job_id": job_id},
            ConditionExpression=known,
            UpdateExpression="SET #receipts.#name = :receipt",
            ExpressionAttributeNames={"#receipts": "receipts", "#name": training_job_name},
            ExpressionAttributeValues={":receipt": numbers(receipt)},
        )


def numbers(document: BaseModel) -> dict[str, object]:
    """Return a document as DynamoDB takes it: it knows no floats."""
    return {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in document.model_dump(mode="json").items()
    }


def _run_of(row: Mapping[str, str]) -> Run:
    began, ended = row.get("began_at") or row["queued_at"], row.get("ended_at")
    return Run(datetime.fromisoformat(began), datetime.fromisoformat(ended) if ended else None)


def _bill_row(bill: Bill) -> str:
    return f"bill#{bill.training_job_name}"
