"""`likeness status` and `likeness cancel`, against a table and a function in memory."""

import io
import json
from typing import Any

import pytest

from contracts.shared.layout import upload_row
from likeness_client.jobs import Jobs, cancel, describe

JOB = "0" * 31 + "1"
ROW = {
    "job_id": JOB,
    "tenant": "acme",
    "upload": "u1",
    "status": "processing",
    "stage": "TrainAdapter",
    "percent": 5,
    "updated_at": "2026-11-21T12:00:00+00:00",
    "task_token": "a secret of the workflow",
}


class MemorySession:
    """boto3's session with one table; each look may find another row."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.asked: list[dict[str, Any]] = []

    def resource(self, name: str) -> "MemorySession":
        assert name == "dynamodb"
        return self

    client = resource

    def Table(self, name: str) -> "MemorySession":  # noqa: N802 - boto3's name
        assert name == "jobs"
        return self

    def get_item(self, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        if Key["job_id"] == upload_row("acme/u1"):
            return {"Item": {"points_to": JOB}}
        if Key["job_id"] != JOB:
            return {}
        return {"Item": self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]}


class MemoryLambda(MemorySession):
    def resource(self, name: str) -> "MemorySession":
        assert name == "lambda"
        return self

    client = resource

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.asked.append(call)
        answer = {"job_id": JOB, "outcome": "canceling", "status": "processing"}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.mark.parametrize("name", [JOB, "acme/u1"])
def test_a_job_goes_by_its_id_or_by_its_upload(name: str) -> None:
    found = Jobs("jobs", MemorySession(ROW)).find(name)
    assert found is not None
    assert found.job_id == JOB
    assert "secret" not in found.model_dump_json()


def test_a_job_that_nobody_knows_is_none() -> None:
    assert Jobs("jobs", MemorySession(ROW)).find("acme/other") is None
    assert Jobs("jobs", MemorySession(ROW)).find("f" * 32) is None


def test_watching_tells_each_change_once_until_the_end() -> None:
    step = {"percent": 40, "step": 4, "total_steps": 10, "eta_seconds": 75}
    queued = {"queue_place": 2, "waiting_for": "capacity"}
    rows = [ROW | queued, ROW | queued, ROW | step, ROW | {"status": "succeeded", "percent": 100}]
    pauses: list[float] = []
    told = list(Jobs("jobs", MemorySession(*rows)).changes(JOB, pauses.append))
    assert [describe(one).partition(" %")[2].strip() for one in told] == [
        "place 2 in the queue, waits for SageMaker to have an instance",
        "step 4 of 10, about 75 s to the last one",
        "",
    ]
    assert len(pauses) == 3


def test_cancel_asks_the_function() -> None:
    session = MemoryLambda()
    assert cancel(JOB, "likeness-cancel-job", session).outcome == "canceling"
    (call,) = session.asked
    assert call["FunctionName"] == "likeness-cancel-job"
    assert json.loads(call["Payload"]) == {"job_id": JOB}
