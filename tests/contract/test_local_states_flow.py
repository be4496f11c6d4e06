"""The laptop's Wait, Choice, Parallel and Map states do what AWS documents."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.step_functions_kit import StatesKit, jsonata, one

DONE = {"Type": "Succeed"}
PASS = {"Type": "Pass", "End": True}
INLINE = {"StartAt": "X", "States": {"X": PASS}}


def test_the_machine_s_own_timeout_is_a_status_of_its_own(states: StatesKit) -> None:
    ended = states.run({"TimeoutSeconds": 1, **one({"Type": "Wait", "Seconds": 3000, "End": True})})
    assert ended.status == "TIMED_OUT"
    assert ended.kinds[-1] == "ExecutionTimedOut"


def test_wait_takes_seconds_a_path_or_a_moment(states: StatesKit) -> None:
    machine = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Wait", "SecondsPath": "$.seconds", "Next": "B"},
            "B": {"Type": "Wait", "TimestampPath": "$.moment", "End": True},
        },
    }
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    given = {"seconds": 1, "moment": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
    began = time.monotonic()
    assert states.run(machine, given).status == "SUCCEEDED"
    assert time.monotonic() - began >= 1
    assert datetime.now(UTC) >= moment


def test_choice_understands_its_operators(states: StatesKit) -> None:
    conditions: list[dict[str, Any]] = [
        {"Variable": "$.a", "IsPresent": True},
        {"Variable": "$.a", "NumericGreaterThanPath": "$.b"},
        {"Not": {"Variable": "$.s", "StringMatches": "x*"}},
        {
            "Or": [
                {"Variable": "$.z", "BooleanEquals": True},
                {"Variable": "$.t", "IsTimestamp": True},
            ]
        },
    ]
    choice = {"Type": "Choice", "Choices": [{"And": conditions, "Next": "Yes"}], "Default": "No"}
    answers = {name: {"Type": "Pass", "Result": name, "End": True} for name in ("Yes", "No")}
    given = {"a": 3, "b": 2, "s": "yx", "z": False, "t": "2024-01-01T00:00:00Z"}
    assert states.run(one(choice, **answers), given).output == "Yes"


@pytest.mark.parametrize(
    ("given", "error"), [({"a": 2}, "States.NoChoiceMatched"), ({}, "States.Runtime")]
)
def test_choice_fails_without_a_match_or_a_variable(
    states: StatesKit, given: dict[str, int], error: str
) -> None:
    rule = {"Variable": "$.a", "NumericEquals": 1, "Next": "B"}
    assert states.run(one({"Type": "Choice", "Choices": [rule]}, B=DONE), given).error == error


def test_choice_in_jsonata_gives_the_output_of_its_rule_or_its_own(states: StatesKit) -> None:
    rule = {"Condition": "{% $states.input.a = 1 %}", "Output": {"by": "rule"}, "Next": "B"}
    choice = {"Type": "Choice", "Choices": [rule], "Default": "B", "Output": {"by": "default"}}
    machine = jsonata(one(choice, B=DONE))
    outputs = [states.run(machine, {"a": a}).output["by"] for a in (1, 2)]
    assert outputs == ["rule", "default"]


def test_parallel_keeps_its_order_and_tells_of_its_branches(states: StatesKit) -> None:
    branches = [
        {"StartAt": name, "States": {name: {"Type": "Pass", "Result": name, "End": True}}}
        for name in ("X", "Y")
    ]
    ended = states.run(one({"Type": "Parallel", "Branches": branches, "End": True}))
    assert ended.output == ["X", "Y"]
    assert {"ParallelStateStarted", "ParallelStateSucceeded"} <= set(ended.kinds)
    assert ended.kinds.count("PassStateEntered") == 2


def test_a_failed_branch_stops_the_others_at_once(states: StatesKit) -> None:
    slow = {"StartAt": "Y", "States": {"Y": {"Type": "Wait", "Seconds": 3000, "End": True}}}
    broken = {"StartAt": "X", "States": {"X": states.task("fail")}}
    catch = [{"ErrorEquals": ["CustomError"], "ResultPath": "$.failure", "Next": "B"}]
    parallel = {"Type": "Parallel", "Branches": [broken, slow], "Catch": catch, "End": True}
    assert states.run(one(parallel, B=DONE)).status == "SUCCEEDED"


def test_an_inline_map_knows_its_item_and_index(states: StatesKit) -> None:
    selector = {"v.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "k.$": "$.k"}
    mapped = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "End": True}
    mapped |= {"ItemSelector": selector, "ItemProcessor": INLINE}
    ended = states.run(one(mapped), {"items": [5, 6, 7], "k": "z"})
    assert ended.output == [{"v": v, "i": i, "k": "z"} for i, v in enumerate((5, 6, 7))]
    assert ended.kinds.count("MapIterationSucceeded") == 3


def test_an_empty_map_and_what_is_no_list(states: StatesKit) -> None:
    mapped = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": INLINE, "End": True}
    assert states.run(one(mapped), {"items": []}).output == []
    assert states.run(one(mapped), {"items": 3}).error == "States.Runtime"


@pytest.mark.parametrize(
    ("reader", "second"),
    [
        ({"InputType": "JSON"}, {"n": 1}),
        ({"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, {"n": "2", "m": "b"}),
        ({"InputType": "JSONL"}, {"n": 2}),
    ],
)
def test_a_distributed_map_reads_items_from_s3(
    states: StatesKit, parts: dict[str, str], reader: dict[str, str], second: dict[str, Any]
) -> None:
    assert parts
    kind = reader["InputType"].lower()
    assert states.run(one(distributed(f"items.{kind}", reader))).output[1] == second


def test_a_distributed_map_fails_above_what_it_tolerates(
    states: StatesKit, parts: dict[str, str]
) -> None:
    assert parts
    failing = {"StartAt": "X", "States": {"X": states.task("fail")}}
    mapped = distributed("items.json", {"InputType": "JSON"}, failing)
    ended = states.run(one({**mapped, "ToleratedFailurePercentage": 10}))
    assert ended.error == "States.ExceedToleratedFailureThreshold"


def distributed(
    key: str, reader: dict[str, str], processor: dict[str, Any] | None = None
) -> dict[str, Any]:
    source = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": reader}
    source["Parameters"] = {"Bucket": "probe", "Key": key}
    mode = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    inner = {"ProcessorConfig": mode, **(processor or INLINE)}
    return {"Type": "Map", "ItemReader": source, "ItemProcessor": inner, "End": True}


def test_jsonata_moves_data_through_task_variables_choice_and_pass(states: StatesKit) -> None:
    call = {
        "FunctionName": states.function,
        "Payload": {"op": "echo", "sum": "{% $sum($states.input.xs) %}"},
    }
    last = {
        "s": "{% $s %}",
        "n": "{% $states.context.Execution.Name %}",
        "u": "{% $length($uuid()) %}",
    }
    machine = {
        "StartAt": "A",
        "States": {
            "A": {
                "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": call,
                "Assign": {"s": "{% $states.result.Payload.sum %}"}, "Next": "C",
            },
            "C": {"Type": "Choice", "Choices": [{"Condition": "{% $s > 5 %}", "Next": "D"}]},
            "D": {"Type": "Pass", "Output": last, "End": True},
        },
    }  # fmt: skip
    output = states.run(jsonata(machine), {"xs": [1, 2, 3]}).output
    assert (output["s"], output["u"]) == (6, 36)


def test_jsonata_shapes_parallel_and_map(states: StatesKit) -> None:
    branch = {"StartAt": "X", "States": {"X": {"Type": "Pass", "Output": 1, "End": True}}}
    output = {"r": "{% $states.result %}"}
    parallel = {"Type": "Parallel", "Branches": [branch], "Output": output, "Next": "M"}
    mapped = {
        "Type": "Map", "Items": "{% $states.input.r %}", "ItemProcessor": INLINE, "End": True,
        "ItemSelector": {"v": "{% $states.context.Map.Item.Value %}"},
        "Output": "{% $states.result[0].v %}",
    }  # fmt: skip
    assert states.run(jsonata(one(parallel, M=mapped))).output == 1


def test_a_failing_expression_has_a_name(states: StatesKit) -> None:
    machine = jsonata(one({"Type": "Pass", "Output": "{% $states.input.a + 'x' %}", "End": True}))
    assert states.run(machine, {"a": 1}).error == "States.QueryEvaluationError"


def test_paths_reach_variables_and_the_context(states: StatesKit) -> None:
    machine = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x.$": "$.a", "y": 3}, "Next": "B"},
            "B": {
                "Type": "Pass",
                "Parameters": {"x.$": "$x", "y.$": "$y", "s.$": "$$.State.Name",
                               "r.$": "$$.Execution.RedriveCount", "i.$": "$$.Execution.Input"},
                "End": True,
            },
        },
    }  # fmt: skip
    expected = {"x": 1, "y": 3, "s": "B", "r": 0, "i": {"a": 1}}
    assert states.run(machine, {"a": 1}).output == expected


def test_selectors_and_paths_shape_a_result(states: StatesKit) -> None:
    shape = {
        "ResultSelector": {"p.$": "$.Payload.a"},
        "ResultPath": "$.out.r",
        "OutputPath": "$.out",
    }
    ended = states.run(one(states.task("echo", payload={"a": 3}, **shape)))
    assert ended.output == {"r": {"p": 3}}


INTRINSICS: dict[str, tuple[str, Any]] = {
    "format": ("States.Format('{}-{}', $.a, 'x')", "5-x"),
    "parse": ("States.StringToJson($.js)", {"q": 1}),
    "text": ("States.JsonToString($.o)", '{"p":1}'),
    "array": ("States.Array(1, 'x', $.a)", [1, "x", 5]),
    "partition": ("States.ArrayPartition($.l, 2)", [[1, 2], [3]]),
    "contains": ("States.ArrayContains($.l, 3)", True),
    "range": ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
    "item": ("States.ArrayGetItem($.l, 1)", 2),
    "length": ("States.ArrayLength($.l)", 3),
    "encode": ("States.Base64Encode('hi')", "aGk="),
    "decode": ("States.Base64Decode('aGk=')", "hi"),
    "merge": ("States.JsonMerge($.o, $.o2, false)", {"p": 2, "z": 3}),
    "add": ("States.MathAdd($.a, -1)", 4),
    "split": ("States.StringSplit('a,b', ',')", ["a", "b"]),
    "nested": ("States.ArrayLength(States.StringSplit('a,b', ','))", 2),
}


def test_intrinsic_functions(states: StatesKit) -> None:
    wanted = {f"{name}.$": call for name, (call, _) in INTRINSICS.items()}
    given = {"a": 5, "js": '{"q":1}', "o": {"p": 1}, "o2": {"p": 2, "z": 3}, "l": [1, 2, 3]}
    output = states.run(one({"Type": "Pass", "Parameters": wanted, "End": True}), given).output
    assert output == {name: result for name, (_, result) in INTRINSICS.items()}


def test_fail_takes_its_words_from_the_input(states: StatesKit) -> None:
    fail = {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('c {}', $.e)"}
    ended = states.run(one(fail), {"e": "X"})
    assert (ended.error, ended.cause) == ("X", "c X")


def test_every_event_follows_another(states: StatesKit) -> None:
    ended = states.run(one(states.task("echo")))
    assert ended.kinds == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event["previousEventId"] for event in ended.events] == list(range(7))


def test_an_express_machine_answers_at_once_and_a_state_can_be_tried_alone(
    states: StatesKit,
) -> None:
    client = states.states
    machine = states.machine(one(states.task("echo")), type="EXPRESS")
    assert client.start_sync_execution(stateMachineArn=machine, input="{}")["status"] == "SUCCEEDED"
    alone = '{"Type": "Pass", "Result": 1, "End": true}'
    tried = client.test_state(definition=alone, roleArn=states.role, input="{}")
    assert (tried["status"], tried["output"]) == ("SUCCEEDED", "1")
