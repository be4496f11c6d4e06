"""Fixtures of the Step Functions tests; a server starts when a test uses its fixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local.cloud.server import Cloud
    from tests.contract.step_functions_kit import StatesKit


@pytest.fixture(scope="session")
def states(cloud: Cloud) -> StatesKit:
    from tests.contract.step_functions_kit import StatesKit  # noqa: PLC0415

    return StatesKit(cloud)


@pytest.fixture(scope="session")
def parts(cloud: Cloud) -> dict[str, str]:
    """Create a queue, a topic, a table and a bucket with a few rows, for calls from states."""
    key = {"AttributeName": "pk"}
    cloud.client("dynamodb").create_table(
        TableName="probe", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{**key, "KeyType": "HASH"}],
        AttributeDefinitions=[{**key, "AttributeType": "S"}],
    )  # fmt: skip
    files = cloud.client("s3")
    files.create_bucket(Bucket="probe")
    rows = {
        "items.json": json.dumps([{"n": n} for n in range(7)]),
        "items.csv": "n,m\n1,a\n2,b\n",
        "items.jsonl": '{"n": 1}\n{"n": 2}\n',
    }
    for name, text in rows.items():
        files.put_object(Bucket="probe", Key=name, Body=text)
    return {
        "QUEUE": cloud.client("sqs").create_queue(QueueName="probe")["QueueUrl"],
        "TOPIC": cloud.client("sns").create_topic(Name="probe")["TopicArn"],
    }
