"""Intake's and the notices' handlers as Lambda calls them: events in, JSON out, over real clients.

The clients lead to a server that answers nothing, so only what happens before the first call is
seen here; tests/integration and tests/e2e see the rest.
"""

import importlib
import json

import pytest

from contracts.errors import StageInputError
from domain.failures.causes import RaisedAgainError
from tests.contract.files import ROOT
from tests.fakes.context import context

MINE = ("accept_request", "inspect_photos", "notify_owner", "notify_failure", "notify_outcome")


@pytest.mark.parametrize("stage", [*MINE, "fail_job"])
def test_a_bad_event_fails_under_its_own_name(stage: str) -> None:
    handler = importlib.import_module(f"{stage}.app").lambda_handler
    with pytest.raises(StageInputError):
        handler({"nonsense": 1}, context())


def test_a_refusal_without_a_reason_decides_nothing() -> None:
    event = json.loads((ROOT / "events/decide_takedown/refuse.json").read_text())
    del event["why"]
    handler = importlib.import_module("decide_takedown.app").lambda_handler
    with pytest.raises(StageInputError):
        handler(event, context())


def test_fail_job_needs_no_service_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_TABLE", "jobs")
    event = json.loads((ROOT / "events/fail_job/first_time.json").read_text())
    handler = importlib.import_module("fail_job.app").lambda_handler
    with pytest.raises(RaisedAgainError) as caught:
        handler(event, context())
    assert type(caught.value).__name__ == "TooFewPhotosError"
