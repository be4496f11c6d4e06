"""A returning user's models, and callers shared out between two versions."""

import io
import json
from collections import Counter
from typing import Any

import pytest

from contracts.documents.hosting import ModelQuestion
from domain.serving.endpoint import answer
from likeness_client.__main__ import main
from likeness_client.functions import FunctionFailedError
from likeness_client.models import ask, choose
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.unit.domain.test_endpoint import tenant_models
from tests.unit.training_kit import NOON

OLD, NEW = "a.tar.gz", "b.tar.gz"


class Functions:
    """boto3 as far as ``ask`` uses it, with model_status behind it."""

    def __init__(self, error: str | None = None, other: bytes | None = None) -> None:
        self.error = error
        self.other = other

    def client(self, _service: str, **_more: Any) -> "Functions":
        return self

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's
        assert FunctionName == "stack-model-status"
        if self.error:
            body = json.dumps({"errorType": self.error, "errorMessage": "x"}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(body)}
        if self.other is not None:
            return {"Payload": io.BytesIO(self.other)}
        question = ModelQuestion.model_validate_json(Payload)
        printed = (
            answer(question, MemoryEndpointLifecycle(), tenant_models(), NOON)
            .model_dump_json()
            .encode()
        )
        return {"Payload": io.BytesIO(printed)}


def test_the_function_is_asked_and_believed() -> None:
    found = ask("stack-model-status", ModelQuestion(tenant="acme", wake=True), Functions())
    assert (found.endpoint, len(found.models)) == ("starting", 2)


def test_a_function_that_fails_says_so() -> None:
    with pytest.raises(FunctionFailedError, match="StageInputError"):
        ask("stack-model-status", ModelQuestion(tenant="acme"), Functions("StageInputError"))


@pytest.mark.parametrize("functions", [Functions("StageInputError"), Functions(other=b"null")])
def test_the_command_says_that_a_function_failed(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("likeness_client.functions.boto3", functions)
    assert main(["models", "acme", "--function", "stack-model-status"]) == 1
    assert capsys.readouterr().err.startswith("likeness: stack-model-status ")


def test_callers_are_shared_out_by_weight_and_stay_where_they_are() -> None:
    callers = [f"user-{number}" for number in range(4000)]
    first = {caller: choose({OLD: 9, NEW: 1}, caller) for caller in callers}
    assert 0.08 < Counter(first.values())[NEW] / len(callers) < 0.12
    more = {caller: choose({OLD: 8, NEW: 2}, caller) for caller in callers}
    moved = [caller for caller in callers if first[caller] != more[caller]]
    assert all(more[caller] == NEW for caller in moved)
    assert 0.08 < len(moved) / len(callers) < 0.12


@pytest.mark.parametrize("weights", [{}, {OLD: 0}, {OLD: -1, NEW: 3}])
def test_weights_that_choose_nobody_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        choose(weights, "user")
