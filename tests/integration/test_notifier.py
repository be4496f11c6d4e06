"""Notifier and Models: the fakes behave like SNS and DynamoDB, in the embedded AWS and in moto."""

import json
import uuid
from typing import Any

import pytest

from aws.endpoint.models import DynamoModels
from aws.notifier import SnsNotifier
from contracts.documents.model import ModelRecord
from contracts.documents.notice import Notice
from local.cloud.server import Cloud
from tests.cloud import EVERYTHING
from tests.fakes.models import MemoryModels
from tests.integration.tables import table

JOB = "0" * 32
NOTICE = Notice(
    notice_id="failed-0000",
    job_id=None,
    tenant="acme",
    upload="first",
    status="failed",
    code="invalid_request",
    title="The request could not be read",
    text="Why, and what to do: ümläute too.",
    retryable=False,
)


def model(seconds: int = 0) -> ModelRecord:
    return ModelRecord(
        tenant="acme",
        model_id=JOB,
        target_model=f"{JOB}-{'a' * 12}.tar.gz",
        weights_sha256="a" * 64,
        base_id="base",
        trigger_word="sks",
        endpoint_name="endpoint",
        created_at=f"2026-11-21T12:00:{seconds:02}+00:00",
    )


@pytest.fixture(params=["cloud", "moto"])
def place(request: pytest.FixtureRequest) -> Cloud:
    """The embedded AWS, then moto with the same face."""
    found: Cloud = request.getfixturevalue(request.param)
    return found


def subscribed(cloud: Cloud, **policy: list[str]) -> tuple[SnsNotifier, Any]:
    """Return a notifier and what reads the messages that pass the filter."""
    name = f"notices-{uuid.uuid4().hex}"
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    wanted = {"QueueUrl": queue, "AttributeNames": ["QueueArn"]}
    arn = sqs.get_queue_attributes(**wanted)["Attributes"]["QueueArn"]
    policy_document = {"Statement": [EVERYTHING | {"Principal": "*"}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy_document)})
    attributes = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps(policy)}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)
    return SnsNotifier(topic, sns), lambda: sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10
    ).get("Messages", [])


def test_a_notice_arrives_as_it_was_written(place: Cloud) -> None:
    notifier, received = subscribed(place, tenant=["acme"])
    notifier.publish(NOTICE)
    (message,) = received()
    assert Notice.model_validate_json(message["Body"]) == NOTICE


def test_subscribers_filter_by_tenant_status_and_code(place: Cloud) -> None:
    notifier, received = subscribed(place, tenant=["other"])
    notifier.publish(NOTICE)
    notifier.publish(NOTICE.model_copy(update={"tenant": None}))
    assert received() == []
    notifier, received = subscribed(place, status=["failed"], code=["invalid_request"])
    notifier.publish(NOTICE)
    assert len(received()) == 1


def test_a_model_is_recorded_once(place: Cloud) -> None:
    memory, rows = MemoryModels(), table(place, "ModelsTable")
    for models in (memory, DynamoModels(rows)):
        models.record(model())
        models.record(model(seconds=1))
    (item,) = rows.scan()["Items"]
    assert [ModelRecord.model_validate(item)] == list(memory.rows.values()) == [model(seconds=1)]
