"""Uploads whose files come in another order than the documented one, on the deployed stack."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.stack import WORKFLOW_SECONDS, Stack, photos
from tests.e2e.test_intake import CONSENT, TOML, small, tarred, zipped

WAIT_SECONDS = 12


def code_of(stack: Stack, upload: str) -> str:
    """Wait for an upload's notice; all uploads of this file are trained at once."""
    return str(stack.subscriber.receive(WORKFLOW_SECONDS, upload)["code"])


def at_root(stack: Stack, folder: str, files: dict[str, bytes]) -> None:
    """Put files into a folder at the bucket's root, as tools do that know no tenants."""
    s3, bucket = stack.cloud.client("s3"), stack.outputs["UploadsBucketName"]
    for name, body in files.items():
        s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=body)


@pytest.fixture
def short_wait(stack: Stack) -> Iterator[None]:
    """Let the S3 door wait for seconds, not for minutes."""
    settings = stack.settings("accept-request")
    stack.configure("accept-request", settings | {"UPLOAD_WAIT_SECONDS": f"{WAIT_SECONDS}"})
    yield
    stack.configure("accept-request", settings)


@pytest.mark.usefixtures("quick_training", "short_wait")
def test_each_upload_starts_once_or_is_told_why_not(stack: Stack) -> None:
    *people, rooted = [photos(seed, 5) for seed in range(60, 68)]
    toml = {f"2_zwx person/{name}": body for name, body in people[0].items()}
    both = {f"2_zwx person/{name}": body for name, body in people[1].items()}
    zip_of = {f"2_zwx person/{name}": body for name, body in people[2].items()}
    stack.put("late-toml", {**CONSENT, "kohya.toml": TOML})
    stack.put("late-case", {"Request.json": small()})
    stack.put("late-two", {**CONSENT, "kohya.toml": TOML, "request.json": b"{}"})
    stack.put("late-never", {"request.json": small()})
    stack.put("late-zip", {"Photos of Jo.ZIP": zipped({**CONSENT, **zip_of})})
    stack.put("late-tar", {"photos.tar.gz": tarred(people[3])})
    stack.put("late-pair", {"photos.zip": zipped(people[4])})
    at_root(stack, "late-dataset", {**CONSENT, "kohya.toml": TOML})
    time.sleep(3)  # the executions have looked once
    at_root(stack, "late-dataset", {f"2_zwx person/{name}": body for name, body in rooted.items()})
    stack.put("late-toml", toml)
    stack.put("late-two", both)
    stack.put("late-case", people[5])
    stack.put("late-pair", {"request.json": small()})
    started = ("late-toml", "late-case", "late-two", "late-zip", "late-pair", "late-dataset")
    refused = {"late-never": "too_few_photos", "late-tar": "invalid_request"}
    codes = {upload: code_of(stack, upload) for upload in (*started, *refused)}
    assert codes == {**dict.fromkeys(started, "ready"), **refused}

    bucket = stack.outputs["UploadsBucketName"]
    left = stack.cloud.client("s3").list_object_versions(Bucket=bucket, Prefix="late-dataset/")
    assert not left.get("Versions"), "all of it is among the tenant's uploads"

    stack.put("late-never", people[6])  # too late: the settings start it when they come again
    stack.put("late-never", {"request.json": small(seed=2)})
    assert code_of(stack, "late-never") == "ready"
    assert len(stack.executions("late-never")) == 2
