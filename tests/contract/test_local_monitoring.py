"""The laptop's CloudWatch reads metrics from logs, filters by fields, and keeps alarms apart."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.cloud.monitoring import embedded_metrics
from local.cloud.monitoring.json_patterns import PatternError, compile_pattern
from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from local.cloud.server import Cloud

LINE = {"level": "ERROR", "seconds": 2.5, "ok": False, "none": None, "list": [{"a": 1}, {"a": 2}]}
SOURCE = """
import json, time

def handler(event, context):
    about = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [{
        "Namespace": "Embedded", "Dimensions": [["service"], []],
        "Metrics": [{"Name": "Crashes", "Unit": "Count"}, {"Name": "Waits"}],
    }]}
    print(json.dumps({"_aws": about, "service": event["service"], "Crashes": 1, "Waits": [1, 2]}))
"""


@pytest.fixture(scope="module")
def emit(cloud: Cloud) -> Any:
    functions = cloud.client("lambda")
    functions.create_function(
        FunctionName="emits", Runtime=RUNTIME, Role=role(cloud, "emits", EVERYTHING),
        Handler="app.handler", Code={"ZipFile": archive(app=SOURCE)}, Timeout=60,
    )  # fmt: skip
    return lambda service: functions.invoke(
        FunctionName="emits", Payload=json.dumps({"service": service})
    )


def alarm(cloud: Cloud, name: str, service: str, missing: str = "missing") -> None:
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="Embedded", MetricName="Crashes", Statistic="Sum",
        Dimensions=[{"Name": "service", "Value": service}], Period=3600, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanOrEqualToThreshold", TreatMissingData=missing,
    )  # fmt: skip


def state(cloud: Cloud, name: str) -> str:
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found[0]["StateValue"])


def test_metrics_in_a_function_s_log_raise_the_alarm_of_their_dimensions(
    cloud: Cloud, emit: Any
) -> None:
    alarm(cloud, "ours", "ours")
    alarm(cloud, "theirs", "theirs", missing="notBreaching")
    emit("ours")
    listed = cloud.client("cloudwatch").list_metrics(Namespace="Embedded")["Metrics"]
    found = {(each["MetricName"], len(each["Dimensions"])) for each in listed}
    assert found == {("Crashes", 0), ("Crashes", 1), ("Waits", 0), ("Waits", 1)}
    eventually(lambda: state(cloud, "ours") == "ALARM")
    assert state(cloud, "theirs") == "OK"


def test_the_line_of_a_metric_stays_in_the_log(cloud: Cloud, emit: Any) -> None:
    emit("logged")
    logs = cloud.client("logs")
    found = logs.filter_log_events(
        logGroupName="/aws/lambda/emits", filterPattern='{ $.service = "logged" }'
    )["events"]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("breaching", "ALARM"), ("notBreaching", "OK"), ("missing", "INSUFFICIENT_DATA")],
)
def test_an_alarm_without_values_is_in_the_state_that_it_asks_for(
    cloud: Cloud, missing: str, expected: str
) -> None:
    alarm(cloud, f"empty-{missing}", "nobody", missing)
    assert state(cloud, f"empty-{missing}") == expected


@pytest.mark.parametrize(
    ("hours", "missing", "expected"),
    [
        ((1, 2), "missing", "ALARM"),
        ((1, 3), "missing", "ALARM"),
        ((1,), "missing", "OK"),
        ((1,), "breaching", "ALARM"),
        ((4, 5), "missing", "INSUFFICIENT_DATA"),
        ((4, 5), "notBreaching", "OK"),
    ],
)
def test_an_alarm_counts_the_periods_that_breach(
    cloud: Cloud, hours: tuple[int, ...], missing: str, expected: str
) -> None:
    name, client = uuid.uuid4().hex, cloud.client("cloudwatch")
    middles = [time.time() - 3600 * hour + 1800 for hour in hours]
    data = [{"MetricName": name, "Value": 2, "Timestamp": moment} for moment in middles]
    client.put_metric_data(Namespace="Counted", MetricData=data)
    client.put_metric_alarm(
        AlarmName=name, Namespace="Counted", MetricName=name, Statistic="Maximum", Period=3600,
        EvaluationPeriods=3, DatapointsToAlarm=2, Threshold=1, TreatMissingData=missing,
        ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    assert state(cloud, name) == expected


@pytest.mark.parametrize("age", [15 * 24 * 3600, -3 * 3600], ids=["too old", "too early"])
def test_a_metric_of_another_time_is_only_a_log_line(age: int) -> None:
    metric = {"Namespace": "n", "Dimensions": [[]], "Metrics": [{"Name": "m"}]}
    about = {"Timestamp": (time.time() - age) * 1000, "CloudWatchMetrics": [metric]}
    assert embedded_metrics.read(json.dumps({"_aws": about, "m": 1})) == []


@pytest.mark.parametrize("line", ['{"_aws": 1}', '{"_aws": {"Timestamp": 1}}', '"_aws"', "_aws"])
def test_a_line_without_metrics_is_only_a_log_line(line: str) -> None:
    assert embedded_metrics.read(line) == []


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.level = "ERROR" }', True),
        ('{ $.level = "INFO" }', False),
        ("{ $.level = ERR* }", True),
        ("{ $.level = %^E.*R$% }", True),
        ('{ $.level != "INFO" }', True),
        ('{ $.absent != "INFO" }', False),
        ("{ $.seconds > 2 && $.seconds <= 2.5 }", True),
        ("{ $.seconds < 2 || ($.ok IS FALSE) }", True),
        ("{ $.none IS NULL }", True),
        ("{ $.ok IS TRUE }", False),
        ("{ $.absent NOT EXISTS }", True),
        ("{ $.level NOT EXISTS }", False),
        ("{ $.list[1].a = 2 }", True),
        ("{ $.list[2].a = 2 }", False),
        ('{ $["level"] = "ERROR" }', True),
    ],
)
def test_a_filter_in_braces_reads_the_field(pattern: str, matches: bool) -> None:
    assert compile_pattern(pattern)(json.dumps(LINE)) is matches
    assert not compile_pattern(pattern)("no JSON")


@pytest.mark.parametrize(
    "pattern",
    ["{ $.level }", "{ level = 1 }", "{ $.a = 1", "{ $.a > x }", "{ $.a = 1 } x", "{ ; }"],
)
def test_a_filter_that_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="Invalid filter pattern"):
        compile_pattern(pattern)


def test_a_log_group_is_filtered_by_the_field_and_by_the_word(cloud: Cloud) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="filtered")
    logs.create_log_stream(logGroupName="filtered", logStreamName="s")
    now = int(time.time() * 1000)
    lines = [json.dumps({"level": level, "text": "no ERROR"}) for level in ("INFO", "ERROR")]
    events = [{"timestamp": now, "message": line} for line in lines]
    logs.put_log_events(logGroupName="filtered", logStreamName="s", logEvents=events)

    def filtered(pattern: str) -> int:
        found = logs.filter_log_events(logGroupName="filtered", filterPattern=pattern)
        return len(found["events"])

    assert filtered('{ $.level = "ERROR" }') == 1
    assert filtered('"ERROR"') == 2
    with pytest.raises(ClientError, match="InvalidParameterException"):
        filtered("{ $.level }")


def test_no_more_points_are_asked_for_than_cloudwatch_gives(cloud: Cloud) -> None:
    now = datetime.now(UTC)
    about = {"Namespace": "n", "MetricName": "m", "EndTime": now, "Statistics": ["Sum"]}
    ask = cloud.client("cloudwatch").get_metric_statistics
    day = timedelta(days=1)
    assert ask(**about, StartTime=now - day, Period=60)["Datapoints"] == []
    with pytest.raises(ClientError, match="2,880 datapoints") as refused:
        ask(**about, StartTime=now - 2 * day, Period=60)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterCombination"
    assert ask(**about, StartTime=now - 2 * day, Period=120)["Datapoints"] == []
