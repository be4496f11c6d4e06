"""Executions of erase_subject: started once, continued after a failure."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.erasure.executions import StepFunctionsExecutions
from contracts.documents.erasure import ErasureSubject

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:likeness-erase-subject"
SUBJECT = ErasureSubject(tenant="acme", upload="u1")


class MemoryStates:
    """Step Functions with the executions of one machine, by name."""

    def __init__(self, **executions: str) -> None:
        self.executions = executions
        self.redriven: list[str] = []

    def start_execution(self, **given: Any) -> None:
        if given["name"] in self.executions:
            error = {"Error": {"Code": "ExecutionAlreadyExists", "Message": ""}}
            raise ClientError(error, "StartExecution")
        self.executions[given["name"]] = "RUNNING"

    def describe_execution(self, **given: Any) -> dict[str, str]:
        return {"status": self.executions[given["executionArn"].rpartition(":")[2]]}

    def redrive_execution(self, **given: Any) -> None:
        self.redriven.append(given["executionArn"])


def test_an_erasure_is_started_under_its_own_id() -> None:
    states = MemoryStates()
    StepFunctionsExecutions(MACHINE, states).start_erasure(SUBJECT)
    assert states.executions == {SUBJECT.erasure_id: "RUNNING"}


@pytest.mark.parametrize(
    ("status", "continued"),
    [("FAILED", True), ("TIMED_OUT", True), ("ABORTED", True), ("RUNNING", False)],
)
def test_the_same_request_continues_an_erasure_that_has_failed(
    status: str, continued: bool
) -> None:
    states = MemoryStates(**{SUBJECT.erasure_id: status})
    StepFunctionsExecutions(MACHINE, states).start_erasure(SUBJECT)
    arn = f"{MACHINE.replace('stateMachine', 'execution')}:{SUBJECT.erasure_id}"
    assert states.redriven == ([arn] if continued else [])


@pytest.mark.parametrize(("again", "started"), [(False, []), (True, ["-2"])])
def test_what_came_after_an_erasure_gets_an_execution_of_its_own(
    again: bool, started: list[str]
) -> None:
    first = SUBJECT.erasure_id
    states = MemoryStates(**{first: "SUCCEEDED"})
    for _ in range(2):
        StepFunctionsExecutions(MACHINE, states).start_erasure(SUBJECT, again=again)
    assert [name.removeprefix(first) for name in states.executions] == ["", *started]
    assert states.redriven == []
