"""The laptop's Step Functions API: executions start once, stop, and can be redriven."""

from __future__ import annotations

import json
import threading
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud import PATIENCE_SECONDS, eventually
from tests.contract.step_functions_kit import StatesKit, jsonata, one

DONE = {"Type": "Succeed"}
WAIT = {"Type": "Wait", "Seconds": 30, "End": True}


def start(states: StatesKit, machine: str, **fields: Any) -> str:
    arn: str = states.states.start_execution(stateMachineArn=machine, **fields)["executionArn"]
    return arn


def test_the_same_name_with_the_same_input_is_the_same_execution(states: StatesKit) -> None:
    machine = states.machine(one(WAIT))
    first = start(states, machine, name="same", input='{"a":1}')
    assert start(states, machine, name="same", input='{"a":1}') == first
    taken = states.states.exceptions.ExecutionAlreadyExists
    with pytest.raises(taken):
        start(states, machine, name="same", input='{"a":2}')
    states.states.stop_execution(executionArn=first)
    with pytest.raises(taken):
        start(states, machine, name="same", input='{"a":1}')


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"name": "x" * 81}, "InvalidName"),
        ({"name": "bad:name"}, "InvalidName"),
        ({"input": "no json"}, "InvalidExecutionInput"),
        ({"input": json.dumps("a" * 300_000)}, "ValidationException"),
    ],
)
def test_names_and_inputs_that_aws_refuses(
    states: StatesKit, fields: dict[str, str], code: str
) -> None:
    machine = states.machine(one(DONE))
    with pytest.raises(ClientError) as refused:
        start(states, machine, **fields)
    assert refused.value.response["Error"]["Code"] == code


def test_a_stopped_execution_stops(states: StatesKit) -> None:
    arn = states.start(one(WAIT))
    states.states.stop_execution(executionArn=arn, error="Stop", cause="me")
    ended = states.outcome(arn)
    assert (ended.status, ended.error, ended.cause) == ("ABORTED", "Stop", "me")
    assert ended.kinds[-1] == "ExecutionAborted"


def test_a_redrive_enters_the_failed_state_with_its_own_input(states: StatesKit) -> None:
    key = uuid.uuid4().hex
    before = {"Type": "Pass", "Result": {"made": "before"}, "Next": "B"}
    flaky = states.task("flaky", payload={"key": key, "failures": 1, "input.$": "$"})
    arn = states.start(one(before, B=flaky))
    assert states.outcome(arn).error == "FlakyError"
    assert facts(states, arn) == (0, "REDRIVABLE")
    states.states.redrive_execution(executionArn=arn)
    ended = states.outcome(arn)
    assert ended.status == "SUCCEEDED"
    assert facts(states, arn) == (1, "NOT_REDRIVABLE")
    entered = [
        e["stateEnteredEventDetails"] for e in ended.events if "stateEnteredEventDetails" in e
    ]
    assert [each["name"] for each in entered] == ["A", "B", "B"]
    assert entered[1]["input"] == entered[2]["input"] == '{"made":"before"}'
    assert "ExecutionRedriven" in ended.kinds


def facts(states: StatesKit, arn: str) -> tuple[int, str]:
    found = states.states.describe_execution(executionArn=arn)
    return found["redriveCount"], found["redriveStatus"]


def test_a_redrive_of_a_fail_state_only_fails_again(states: StatesKit) -> None:
    arn = states.start(one({"Type": "Pass", "Next": "B"}, B={"Type": "Fail", "Error": "E"}))
    states.outcome(arn)
    states.states.redrive_execution(executionArn=arn)
    ended = states.outcome(arn)
    assert (ended.status, ended.error) == ("FAILED", "E")
    assert ended.kinds.count("FailStateEntered") == 2


def test_a_redrive_resets_retries_and_counts_in_the_context(states: StatesKit) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    payload = {"op": "echo", "n": "{% $states.context.Execution.RedriveCount %}"}
    call = {"FunctionName": states.function, "Payload": payload}
    count = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": call}
    broken = {**count, "Arguments": {"FunctionName": states.function, "Payload": {"op": "fail"}}}
    gate = {"Condition": "{% $states.context.Execution.RedriveCount = 0 %}", "Next": "Broken"}
    machine = {
        "StartAt": "Count",
        "States": {
            "Count": {**count, "Next": "Gate"},
            "Gate": {"Type": "Choice", "Choices": [gate], "Default": "End"},
            "Broken": {**broken, "Retry": retry, "Next": "End"},
            "End": DONE,
        },
    }
    arn = states.start(jsonata(machine))
    first = states.outcome(arn).kinds.count("TaskFailed")
    states.states.redrive_execution(executionArn=arn)
    assert (first, states.outcome(arn).kinds.count("TaskFailed")) == (2, 4)


def test_a_redrive_uses_the_definition_that_the_execution_began_with(states: StatesKit) -> None:
    machine = states.machine(one({"Type": "Fail", "Error": "First"}))
    arn = start(states, machine)
    states.outcome(arn)
    states.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(one(DONE)))
    states.states.redrive_execution(executionArn=arn)
    assert states.outcome(arn).error == "First"


def test_what_succeeded_or_runs_cannot_be_redriven(states: StatesKit) -> None:
    running, done = states.start(one(WAIT)), states.run(one(DONE)).arn
    for arn in (running, done):
        with pytest.raises(states.states.exceptions.ExecutionNotRedrivable):
            states.states.redrive_execution(executionArn=arn)
    states.states.stop_execution(executionArn=running)


def test_an_aborted_task_with_a_token_is_redriven_with_a_new_token(states: StatesKit) -> None:
    arn = states.start(one(states.callback("succeed", TimeoutSeconds=9)))
    states.outcome(arn)
    waiting = states.start(one(states.callback("never", TimeoutSeconds=9)))
    states.states.stop_execution(executionArn=waiting)
    assert states.outcome(waiting).status == "ABORTED"
    states.states.redrive_execution(executionArn=waiting)
    states.states.stop_execution(executionArn=waiting)
    assert states.outcome(waiting).kinds.count("TaskStateEntered") >= 1


def parallel(**fields: Any) -> dict[str, Any]:
    return one({"Type": "Parallel", "Branches": [one(DONE)], "End": True, **fields})


def retried(**fields: Any) -> dict[str, Any]:
    return parallel(Retry=[{"ErrorEquals": ["X"], **fields}])


CLOCKS = {"HeartbeatSeconds": 5, "TimeoutSeconds": 5}
INVOKE = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
BAD: dict[str, dict[str, Any]] = {
    "Missing 'Next' target: NOPE": one({"Type": "Pass", "Next": "NOPE"}),
    "StartAt is required": {"States": {"A": DONE}},
    "Type Zap": one({"Type": "Zap", "End": True}),
    "Exactly one of Next and End": one({"Type": "Pass"}),
    "Resource is required": one({"Type": "Task", "End": True}),
    "not a Reference Path": one({"Type": "Pass", "InputPath": "$[", "End": True}),
    "Field 'Bogus'": one({"Type": "Pass", "Bogus": 1, "End": True}),
    "Field 'Surprise'": {"Surprise": 1, **one(DONE)},
    "is not reachable": one(DONE, Z=DONE),
    "MaxAttempts must be": retried(MaxAttempts=-1),
    "States.ALL must appear alone": retried(ErrorEquals=["States.ALL", "X"]),
    "JitterStrategy is FULL or NONE": retried(JitterStrategy="SOME"),
    "function Nope": one({"Type": "Pass", "Parameters": {"a.$": "States.Nope(1)"}, "End": True}),
    "when QueryLanguage is JSONata": jsonata(one({"Type": "Pass", "InputPath": "$", "End": True})),
    "when QueryLanguage is JSONPath": one({"Type": "Pass", "Output": 1, "End": True}),
    "not a valid resource ARN": one({"Type": "Task", "Resource": "not-an-arn", "End": True}),
    "smaller than TimeoutSeconds": one({**INVOKE, **CLOCKS}),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_definition_is_refused_when_it_is_made(states: StatesKit, reason: str) -> None:
    assert reason in states.refusal(BAD[reason])


def test_what_is_no_json_and_a_broken_expression_are_refused(states: StatesKit) -> None:
    assert "INVALID_JSON_DESCRIPTION" in states.refusal("{nope")
    broken = jsonata(one({"Type": "Pass", "Output": "{% ( %}", "End": True}))
    assert states.refusal(broken)


def test_update_and_validate_refuse_what_create_refuses(states: StatesKit) -> None:
    machine, bad = states.machine(one(DONE)), json.dumps(one({"Type": "Pass"}))
    with pytest.raises(states.states.exceptions.InvalidDefinition):
        states.states.update_state_machine(stateMachineArn=machine, definition=bad)
    found = states.states.validate_state_machine_definition(definition=bad)
    assert found["result"] == "FAIL"
    assert found["diagnostics"][0]["code"] == "SCHEMA_VALIDATION_FAILED"


def mapped(**fields: Any) -> dict[str, Any]:
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, **one(DONE)}
    return {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}


def call(resource: str) -> dict[str, Any]:
    return one({"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True})


@pytest.mark.parametrize(
    "definition",
    [
        one(mapped(ItemBatcher={"MaxItemsPerBatch": 3})),
        one(mapped(ResultWriter={"Resource": "arn:aws:states:::s3:putObject"})),
        jsonata(one(mapped())),
        call("aws-sdk:lambda:invoke"),
        call("http:invoke"),
        call("aws-sdk:sagemakerruntime:invokeEndpoint"),
        call("glue:startJobRun.sync"),
    ],
)
def test_what_nothing_here_can_run_is_refused_and_never_ignored(
    states: StatesKit, definition: dict[str, Any]
) -> None:
    assert "NOT_IN_THE_EMBEDDED_AWS" in states.refusal(definition)


def test_a_redrive_repeats_only_the_items_of_a_map_that_had_failed(states: StatesKit) -> None:
    key = uuid.uuid4().hex
    flaky = states.task("flaky", payload={"key.$": "$.key", "failures.$": "$.failures"}, Next="Y")
    processor = {"StartAt": "W", "States": {
        "W": {"Type": "Pass", "Next": "X"}, "X": flaky, "Y": {"Type": "Pass", "End": True},
    }}  # fmt: skip
    mapped = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "End": True}
    items = [{"key": f"{key}{n}", "failures": int(n == 1)} for n in range(3)]
    arn = states.start(one({**mapped, "ItemProcessor": processor}), {"items": items})
    assert states.outcome(arn).error == "FlakyError"
    states.states.redrive_execution(executionArn=arn)
    ended = states.outcome(arn)
    assert ended.status == "SUCCEEDED"
    assert [len(each["Payload"]) for each in ended.output] == [0, 1, 0]
    assert ended.kinds.count("MapIterationStarted") == 4, "the first item's was not repeated"
    entered = [
        e["stateEnteredEventDetails"]["name"]
        for e in ended.events
        if "stateEnteredEventDetails" in e
    ]
    assert entered.count("W") == 3, "the failed item went on in the state in which it had failed"


def test_a_redrive_repeats_only_the_branch_that_had_failed(states: StatesKit) -> None:
    key = uuid.uuid4().hex
    good = {"StartAt": "Good", "States": {"Good": {"Type": "Pass", "Result": 1, "End": True}}}
    flaky = states.task("flaky", payload={"key": key, "failures": 1})
    late = {"Type": "Wait", "Seconds": 2, "Next": "Bad"}
    bad = {"StartAt": "Late", "States": {"Late": late, "Bad": flaky}}
    arn = states.start(one({"Type": "Parallel", "Branches": [good, bad], "End": True}))
    assert states.outcome(arn).error == "FlakyError"
    states.states.redrive_execution(executionArn=arn)
    ended = states.outcome(arn)
    assert (ended.status, ended.output[0]) == ("SUCCEEDED", 1)
    entered = [
        e["stateEnteredEventDetails"]["name"]
        for e in ended.events
        if "stateEnteredEventDetails" in e
    ]
    assert [entered.count(name) for name in ("Good", "Late", "Bad")] == [1, 1, 2]


def test_a_retry_of_a_map_after_a_redrive_begins_with_every_item(states: StatesKit) -> None:
    key = uuid.uuid4().hex
    flaky = states.task("flaky", payload={"key.$": "$.key", "failures.$": "$.failures"})
    processor = {"StartAt": "X", "States": {"X": flaky}}
    retry = [{"ErrorEquals": ["FlakyError"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    mapped = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "Retry": retry}
    items = [{"key": f"{key}{n}", "failures": 3 * n} for n in range(2)]
    machine = one({**mapped, "ItemProcessor": processor, "End": True})
    arn = states.start(machine, {"items": items})
    assert states.outcome(arn).error == "FlakyError"
    states.states.redrive_execution(executionArn=arn)
    ended = states.outcome(arn)
    assert ended.status == "SUCCEEDED"
    assert ended.kinds.count("MapIterationStarted") == 2 + 2 + 1 + 2


def test_an_execution_that_is_stopped_before_its_first_state_enters_none(
    states: StatesKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local.cloud.states import execution  # noqa: PLC0415 - after the server's start

    stopped, ran = threading.Event(), threading.Event()

    def late(arn: str) -> None:
        stopped.wait(PATIENCE_SECONDS)
        execution.run(arn)
        ran.set()

    monkeypatch.setattr("ministack.services.stepfunctions._run_execution", late)
    arn = states.start(one(DONE))
    states.states.stop_execution(executionArn=arn)
    stopped.set()
    assert ran.wait(PATIENCE_SECONDS)
    ended = states.outcome(arn)
    assert (ended.status, ended.kinds) == ("ABORTED", ["ExecutionStarted", "ExecutionAborted"])


def test_a_redrive_at_the_moment_of_the_end_goes_on_in_the_failed_state(
    states: StatesKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local.cloud.states import execution, status  # noqa: PLC0415 - after the server's start

    seen: list[Any] = []
    publish = status.publish

    def published(record: Any) -> None:
        publish(record)
        if record["status"] == "FAILED" and not record.get("redriveCount"):
            execution.redrive(record)

    def redriven(record: Any) -> None:
        seen.append(record["status"])
        published(record)

    monkeypatch.setattr(status, "publish", redriven)
    flaky = states.task("flaky", payload={"key": uuid.uuid4().hex, "failures": 1})
    arn = states.start(one({"Type": "Pass", "Next": "B"}, B=flaky))
    eventually(lambda: seen[-1:] == ["SUCCEEDED"])
    kinds = states.outcome(arn).kinds
    assert (kinds.count("PassStateEntered"), kinds.count("TaskStateEntered")) == (1, 2)
