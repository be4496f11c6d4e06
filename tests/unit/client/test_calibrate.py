"""``likeness base calibrate``: floors from gate reports."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.base import BaseCard, GateFloors
from contracts.documents.training import GateReport, TrainingResult
from contracts.shared.layout.bases import base_prefix
from contracts.shared.layout.models import result_key
from contracts.shared.layout.rows import upload_row
from likeness_client.__main__ import main
from likeness_client.bases.calibrate import find_gaps, floors_of, measure
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bench import NotMeasuredError, Place
from likeness_client.jobs import Jobs
from tests.unit.training_kit import CARD as BASE
from tests.unit.training_kit import job_id, record

EARLIER = GateFloors(min_effect=0.004, min_prompt_following=0.5)


def report(effect: float, identity: float | None, bare: float | None, drift: float) -> GateReport:
    return GateReport(
        passed=True, effect=effect, identity=identity, identity_base=bare, class_drift=drift
    )


def test_a_floor_is_halfway_between_the_worst_good_and_the_best_bad() -> None:
    reports = [report(0.2, 0.7, 0.1, 0.3), report(0.1, 0.8, 0.3, 0.2)]
    floors = floors_of(find_gaps(reports), EARLIER)
    assert floors == GateFloors(
        min_effect=0.05, min_identity=0.5, max_class_drift=0.65, min_prompt_following=0.5
    )


def test_without_a_judge_likeness_has_no_floor() -> None:
    reports = [report(0.2, None, None, 0.3), report(0.1, 0.8, 0.3, 0.2)]
    assert floors_of(find_gaps(reports), EARLIER).min_identity is None


def test_no_floor_is_written_where_good_and_bad_overlap() -> None:
    reports = [report(0.2, 0.4, 0.1, 0.3), report(0.1, 0.8, 0.45, 0.2)]
    with pytest.raises(BaseRefusedError, match=r"min_identity \(worst good 0.400, best bad 0.450"):
        floors_of(find_gaps(reports), EARLIER)


def test_one_person_is_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["base", "calibrate", "--photos", "."]) == 1
    assert "at least 2 people" in capsys.readouterr().err


class MemoryStack:
    """S3 and the jobs table of a stack; a request is trained as soon as it is put.

    Args:
        reports: what the gate measures, one for each request; None: the training fails.
    """

    def __init__(self, reports: list[GateReport | None]) -> None:
        self.reports = reports
        self.objects: dict[tuple[str, str], bytes] = {
            ("bases", base_prefix(BASE.base_id) + "base.json"): BASE.model_dump_json().encode()
        }
        self.rows: dict[str, dict[str, Any]] = {}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Bucket, Key] = Body
        if Key.endswith("request.json"):
            self.train(Key, len(self.rows))

    def upload_file(self, file: str, bucket: str, key: str) -> None:
        self.objects[bucket, key] = Path(file).read_bytes()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        if (Bucket, Key) not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def train(self, key: str, number: int) -> None:
        _, tenant, _, upload, _ = key.split("/")
        job, report = job_id(number), self.reports.pop(0)
        self.rows[upload_row(f"{tenant}/{upload}")] = {"points_to": job}
        ended: dict[str, Any] = {"status": "succeeded", "percent": 100}
        if report is None:
            ended = {"status": "failed", "code": "gate_not_alike"}
        self.rows[job] = record(number).model_dump(exclude_none=True) | ended | {"queue": None}
        result = TrainingResult(job_id=job, status="succeeded", gate=report)
        self.objects["models", result_key(job, job)] = result.model_dump_json().encode()

    def resource(self, _name: str, **_more: Any) -> "MemoryStack":
        return self

    client = resource

    def Table(self, _name: str) -> "MemoryStack":  # noqa: N802 - boto3's name
        return self

    def get_item(self, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:  # noqa: N803
        assert ConsistentRead
        row = self.rows.get(Key["job_id"])
        return {} if row is None else {"Item": {"job_id": Key["job_id"], **row}}


def calibrated(stack: MemoryStack, tmp_path: Path) -> BaseCard:
    """Calibrate with a folder for each report; return the base's card."""
    folders = [tmp_path / str(number) for number in range(len(stack.reports))]
    for folder in folders:
        folder.mkdir()
        (folder / "photo.jpg").write_bytes(b"photo")
        (folder / "request.json").write_text(json.dumps({"trigger_word": folder.name}))
    place = Place("uploads", "models", "bases", BASE.base_id, Jobs("jobs", stack))
    measure(stack, place, folders, lambda _seconds: None)
    card = stack.objects["bases", base_prefix(BASE.base_id) + "base.json"]
    return BaseCard.model_validate_json(card)


def test_each_folder_is_trained_and_the_card_gets_the_floors(tmp_path: Path) -> None:
    stack = MemoryStack([report(0.2, 0.7, 0.1, 0.3), report(0.1, 0.8, 0.3, 0.2)])
    card = calibrated(stack, tmp_path)
    assert card.gate == GateFloors(min_effect=0.05, min_identity=0.5, max_class_drift=0.65)
    assert card.sha256 == BASE.sha256  # floors are no part of the base's hash
    requests = [json.loads(v) for (_, k), v in stack.objects.items() if k.endswith("request.json")]
    assert [request["trigger_word"] for request in requests] == ["0", "1"]
    assert len({request["idempotency_key"] for request in requests}) == 2
    photos = [key for _, key in stack.objects if key.endswith("photo.jpg")]
    assert len(photos) == 2


def test_a_training_that_fails_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    stack = MemoryStack([report(0.2, 0.7, 0.1, 0.3), None])
    with pytest.raises(NotMeasuredError, match="1 was not measured"):
        calibrated(stack, tmp_path)
    card = stack.objects["bases", base_prefix(BASE.base_id) + "base.json"]
    assert BaseCard.model_validate_json(card).gate == BASE.gate
