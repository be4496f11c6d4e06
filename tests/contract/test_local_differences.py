"""Differences between the laptop and AWS; docs/differences.md names each of these tests.

If a test fails after an update of ministack, the difference may be gone.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role
from tests.contract.files import ROOT
from tests.contract.step_functions_kit import StatesKit, one

if TYPE_CHECKING:
    from local.cloud.server import Cloud

SOURCE = """
import json

def hungry(event, context): return len(bytearray(200 * 1024 * 1024))
def wordy(event, context): return "x" * (7 * 1024 * 1024)
def echo(event, context): return event
def metric(event, context):
    print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [
        {"Namespace": "Embedded", "Dimensions": [[]], "Metrics": [{"Name": "m"}]}]}, "m": 1}))
"""


@pytest.fixture(scope="module")
def functions(cloud: Cloud) -> Any:
    client, arn = cloud.client("lambda"), role(cloud, "differences", EVERYTHING)
    for name in ("hungry", "wordy", "echo", "metric"):
        client.create_function(
            FunctionName=f"differs-{name}", Runtime=RUNTIME, Role=arn, Handler=f"app.{name}",
            Code={"ZipFile": archive(app=SOURCE)}, MemorySize=128, Timeout=20,
        )  # fmt: skip
    return client


def call(functions: Any, name: str) -> Any:
    answer = functions.invoke(FunctionName=f"differs-{name}", Payload="{}")
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def test_a_function_s_memory_has_no_limit(functions: Any) -> None:
    assert call(functions, "hungry") == 200 * 1024 * 1024


def test_an_answer_may_be_larger_than_6_mb(functions: Any) -> None:
    assert len(call(functions, "wordy")) == 7 * 1024 * 1024


def test_metrics_in_the_log_stay_in_the_log(functions: Any, cloud: Cloud) -> None:
    call(functions, "metric")
    assert cloud.client("cloudwatch").list_metrics(Namespace="Embedded")["Metrics"] == []


def test_every_invocation_has_a_log_stream_of_its_own(functions: Any, cloud: Cloud) -> None:
    call(functions, "echo")
    call(functions, "echo")
    group = "/aws/lambda/differs-echo"
    streams = cloud.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert len(streams) == 2


def test_a_log_filter_in_braces_filters_nothing(cloud: Cloud) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="filtered")
    logs.create_log_stream(logGroupName="filtered", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": '{"level": "INFO"}'}
    logs.put_log_events(logGroupName="filtered", logStreamName="s", logEvents=[event])
    by_field = logs.filter_log_events(
        logGroupName="filtered", filterPattern='{ $.level = "ERROR" }'
    )
    assert len(by_field["events"]) == 1
    by_word = logs.filter_log_events(logGroupName="filtered", filterPattern='"ERROR"')
    assert by_word["events"] == []


def test_a_rule_calls_a_function_without_its_permission(functions: Any, cloud: Cloud) -> None:
    events = cloud.client("events")
    events.put_rule(Name="unpermitted", EventPattern='{"source": ["unpermitted"]}')
    arn = functions.get_function(FunctionName="differs-metric")["Configuration"]["FunctionArn"]
    events.put_targets(Rule="unpermitted", Targets=[{"Id": "1", "Arn": arn}])
    entry = {"Source": "unpermitted", "DetailType": "x", "Detail": "{}"}
    group, logs = "/aws/lambda/differs-metric", cloud.client("logs")

    def calls() -> int:
        return len(logs.describe_log_streams(logGroupName=group)["logStreams"])

    call(functions, "metric")  # its first call makes the log group
    before = calls()
    events.put_events(Entries=[entry])
    eventually(lambda: calls() > before)


def test_a_redrive_repeats_every_item_of_a_map(states: StatesKit) -> None:
    item = states.task("flaky", payload={"key": "map", "failures": 1, "item.$": "$"})
    processor = {"StartAt": "X", "States": {"X": item}}
    mapped = {"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "End": True}
    arn = states.start(one({**mapped, "ItemProcessor": processor}), {"items": [1, 2]})
    assert states.outcome(arn).error == "FlakyError"
    states.states.redrive_execution(executionArn=arn)
    assert states.outcome(arn).kinds.count("MapIterationStarted") == 3


def test_a_template_s_lifecycle_rules_do_not_reach_the_bucket(cloud: Cloud) -> None:
    rule = {"Id": "x", "Status": "Enabled", "ExpirationInDays": 3}
    lifecycle = {"LifecycleConfiguration": {"Rules": [rule]}}
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "differs", **lifecycle}}
    stacks, files = cloud.client("cloudformation"), cloud.client("s3")
    stacks.create_stack(StackName="differs", TemplateBody=json.dumps({"Resources": {"B": bucket}}))
    stacks.get_waiter("stack_create_complete").wait(StackName="differs", WaiterConfig={"Delay": 1})
    with pytest.raises(files.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        files.get_bucket_lifecycle_configuration(Bucket="differs")


def test_a_stack_with_a_budget_is_refused(cloud: Cloud) -> None:
    body = (ROOT / "budget.yaml").read_text()
    values = {"BudgetName": "b", "MonthlyBudgetUsd": "1", "OperationsTopicArn": "arn:aws:sns:x"}
    stacks = cloud.client("cloudformation")
    with pytest.raises(stacks.exceptions.ClientError, match="AWS::Budgets::Budget"):
        stacks.create_stack(
            StackName="budgeted",
            TemplateBody=body,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()],
        )
