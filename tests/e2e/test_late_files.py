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


@pytest.fixture
def short_wait(stack: Stack) -> Iterator[None]:
    """Let the S3 door wait for seconds, not for minutes."""
    settings = stack.settings("accept-request")
    stack.configure("accept-request", settings | {"UPLOAD_WAIT_SECONDS": f"{WAIT_SECONDS}"})
    yield
    stack.configure("accept-request", settings)


@pytest.mark.usefixtures("quick_training", "short_wait")
def test_each_upload_starts_once_or_is_told_why_not(stack: Stack) -> None:
    people = [photos(seed, 5) for seed in range(60, 67)]
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
    time.sleep(3)  # the executions have looked once
    stack.put("late-toml", toml)
    stack.put("late-two", both)
    stack.put("late-case", people[5])
    stack.put("late-pair", {"request.json": small()})
    started = ("late-toml", "late-case", "late-two", "late-zip", "late-pair")
    refused = {"late-never": "too_few_photos", "late-tar": "invalid_request"}
    codes = {upload: code_of(stack, upload) for upload in (*started, *refused)}
    assert codes == {**dict.fromkeys(started, "ready"), **refused}

    stack.put("late-never", people[6])  # too late: the settings start it when they come again
    stack.put("late-never", {"request.json": small(seed=2)})
    assert code_of(stack, "late-never") == "ready"
    assert len(stack.executions("late-never")) == 2
