"""Calls of the deployed stack's endpoint itself, past the HTTP API."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from tests.cloud import eventually
from tests.e2e.stack import Stack

AT_ONCE = 12
"""Calls of one model at once, of which no instance gets all."""


def target_of(stack: Stack, tenant: str, model: str) -> str:
    """Return the TargetModel of a model."""
    row = stack.cloud.client("dynamodb").get_item(
        TableName=stack.outputs["ModelsTableName"],
        Key={"tenant": {"S": tenant}, "model_id": {"S": model}},
    )["Item"]
    return str(row["target_model"]["S"])


def invoke(stack: Stack, target: str, arguments: dict[str, Any], **tensors: str) -> bytes:
    """Call the endpoint; return the answer's body."""
    values = {"gen_args": json.dumps(arguments), **tensors}
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [value]}
        for name, value in values.items()
    ]
    answer = stack.cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=stack.outputs["EndpointName"],
        TargetModel=target,
        ContentType="application/json",
        Body=json.dumps({"inputs": inputs}).encode(),
    )
    body: bytes = answer["Body"].read()
    return body


def outputs_of(body: bytes) -> dict[str, Any]:
    """Return an answer's outputs by name."""
    return {one["name"]: one["data"] for one in json.loads(body)["outputs"]}


def ask_at_once(stack: Stack, target: str) -> list[str]:
    """Send one request many times at once; return what each got: "drawn" or an error's text."""

    def ask(_number: int) -> str:
        arguments = {"num_inference_steps": 1, "height": 64, "width": 64, "seed": 5}
        try:
            invoke(stack, target, arguments, prompt="a photo of a sks person")
        except ClientError as error:
            return str(error.response.get("OriginalMessage") or error)
        return "drawn"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(ask, range(AT_ONCE)))


@contextmanager
def two_instances(stack: Stack) -> Iterator[None]:
    """Give the endpoint a second instance, as autoscaling does, and take it away in the end."""
    resize(stack, 2)
    try:
        yield
    finally:
        resize(stack, 1)


def resize(stack: Stack, count: int) -> None:
    """Give the endpoint so many instances, and wait for them."""
    name, client = stack.outputs["EndpointName"], stack.cloud.client("sagemaker")
    wanted = {"VariantName": "AllTraffic", "DesiredInstanceCount": count}
    client.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[wanted]
    )

    def resized() -> bool:
        found = client.describe_endpoint(EndpointName=name)
        (variant,) = found["ProductionVariants"]
        state = found["EndpointStatus"], variant["CurrentInstanceCount"]
        return state == ("InService", count)

    eventually(resized)


def hits_by_instance(stack: Stack) -> dict[str, float]:
    """Return how many answers each instance has given from memory, by its log stream."""
    logs, group = (
        stack.cloud.client("logs"),
        f"/aws/sagemaker/Endpoints/{stack.outputs['EndpointName']}",
    )
    hits: dict[str, float] = {}
    for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]:
        name = stream["logStreamName"]
        events = logs.get_log_events(logGroupName=group, logStreamName=name)["events"]
        lines = [e["message"] for e in events if e["message"].startswith('{"_aws"')]
        hits[name] = sum(json.loads(line).get("AnswerHits", 0) for line in lines)
    return hits
