"""The public status of an execution: DescribeExecution, status events, metrics."""

import json
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import cloudwatch, eventbridge
from ministack.services import stepfunctions as stock

from local.cloud.typing_aliases import Json, Stock

REDRIVABLE = ("FAILED", "TIMED_OUT", "ABORTED")
EVENT_LIMIT_BYTES = 248 * 1024
METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def publish(record: Stock) -> None:
    """Publish the status event and the metric; express executions have neither."""
    machine = stock._state_machines.get(record["stateMachineArn"])
    if record.get("sync") or (machine or {}).get("type") == "EXPRESS":
        return
    dimensions = {"StateMachineArn": record["stateMachineArn"]}
    cloudwatch.record_metric("AWS/States", METRICS[record["status"]], 1, "Count", dimensions)
    entry = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Detail": json.dumps(_detail(record)),
        "Resources": [record["executionArn"]],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def redrive_facts(record: Stock) -> dict[str, Json]:
    """Return DescribeExecution's fields about redrives."""
    status = record["status"]
    facts: dict[str, Any] = {"redriveCount": record.get("redriveCount", 0)}
    if record.get("redriveDate"):
        facts["redriveDate"] = record["redriveDate"]
    if status in REDRIVABLE:
        return {**facts, "redriveStatus": "REDRIVABLE"}
    reason = f"Execution is {status} and cannot be redriven"
    return {**facts, "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": reason}


def _detail(record: Stock) -> dict[str, Json]:
    facts = {"redriveDate": None, "redriveStatusReason": None, **redrive_facts(record)}
    facts["redriveDate"] = stock._iso_to_epoch_ms(facts["redriveDate"])
    plain = ("executionArn", "stateMachineArn", "name", "status")
    return {
        **{key: record[key] for key in plain},
        "startDate": stock._iso_to_epoch_ms(record["startDate"]),
        "stopDate": stock._iso_to_epoch_ms(record.get("stopDate")),
        **_payload("input", record.get("input")),
        **_payload("output", record.get("output")),
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "error": record.get("error"),
        "cause": record.get("cause"),
        **facts,
    }


def _payload(name: str, value: str | None) -> dict[str, Json]:
    if value is None:
        return {name: None, f"{name}Details": None}
    fits = len(value.encode()) <= EVENT_LIMIT_BYTES
    return {name: value if fits else None, f"{name}Details": {"included": fits}}


def record_end(record: Stock, status: str, **facts: Json) -> None:
    """Record an execution's end, and publish it."""
    record.update(status=status, stopDate=now_iso(), **facts)
    publish(record)
