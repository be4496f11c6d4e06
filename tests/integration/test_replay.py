"""likeness replay against real queues, functions and machines."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from likeness_client.__main__ import main
from local.cloud.server import Cloud
from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role

KEEP = """
import boto3, json, os
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps(event))
"""


class Post:
    """A dead-letter queue, a function that writes down what it is given, and a machine."""

    def __init__(self, cloud: Cloud) -> None:
        self.sqs, self.states = cloud.client("sqs"), cloud.client("stepfunctions")
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.seen = self.sqs.create_queue(QueueName="seen")["QueueUrl"]
        arn = role(cloud, "replayed", EVERYTHING)
        self.function = cloud.client("lambda").create_function(
            FunctionName="keep",
            Runtime=RUNTIME,
            Role=arn,
            Handler="keep.handler",
            Code={"ZipFile": archive(keep=KEEP)},
            Environment={"Variables": {"SEEN": self.seen}},
        )["FunctionArn"]
        definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
        self.machine = self.states.create_state_machine(
            name="replayed", definition=json.dumps(definition), roleArn=arn
        )["stateMachineArn"]

    def empty(self) -> None:
        for queue in (self.dead, self.seen):
            self.sqs.purge_queue(QueueUrl=queue)

    def put(self, body: object, **attributes: str) -> None:
        typed = {
            name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        }
        text = body if isinstance(body, str) else json.dumps(body)
        self.sqs.send_message(QueueUrl=self.dead, MessageBody=text, MessageAttributes=typed)

    def received(self) -> Any:
        question = {"QueueUrl": self.seen, "WaitTimeSeconds": 1}
        (message,) = eventually(lambda: self.sqs.receive_message(**question).get("Messages"))
        return json.loads(message["Body"])

    def left(self) -> list[Any]:
        found: list[Any] = self.sqs.receive_message(QueueUrl=self.dead).get("Messages", [])
        return found


@pytest.fixture(scope="module")
def office(cloud: Cloud) -> Post:
    return Post(cloud)


@pytest.fixture
def post(office: Post, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    office.empty()
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    yield office
    office.empty()


def test_an_event_goes_to_the_function_it_was_bound_for(post: Post) -> None:
    post.put({"detail": 1}, TARGET_ARN=post.function, ERROR_CODE="SDK_CLIENT_ERROR")
    assert main(["replay", post.dead]) == 0
    assert post.received() == {"detail": 1}
    assert post.left() == []


def test_an_upload_that_never_started_starts(post: Post) -> None:
    post.put({"detail": {"object": {"key": "k"}}}, TARGET_ARN=post.machine, ERROR_CODE="THROTTLING")
    assert main(["replay", post.dead]) == 0
    (execution,) = post.states.list_executions(stateMachineArn=post.machine)["executions"]
    attributes = post.states.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(attributes["input"]) == {"detail": {"object": {"key": "k"}}}


def test_an_invocation_that_lambda_gave_up_is_made_again(post: Post) -> None:
    context = {"functionArn": post.function, "condition": "RetriesExhausted"}
    post.put({"requestContext": context, "requestPayload": {"again": True}})
    assert main(["replay", post.dead]) == 0
    assert post.received() == {"again": True}


def test_a_batch_of_the_stream_wakes_its_function(post: Post) -> None:
    context = {"functionArn": post.function, "condition": "RetryAttemptsExhausted"}
    post.put({"requestContext": context, "DDBStreamBatchInfo": {"batchSize": 3}})
    assert main(["replay", post.dead]) == 0
    assert post.received() == {}


def test_a_dry_run_shows_and_leaves(post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    post.put({"user": "secret"}, TARGET_ARN=post.function, ERROR_CODE="NO_PERMISSIONS")
    assert main(["replay", post.dead, "--dry-run"]) == 0
    assert capsys.readouterr().out == "keep  NO_PERMISSIONS\n0 delivered, 1 left\n"
    assert len(post.left()) == 1


@pytest.mark.parametrize("body", ["no JSON", {"nobody": "knows"}, []])
def test_what_nobody_knows_stays(post: Post, body: object) -> None:
    post.put(body)
    assert main(["replay", post.dead]) == 1
    assert len(post.left()) == 1


def test_what_is_refused_again_stays(post: Post) -> None:
    post.put({}, TARGET_ARN=post.function + "-that-is-gone", ERROR_CODE="RESOURCE_NOT_FOUND")
    assert main(["replay", post.dead]) == 1
    assert len(post.left()) == 1
