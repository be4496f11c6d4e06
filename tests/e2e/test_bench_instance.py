"""`likeness bench instance` measures the deployed stack's trainings; estimates use the speeds."""

import json
from pathlib import Path

import pytest

from contracts.documents.speeds import MeasuredSpeeds
from contracts.shared import layout
from local.demo.upload import BASES_BUCKET
from tests.e2e.stack import BASE_ID, SMALL, Stack, photos

KIND = "ml.g5.2xlarge"


@pytest.mark.thorough
def test_a_measured_speed_is_kept_and_later_estimates_use_it(stack: Stack, tmp_path: Path) -> None:
    for name, body in photos(30).items():
        (tmp_path / name).write_bytes(body)
    (tmp_path / "request.json").write_text(json.dumps(SMALL | {"sweep": {"rank": [4, 8]}}))
    printed = stack.likeness(
        "bench", "instance", KIND, "--photos", str(tmp_path), "--steps", "2", "--save", "--yes"
    )  # fmt: skip
    assert "images/s" in printed
    assert f"s3://{BASES_BUCKET}/{layout.bases.speeds_key(BASE_ID)}" in printed
    s3 = stack.cloud.client("s3")
    kept = s3.get_object(Bucket=BASES_BUCKET, Key=layout.bases.speeds_key(BASE_ID))["Body"].read()
    (speed,) = MeasuredSpeeds.model_validate_json(kept).speeds
    assert speed.instance_type == KIND
    assert speed.images_per_second > 0
    (notice,) = stack.unheard()
    assert notice["code"] == "ready"

    stack.upload("measured", photos(31), SMALL | {"dry_run": True})
    stack.execution("measured")
    estimate = stack.notice("measured")["plan"]["estimate"]
    assert estimate["seconds"] >= speed.other_seconds - 1
    s3.delete_object(Bucket=BASES_BUCKET, Key=layout.bases.speeds_key(BASE_ID))


def test_a_type_that_the_operator_does_not_allow_is_said(stack: Stack, tmp_path: Path) -> None:
    for name, body in photos(32).items():
        (tmp_path / name).write_bytes(body)
    printed = stack.likeness(
        "bench", "instance", "ml.p5.48xlarge", "--photos", str(tmp_path), "--yes"
    )  # fmt: skip
    assert "ml.p5.48xlarge was not measured" in printed
    (notice,) = stack.unheard()
    assert notice["status"] == "failed"
