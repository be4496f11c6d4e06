"""Erasures are started once, redriven when they have failed, and started anew after 14 days."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.erasure.executions import StepFunctionsExecutions
from contracts.documents.erasure import ErasureInput, ErasureSubject

MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:likeness-erase-subject"
SUBJECT = ErasureSubject(tenant="acme")
FIRST = SUBJECT.erasure_id


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "StepFunctions")


class MemoryStates:
    """Executions by name; those in ``old`` cannot be redriven any more."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.inputs: list[str] = []
        self.old: set[str] = set()

    def start_execution(self, **given: str) -> dict[str, Any]:
        if given["name"] in self.statuses:
            raise refused("ExecutionAlreadyExists")
        self.statuses[given["name"]] = "RUNNING"
        self.inputs.append(given["input"])
        return {}

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"status": self.statuses[executionArn.rpartition(":")[2]]}

    def redrive_execution(self, executionArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        name = executionArn.rpartition(":")[2]
        if name in self.old:
            raise refused("ExecutionNotRedrivable")
        self.statuses[name] = "RUNNING"
        return {}


@pytest.fixture
def states() -> MemoryStates:
    return MemoryStates()


def start(states: MemoryStates) -> None:
    StepFunctionsExecutions(MACHINE, states).start_erasure(SUBJECT)


def test_an_erasure_that_runs_or_has_succeeded_is_not_started_again(states: MemoryStates) -> None:
    for status in ("RUNNING", "SUCCEEDED"):
        start(states)
        states.statuses[FIRST] = status
        start(states)
        assert states.statuses == {FIRST: status}
    assert ErasureInput.model_validate_json(states.inputs[0]).subject == SUBJECT


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_an_erasure_that_has_failed_is_redriven(states: MemoryStates, status: str) -> None:
    states.statuses[FIRST] = status
    start(states)
    assert states.statuses == {FIRST: "RUNNING"}


def test_an_erasure_that_cannot_be_redriven_any_more_is_started_anew(states: MemoryStates) -> None:
    states.statuses[FIRST] = "FAILED"
    states.old.add(FIRST)
    start(states)
    start(states)
    assert states.statuses == {FIRST: "FAILED", f"{FIRST}-2": "RUNNING"}
    states.statuses[f"{FIRST}-2"] = "TIMED_OUT"
    states.old.add(f"{FIRST}-2")
    start(states)
    assert states.statuses[f"{FIRST}-3"] == "RUNNING"
