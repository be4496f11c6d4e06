"""The laptop's Task states call functions, retry, catch and time out as AWS documents."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from local.cloud.lambdas.worker_queue import WORKERS_PER_FUNCTION
from tests.cloud import eventually, role
from tests.contract.step_functions_kit import INVOKE, StatesKit, jsonata, one

if TYPE_CHECKING:
    from local.cloud.server import Cloud

DONE = {"Type": "Succeed"}


def caught(*names: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"ErrorEquals": list(names), "ResultPath": "$.failure", "Next": "B", **fields}]


def test_lambda_invoke_answers_in_the_envelope_of_aws(states: StatesKit) -> None:
    output = states.run(one(states.task("echo"))).output
    assert output["Payload"] == {"op": "echo"}
    assert {"StatusCode", "ExecutedVersion", "SdkHttpMetadata", "SdkResponseMetadata"} <= set(
        output
    )


def test_a_function_named_by_its_arn_gives_its_answer_alone(states: StatesKit) -> None:
    ended = states.run(one({"Type": "Task", "Resource": states.function, "End": True}), {"a": 1})
    assert ended.output == {"a": 1}
    assert {"LambdaFunctionScheduled", "LambdaFunctionSucceeded"} <= set(ended.kinds)


def test_an_exception_arrives_under_its_class_name_with_its_trace(states: StatesKit) -> None:
    ended = states.run(one(states.task("fail")))
    cause = json.loads(ended.cause)
    assert (ended.status, ended.error) == ("FAILED", "CustomError")
    assert set(cause) == {"errorMessage", "errorType", "stackTrace", "requestId"}
    assert cause["errorMessage"] == "boom"
    assert "TaskFailed" in ended.kinds


@pytest.mark.parametrize("name", ["CustomError", "States.TaskFailed", "States.ALL"])
def test_an_exception_is_caught_by_name_or_by_kind(states: StatesKit, name: str) -> None:
    ended = states.run(one(states.task("fail", Catch=caught(name)), B=DONE))
    assert ended.output["failure"]["Error"] == "CustomError"


def test_a_catch_in_jsonata_shapes_its_output(states: StatesKit) -> None:
    call = {"FunctionName": states.function, "Payload": {"op": "fail"}}
    output = {"error": "{% $states.errorOutput.Error %}", "was": "{% $states.input.a %}"}
    task = {"Type": "Task", "Resource": INVOKE, "Arguments": call, "End": True}
    catch = [{"ErrorEquals": ["States.ALL"], "Output": output, "Next": "B"}]
    ended = states.run(jsonata(one({**task, "Catch": catch}, B=DONE)), {"a": 7})
    assert ended.output == {"error": "CustomError", "was": 7}


def test_a_missing_function_has_the_name_that_aws_gives_it(states: StatesKit) -> None:
    call = {"FunctionName": "nobody"}
    task = {"Type": "Task", "Resource": INVOKE, "Parameters": call, "End": True}
    assert states.run(one(task)).error == "Lambda.ResourceNotFoundException"


def test_a_throttled_function_has_the_name_that_aws_gives_it(states: StatesKit) -> None:
    functions = states.cloud.client("lambda")
    functions.put_function_concurrency(FunctionName="probe", ReservedConcurrentExecutions=0)
    try:
        ended = states.run(one(states.task("echo")))
    finally:
        functions.delete_function_concurrency(FunctionName="probe")
    assert ended.error == "Lambda.TooManyRequestsException"


def test_a_task_ends_at_its_own_timeout(states: StatesKit) -> None:
    plain = states.start(one(states.task("sleep", payload={"seconds": 4}, TimeoutSeconds=1)))
    by_path = states.task("sleep", payload={"seconds": 4}, TimeoutSecondsPath="$.limit")
    ended = states.outcome(states.start(one(by_path), {"limit": 1}))
    assert [ended.error, states.outcome(plain).error] == ["States.Timeout"] * 2
    assert "TaskTimedOut" in ended.kinds


def test_standing_in_line_for_a_worker_is_no_time_of_the_state(states: StatesKit) -> None:
    pause = {"seconds": 2}
    warm_up = one(states.task("sleep", payload=pause))  # a worker's start may take longer than 10 s
    for arn in [states.start(warm_up) for _ in range(WORKERS_PER_FUNCTION)]:
        states.outcome(arn)
    machine, rounds = one(states.task("sleep", payload=pause, TimeoutSeconds=10)), 6
    started = [states.start(machine) for _ in range(rounds * WORKERS_PER_FUNCTION)]
    ended = [states.outcome(arn).status for arn in started]
    assert set(ended) == {"SUCCEEDED"}, "the last of them waited for a worker for longer than 10 s"


def test_a_function_that_overruns_its_own_timeout_has_a_name(states: StatesKit) -> None:
    task = states.task("sleep", payload={"seconds": 4}, function=states.hasty)
    ended = states.run(one(task))
    assert ended.error == "Sandbox.Timedout"
    assert "timed out" in ended.cause


def test_a_state_carries_256_kib_and_no_more(states: StatesKit) -> None:
    ended = states.run(one(states.task("big", payload={"size": 300_000})))
    assert ended.error == "States.DataLimitExceeded"


def test_retry_waits_longer_each_time_up_to_its_maximum(states: StatesKit) -> None:
    retry = {"ErrorEquals": ["FlakyError"], "IntervalSeconds": 1, "BackoffRate": 3000}
    retry |= {"MaxAttempts": 2, "MaxDelaySeconds": 2}
    flaky = states.task("flaky", payload={"key": "slow", "failures": 2}, Retry=[retry])
    first, second = states.run(one(flaky)).output["Payload"]
    assert first >= 0.9
    assert 1.9 <= second < 3000


def test_retry_gives_up_after_its_attempts(states: StatesKit) -> None:
    retry = {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}
    flaky = states.task("flaky", payload={"key": "hopeless", "failures": 9}, Retry=[retry])
    ended = states.run(one(flaky))
    assert (ended.error, ended.kinds.count("TaskScheduled")) == ("FlakyError", 2)


def test_full_jitter_spreads_a_retry_between_nothing_and_its_delay(cloud: Cloud) -> None:
    assert cloud
    from local.cloud.states.attempts import backoff  # noqa: PLC0415 - after the server's start

    full = {"IntervalSeconds": 10, "BackoffRate": 2, "JitterStrategy": "FULL"}
    delays = [backoff(full, 1) for _ in range(200)]
    assert min(delays) < 4
    assert 16 < max(delays) <= 20
    assert backoff({"IntervalSeconds": 10, "BackoffRate": 2, "MaxDelaySeconds": 30}, 5) == 30


def test_a_missing_path_fails_the_execution_and_nothing_catches_it(states: StatesKit) -> None:
    call = {"FunctionName": states.function, "Payload.$": "$.missing"}
    task = {"Type": "Task", "Resource": INVOKE, "Parameters": call, "End": True}
    ended = states.run(one({**task, "Catch": caught("States.ALL")}, B=DONE))
    assert (ended.status, ended.error) == ("FAILED", "States.Runtime")


def test_a_role_without_the_right_to_invoke_fails_the_task(states: StatesKit, cloud: Cloud) -> None:
    allowed = {"Effect": "Allow", "Action": "lambda:InvokeFunction"}
    poor = role(cloud, "poor", {**allowed, "Resource": states.function + "-other"})
    just = role(cloud, "just", {**allowed, "Resource": states.function})
    ended = states.run(one(states.task("echo")), role=poor)
    assert ended.error == "Lambda.AWSLambdaException"
    assert "not authorized to perform: lambda:InvokeFunction" in ended.cause
    assert states.run(one(states.task("echo")), role=just).status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("resource", "arguments"),
    [
        ("sqs:sendMessage", {"QueueUrl": "QUEUE", "MessageBody": {"a": 1}}),
        ("sns:publish", {"TopicArn": "TOPIC", "Message": "x"}),
        ("dynamodb:putItem", {"TableName": "probe", "Item": {"pk": {"S": "1"}}}),
        ("aws-sdk:dynamodb:getItem", {"TableName": "probe", "Key": {"pk": {"S": "1"}}}),
        ("events:putEvents", {"Entries": [{"Source": "a", "DetailType": "b", "Detail": {"c": 1}}]}),
        ("aws-sdk:s3:headObject", {"Bucket": "probe", "Key": "items.json"}),
        ("aws-sdk:sfn:listStateMachines", {}),
    ],
)
def test_other_services_are_called(
    states: StatesKit, parts: dict[str, str], resource: str, arguments: dict[str, Any]
) -> None:
    given = {key: parts.get(str(value), value) for key, value in arguments.items()}
    task = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": given}
    assert states.run(one({**task, "End": True})).status == "SUCCEEDED"


def test_a_nested_execution_is_awaited(states: StatesKit) -> None:
    child = states.machine(one({"Type": "Pass", "Result": {"c": 1}, "End": True}))
    resource = "arn:aws:states:::states:startExecution.sync:2"
    call = {"StateMachineArn": child, "Input": {}}
    ended = states.run(one({"Type": "Task", "Resource": resource, "Parameters": call, "End": True}))
    assert ended.output["Output"] == {"c": 1}


def test_a_nested_execution_that_fails_is_described_in_the_cause(states: StatesKit) -> None:
    child = states.machine(one({"Type": "Fail", "Error": "InnerError", "Cause": "why"}))
    ended = states.run(one(nested(child)))
    assert ended.error == "States.TaskFailed"
    described = json.loads(ended.cause)
    assert [described[name] for name in ("Status", "Error", "Cause")] == [
        "FAILED", "InnerError", "why",
    ]  # fmt: skip


def test_a_nested_execution_ends_with_the_one_that_waits_for_it(states: StatesKit) -> None:
    child = states.machine(one({"Type": "Wait", "Seconds": 3000, "End": True}))
    late = states.run(one(nested(child, TimeoutSeconds=1)))
    assert late.error == "States.Timeout"
    arn = states.start(one(nested(child)))
    client = states.states
    eventually(lambda: children(states, child, "RUNNING"))
    client.stop_execution(executionArn=arn)
    eventually(lambda: len(children(states, child, "ABORTED")) == 2)


def test_a_nested_execution_that_is_being_started_ends_with_the_one_that_waits_for_it(
    states: StatesKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ministack.services import stepfunctions  # noqa: PLC0415 - after the server's start

    from local.cloud.states.failures import Failed  # noqa: PLC0415
    from local.cloud.states.nested import Nested  # noqa: PLC0415

    child = states.machine(one({"Type": "Wait", "Seconds": 3000, "End": True}))
    given = {"StateMachineArn": child, "Input": {}}
    waiting = Nested("arn:aws:states:::states:startExecution.sync:2", given)
    start = stepfunctions._start_execution  # noqa: SLF001

    def started_and_given_up(request: Any) -> Any:
        answer = start(request)
        waiting.stop()  # the Task's time-out comes before anybody knows the execution's name
        return answer

    def run() -> None:
        with suppress(Failed):
            waiting.run()

    monkeypatch.setattr(stepfunctions, "_start_execution", started_and_given_up)
    threading.Thread(target=run, daemon=True).start()
    eventually(lambda: len(children(states, child, "ABORTED")) == 1)


def test_waiting_for_another_execution_needs_more_than_starting_it(states: StatesKit) -> None:
    child = states.machine(one({"Type": "Pass", "End": True}))
    may = {"Effect": "Allow", "Action": "states:StartExecution", "Resource": child}
    ended = states.run(one(nested(child)), role=role(states.cloud, "starter", may))
    assert ended.error == "States.AccessDeniedException"
    assert "states:DescribeExecution" in ended.cause


def nested(machine: str, **fields: Any) -> dict[str, Any]:
    resource = "arn:aws:states:::states:startExecution.sync:2"
    call = {"StateMachineArn": machine, "Input": {}}
    return {"Type": "Task", "Resource": resource, "Parameters": call, "End": True, **fields}


def children(states: StatesKit, machine: str, status: str) -> list[Any]:
    listed = states.states.list_executions(stateMachineArn=machine, statusFilter=status)
    found: list[Any] = listed["executions"]
    return found


def test_a_token_answered_by_another_function_ends_the_task(states: StatesKit) -> None:
    assert states.run(one(states.callback("succeed"))).output == {"answer": 1}


def test_a_failure_sent_with_a_token_is_caught_by_its_name(states: StatesKit) -> None:
    ended = states.run(one(states.callback("refuse", Catch=caught("MyError")), B=DONE))
    assert ended.output["failure"] == {"Error": "MyError", "Cause": "why"}


def test_a_callback_function_that_raises_fails_the_task_at_once(states: StatesKit) -> None:
    task = states.task("fail", Resource=f"{INVOKE}.waitForTaskToken", TimeoutSeconds=3000)
    assert states.run(one(task)).error == "CustomError"


def test_a_token_has_two_clocks(states: StatesKit) -> None:
    silent = states.start(one(states.callback("never", TimeoutSeconds=1)))
    still = states.start(one(states.callback("never", TimeoutSeconds=3000, HeartbeatSeconds=1)))
    assert states.outcome(silent).error == "States.Timeout"
    assert states.outcome(still).error == "States.HeartbeatTimeout"
    # The run before has started the workers, whose start may take longer than a heartbeat.
    states.run(one(states.callback("succeed")))
    beats = {"times": 5, "seconds": 2}
    beating = states.callback("beat", payload=beats, TimeoutSeconds=3000, HeartbeatSeconds=8)
    assert states.run(one(beating)).output == {"answer": 1}


def test_what_is_no_token_and_what_is_no_json_are_refused(states: StatesKit) -> None:
    client = states.states
    with pytest.raises(client.exceptions.InvalidToken):
        client.send_task_success(taskToken="nonsense", output="{}")
    with pytest.raises(client.exceptions.InvalidOutput):
        client.send_task_success(taskToken="nonsense", output="{")


def test_a_token_of_a_dead_attempt_answers_nothing(states: StatesKit) -> None:
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    arn = states.start(one(states.callback("never", TimeoutSeconds=1, Retry=retry)))
    states.outcome(arn)
    client = states.states
    tokens = [_token(event) for event in states.history(arn) if event["type"] == "TaskScheduled"]
    assert len(set(tokens)) == 2
    for token in tokens:
        with pytest.raises(client.exceptions.TaskTimedOut):
            client.send_task_success(taskToken=token, output="{}")
    stranger = tokens[0][:-8] + "AAAAAAAA"
    with pytest.raises(client.exceptions.TaskDoesNotExist):
        client.send_task_heartbeat(taskToken=stranger)


def test_a_token_is_answered_once(states: StatesKit) -> None:
    arn = states.start(one(states.callback("never", TimeoutSeconds=3000)))
    token = _wait_for_token(states, arn)
    client = states.states
    client.send_task_success(taskToken=token, output="1")
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_failure(taskToken=token, error="Late")
    assert states.outcome(arn).output == 1


def _token(event: dict[str, Any]) -> str:
    parameters = json.loads(event["taskScheduledEventDetails"]["parameters"])
    return str(parameters["Payload"]["token"])


def _wait_for_token(states: StatesKit, arn: str) -> str:
    eventually(lambda: any(e["type"] == "TaskSubmitted" for e in states.history(arn)))
    return next(_token(e) for e in states.history(arn) if e["type"] == "TaskScheduled")
