"""Reads all that a stack says about what goes on: everything that nobody erases by hand."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from local.cloud.server import Cloud


class Text(NamedTuple):
    """One text and where it stands."""

    where: str
    """Kind of place: the report counts by it."""
    place: str
    text: str


def everything(cloud: Cloud, outputs: dict[str, str]) -> Iterator[Text]:
    """Yield logs, traces, executions, names, tags, messages, dead letters, rows and keys."""
    yield from logs(cloud)
    yield from executions(cloud)
    yield from training_jobs(cloud)
    yield from metrics(cloud)
    yield from queues(cloud)
    yield from rows(cloud, outputs)
    yield from names(cloud, outputs)


def logs(cloud: Cloud) -> Iterator[Text]:
    """Yield every line of every log group."""
    client = cloud.client("logs")
    for group in pages(client, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        for stream in pages(client, "describe_log_streams", "logStreams", logGroupName=name):
            found = client.get_log_events(
                logGroupName=name, logStreamName=stream["logStreamName"], startFromHead=True
            )
            yield Text("names", name, stream["logStreamName"])
            yield from (Text("logs", name, event["message"]) for event in found["events"])


def executions(cloud: Cloud) -> Iterator[Text]:
    """Yield names, inputs, outputs and histories of all executions, and their traces."""
    client, xray = cloud.client("stepfunctions"), cloud.client("xray")
    for machine in pages(client, "list_state_machines", "stateMachines"):
        arn = machine["stateMachineArn"]
        for one in pages(client, "list_executions", "executions", stateMachineArn=arn):
            execution = one["executionArn"]
            described = client.describe_execution(executionArn=execution)
            yield Text("executions", execution, json.dumps(described, default=str))
            history = pages(client, "get_execution_history", "events", executionArn=execution)
            yield from (Text("histories", execution, json.dumps(e, default=str)) for e in history)
            trace = described.get("traceHeader", "").partition(";")[0].removeprefix("Root=")
            if trace:
                answer = xray.batch_get_traces(TraceIds=[trace])
                yield Text("traces", execution, json.dumps(answer["Traces"], default=str))


def training_jobs(cloud: Cloud) -> Iterator[Text]:
    """Yield descriptions, hyperparameters and tags of training jobs, models and endpoints."""
    client = cloud.client("sagemaker")
    for job in pages(client, "list_training_jobs", "TrainingJobSummaries"):
        described = client.describe_training_job(TrainingJobName=job["TrainingJobName"])
        yield Text("training jobs", job["TrainingJobName"], json.dumps(described, default=str))
        tags = client.list_tags(ResourceArn=job["TrainingJobArn"])
        yield Text("tags", job["TrainingJobName"], json.dumps(tags["Tags"]))
    for endpoint in client.list_endpoints()["Endpoints"]:
        described = client.describe_endpoint(EndpointName=endpoint["EndpointName"])
        yield Text("names", endpoint["EndpointName"], json.dumps(described, default=str))


def metrics(cloud: Cloud) -> Iterator[Text]:
    """Yield the names and dimensions of all metrics, and what alarms say."""
    client = cloud.client("cloudwatch")
    for metric in client.list_metrics()["Metrics"]:
        yield Text("metrics", metric["MetricName"], json.dumps(metric, default=str))
    for alarm in client.describe_alarms()["MetricAlarms"]:
        yield Text("metrics", alarm["AlarmName"], json.dumps(alarm, default=str))


def queues(cloud: Cloud) -> Iterator[Text]:
    """Yield the messages that wait in any queue; subscribers of all topics are among the queues."""
    sqs = cloud.client("sqs")
    for url in sqs.list_queues().get("QueueUrls", []):
        kind = "dead letters" if "dead" in url.lower() else "messages"
        yield Text("names", url, url)
        while found := sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=60,
            MessageAttributeNames=["All"],
        ).get("Messages"):
            yield from (Text(kind, url, json.dumps(message, default=str)) for message in found)


def rows(cloud: Cloud, outputs: dict[str, str]) -> Iterator[Text]:
    """Yield the rows of the tables, without those in which a tenant keeps its own words."""
    client = cloud.client("dynamodb")
    for output in ("JobsTableName", "ModelsTableName", "AuditTableName", "ApiTableName"):
        for row in pages(client, "scan", "Items", TableName=outputs[output]):
            if not is_own_words(row):
                yield Text("rows", outputs[output], json.dumps(row, default=str))


OWN_WORDS = ("key#", "webhook#", "idem#", "takedown#")
"""Rows that exist to keep somebody's words: a key's name, a webhook's address, an answer of
the API for a day, a report of a picture. Erasure or a time to live ends them."""


def is_own_words(row: dict[str, Any]) -> bool:
    """Return whether a row exists to keep a tenant's words."""
    return str(row.get("row", {}).get("S", "")).startswith(OWN_WORDS)


def names(cloud: Cloud, outputs: dict[str, str]) -> Iterator[Text]:
    """Yield the keys of the models bucket, whose objects live longer than the photos."""
    client, bucket = cloud.client("s3"), outputs["ModelsBucketName"]
    for one in pages(client, "list_object_versions", "Versions", Bucket=bucket):
        yield Text("names", bucket, one["Key"])


def pages(client: Any, call: str, field: str, **given: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield what a listing of AWS has, page by page."""
    for page in client.get_paginator(call).paginate(**given):
        yield from page.get(field, [])
