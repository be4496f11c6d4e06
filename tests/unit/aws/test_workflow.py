"""The workflow is started once for an event, with an input that AcceptRequest reads."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws.workflow import StepFunctionsWorkflow
from contracts.documents.stages import ObjectCreated

STORED = {"key": "tenants/a/uploads/u/", "version-id": "v"}
EVENT = ObjectCreated.model_validate({"detail": {"bucket": {"name": "b"}, "object": STORED}})


class States:
    """Step Functions, as far as one call goes."""

    def __init__(self, error: str | None = None) -> None:
        self.started: list[dict[str, Any]] = []
        self._error = error

    def start_execution(self, **given: Any) -> None:
        if self._error:
            raise ClientError({"Error": {"Code": self._error}}, "StartExecution")
        self.started.append(given)


def test_the_input_is_read_as_it_was_written() -> None:
    states = States()
    StepFunctionsWorkflow("arn:m", states).start("e-1", EVENT)
    (given,) = states.started
    assert (given["stateMachineArn"], given["name"]) == ("arn:m", "e-1")
    assert ObjectCreated.model_validate(json.loads(given["input"])) == EVENT


def test_an_execution_goes_on_with_the_trace_of_the_upload_s_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    states, header = States(), "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=1;Sampled=1"
    for value in (header, ""):  # Lambda without tracing sets no header
        monkeypatch.setenv("_X_AMZN_TRACE_ID", value)
        StepFunctionsWorkflow("arn:m", states).start("e-1", EVENT)
    assert [given.get("traceHeader") for given in states.started] == [header, None]


def test_an_execution_of_this_name_is_enough() -> None:
    StepFunctionsWorkflow("arn:m", States("ExecutionAlreadyExists")).start("e-1", EVENT)


def test_any_other_refusal_is_told_so_that_the_event_is_kept() -> None:
    with pytest.raises(ClientError):
        StepFunctionsWorkflow("arn:m", States("ThrottlingException")).start("e-1", EVENT)
