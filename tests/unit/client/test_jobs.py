"""`likeness status` and `likeness cancel`, against a table and a function in memory."""

import io
import json
from typing import Any

import pytest

from contracts.documents.status import StatusChange
from contracts.shared.layout.rows import upload_row
from likeness_client.__main__ import main
from likeness_client.jobs import Jobs, RefusedUpload, UnknownJobError, cancel, describe

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
    """boto3's session with one table; each look at the job may find another row."""

    def __init__(self, *rows: dict[str, Any], upload: dict[str, Any] | None = None) -> None:
        self.rows = list(rows)
        self.upload = {"points_to": JOB} if upload is None else upload
        self.asked: list[dict[str, Any]] = []

    def resource(self, name: str, **_more: Any) -> "MemorySession":
        assert name == "dynamodb"
        return self

    client = resource

    def Table(self, name: str) -> "MemorySession":  # noqa: N802 - boto3's name
        assert name == "jobs"
        return self

    def get_item(self, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        self.asked.append(Key)
        if Key["job_id"] == upload_row("acme/u1") and self.upload:
            return {"Item": {"job_id": Key["job_id"], **self.upload}}
        if Key["job_id"] != JOB:
            return {}
        return {"Item": self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]}


class MemoryLambda(MemorySession):
    def resource(self, name: str, **_more: Any) -> "MemorySession":
        assert name == "lambda"
        return self

    client = resource

    def invoke(self, **call: Any) -> dict[str, Any]:
        self.asked.append(call)
        answer = {"job_id": JOB, "outcome": "canceling", "status": "processing"}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.mark.parametrize("name", [JOB, "acme/u1"])
def test_a_job_goes_by_its_id_or_by_its_upload(name: str) -> None:
    found = Jobs("jobs", MemorySession(ROW)).get(name)
    assert isinstance(found, StatusChange)
    assert found.job_id == JOB
    assert "secret" not in found.model_dump_json()


def test_an_upload_that_nobody_knows_may_still_be_accepted() -> None:
    jobs = Jobs("jobs", MemorySession(ROW))
    assert jobs.find("acme/other") is None
    with pytest.raises(UnknownJobError, match="tenants/acme/uploads/other/"):
        jobs.get("acme/other")


@pytest.mark.parametrize("name", ["f" * 32, "acme", "acme/", "a/b/c", JOB[:-1], JOB + "0"])
def test_a_name_that_can_never_be_a_job_s_is_told_at_once(name: str) -> None:
    pauses: list[float] = []
    with pytest.raises(UnknownJobError):
        list(Jobs("jobs", MemorySession(ROW)).changes(name, pauses.append))
    assert not pauses


def test_watching_waits_for_an_upload_to_be_accepted() -> None:
    session = MemorySession(ROW | {"status": "succeeded", "percent": 100}, upload={})
    pauses: list[float] = []

    def accept_at_the_third_look(seconds: float) -> None:
        pauses.append(seconds)
        session.upload = {"points_to": JOB} if len(pauses) == 2 else {}

    (last,) = Jobs("jobs", session).changes("acme/u1", accept_at_the_third_look)
    assert describe(last).startswith("succeeded")
    assert len(pauses) == 2


def test_watching_what_never_comes_ends() -> None:
    pauses: list[float] = []
    with pytest.raises(UnknownJobError, match="no job of the name acme/typo"):
        list(Jobs("jobs", MemorySession(ROW)).changes("acme/typo", pauses.append, 60))
    assert sum(pauses) == 60


def test_a_refused_upload_is_found_and_watching_it_ends() -> None:
    refused = {"refused_code": "invalid_request", "refused_at": "2026-11-21T12:00:00+00:00"}
    pauses: list[float] = []
    found = list(Jobs("jobs", MemorySession(ROW, upload=refused)).changes("acme/u1", pauses.append))
    assert found == [RefusedUpload("acme/u1", "invalid_request")]
    assert not pauses


def test_a_refusal_is_newer_than_the_job_that_the_upload_began_before() -> None:
    row = {"points_to": JOB, "refused_code": "too_many_photos"}
    assert isinstance(Jobs("jobs", MemorySession(ROW, upload=row)).get("acme/u1"), RefusedUpload)


ENDS = {
    "refused": (MemorySession(ROW, upload={"refused_code": "invalid_request"}), 1, "check FOLDER"),
    "failed": (MemorySession(ROW | {"status": "failed", "code": "gate_no_effect"}), 1, "_effect"),
    "canceled": (MemorySession(ROW | {"status": "canceled", "code": "canceled"}), 1, "canceled"),
    "a newer stack's code": (MemorySession(ROW | {"status": "failed", "code": "new"}), 1, "new"),
    "succeeded": (MemorySession(ROW | {"status": "succeeded", "percent": 100}), 0, "100 %"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("watch", [(), ("--watch",)])
def test_the_command_prints_the_verdict_and_ends(
    end: str,
    watch: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session, status, words = ENDS[end]
    monkeypatch.setattr("likeness_client.jobs.boto3", session)
    assert main(["status", "acme/u1", "--table", "jobs", *watch]) == status
    assert words in capsys.readouterr().out


def test_the_command_s_watch_of_a_typo_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("likeness_client.jobs.boto3", MemorySession(ROW))
    words = ["status", "acme/typo", "--table", "jobs", "--watch", "--patience", "0"]
    assert main(words) == 2
    assert "there is no job of the name acme/typo" in capsys.readouterr().err


def test_a_refused_upload_cannot_be_canceled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = MemorySession(ROW, upload={"refused_code": "invalid_request"})
    monkeypatch.setattr("likeness_client.jobs.boto3", session)
    assert main(["cancel", "acme/u1", "--table", "jobs"]) == 1
    assert capsys.readouterr().out == "too_late (the request was refused: invalid_request)\n"


def test_watching_tells_each_change_once_until_the_end() -> None:
    step = {"percent": 40, "step": 4, "total_steps": 10, "eta_seconds": 75}
    queued = {"queue_place": 2, "waiting_for": "capacity", "refusal": "None left."}
    rows = [ROW | queued, ROW | queued, ROW | step, ROW | {"status": "succeeded", "percent": 100}]
    pauses: list[float] = []
    changes = list(Jobs("jobs", MemorySession(*rows)).changes(JOB, pauses.append))
    assert [describe(one).partition(" %")[2].strip() for one in changes] == [
        'place 2 in the queue, waits for SageMaker to have an instance; AWS answers: "None left."',
        "step 4 of 10, about 75 s to the last one",
        "",
    ]
    assert len(pauses) == 3


def test_cancel_asks_the_function() -> None:
    session = MemoryLambda()
    assert cancel(JOB, "likeness-cancel-job", session).outcome == "canceling"
    (call,) = session.asked
    assert call["FunctionName"] == "likeness-cancel-job"
    assert json.loads(call["Payload"]) == {"job_id": JOB, "tenant": None}
