"""How a job goes on, and how to stop it: reads the jobs table, calls the cancel function."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3

from contracts.documents.status import Cancellation, StatusChange
from contracts.shared.layout import upload_row

ENDED = {"succeeded", "failed", "canceled"}
EVERY_SECONDS = 2.0
JOB_ID = re.compile(r"[0-9a-f]{32}")


class Jobs:
    """Reads one jobs table; a job goes by its id, or by the upload it began with."""

    def __init__(self, table: str, session: Any = None) -> None:  # noqa: ANN401 (boto3's)
        self._table = (session or boto3).resource("dynamodb").Table(table)

    def find(self, job: str) -> StatusChange | None:
        """Return how a job stands, or None when there is no such job (yet).

        Args:
            job: its id, or ``<tenant>/<upload>``.
        """
        job_id = job if JOB_ID.fullmatch(job) else self._row(upload_row(job)).get("points_to")
        row = self._row(job_id) if job_id else {}
        known = {name: value for name, value in row.items() if name in StatusChange.model_fields}
        return StatusChange.model_validate(known) if known else None

    def changes(
        self, job: str, sleep: Callable[[float], None] = time.sleep
    ) -> Iterator[StatusChange]:
        """Yield how a job stands at each change, until it has ended."""
        last: StatusChange | None = None
        while last is None or last.status not in ENDED:
            now = self.find(job)
            if now is not None and (last is None or describe(now) != describe(last)):
                yield now
            last = now or last
            if last is None or last.status not in ENDED:
                sleep(EVERY_SECONDS)

    def _row(self, key: str) -> dict[str, Any]:
        answer = self._table.get_item(Key={"job_id": key}, ConsistentRead=True)
        row: dict[str, Any] = answer.get("Item", {})
        return row


def cancel(job_id: str, function: str, session: Any = None) -> Cancellation:  # noqa: ANN401
    """Ask a stack's cancel function to stop a job."""
    client = (session or boto3).client("lambda")
    answer = client.invoke(FunctionName=function, Payload=json.dumps({"job_id": job_id}))
    return Cancellation.model_validate_json(answer["Payload"].read())


def describe(status: StatusChange) -> str:
    """Return one line about a job.

    >>> describe(StatusChange(job_id="0" * 32, tenant="t", upload="u", status="processing",
    ...     stage="TrainAdapter", percent=40, step=4, total_steps=10, eta_seconds=75,
    ...     updated_at="now"))
    'processing  TrainAdapter   40 %  step 4 of 10, about 75 s to the last one'
    """
    words = f"{status.status:<10}  {status.stage:<13} {status.percent:3} %  {details(status)}"
    return words.rstrip()


def details(status: StatusChange) -> str:
    """Return what there is to say beyond the stage."""
    if status.code is not None:
        return status.code
    if status.queue_place is not None:
        reason = {"slot": "a training job to end", "capacity": "SageMaker to have an instance"}
        waits = reason[status.waiting_for or "slot"]
        return f"place {status.queue_place} in the queue, waits for {waits}"
    if status.eta_seconds is not None:
        left = f"about {status.eta_seconds} s to the last one"
        return f"step {status.step} of {status.total_steps}, {left}"
    return ""


def show(table: str, job: str, *, watch: bool) -> int:
    """Print how a job stands, once or at each change; 0: it has succeeded or goes on."""
    jobs = Jobs(table)
    found = None
    for found in jobs.changes(job) if watch else [jobs.find(job)]:
        if found is None:
            sys.stderr.write("likeness: there is no such job\n")
            return 2
        sys.stdout.write(describe(found) + "\n")
        sys.stdout.flush()
    return int(found is not None and found.status in {"failed", "canceled"})


def stop(table: str, job: str, function: str) -> int:
    """Cancel a job, and say what became of it."""
    found = Jobs(table).find(job)
    if found is None:
        sys.stderr.write("likeness: there is no such job\n")
        return 2
    said = cancel(found.job_id, function)
    sys.stdout.write(f"{said.outcome} (it was {said.status})\n")
    return int(said.outcome != "canceling")
