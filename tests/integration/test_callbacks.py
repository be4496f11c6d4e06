"""domain.training.following.Callbacks: the fake and Step Functions behave alike."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from aws.callbacks import StepFunctionsCallbacks
from domain.ports.callbacks import Callbacks
from local.cloud.server import Cloud
from tests.cloud import EVERYTHING, eventually, role
from tests.fakes.callbacks import MemoryCallbacks

WAIT = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"


class Desk(Protocol):
    """Callbacks, and a way to make a state wait behind a token and to see what it heard."""

    @property
    def callbacks(self) -> Callbacks: ...

    def wait(self) -> str: ...

    def heard(self) -> tuple[str | None, str]: ...


class MemoryDesk:
    def __init__(self) -> None:
        self.memory = MemoryCallbacks()

    @property
    def callbacks(self) -> Callbacks:
        return self.memory

    def wait(self) -> str:
        return self.memory.wait("token")

    def heard(self) -> tuple[str | None, str]:
        return self.memory.answers["token"]


@dataclass
class CloudDesk:
    states: Any
    sqs: Any
    queue: str
    machine: str
    execution: str = ""

    @property
    def callbacks(self) -> Callbacks:
        return StepFunctionsCallbacks(self.states)

    def wait(self) -> str:
        self.execution = self.states.start_execution(stateMachineArn=self.machine)["executionArn"]
        receive = {"QueueUrl": self.queue, "WaitTimeSeconds": 1}
        messages = eventually(lambda: self.sqs.receive_message(**receive).get("Messages"))
        self.sqs.purge_queue(QueueUrl=self.queue)
        token: str = json.loads(messages[0]["Body"])["token"]
        return token

    def heard(self) -> tuple[str | None, str]:
        ended = eventually(self.ended)
        return ended.get("error"), ended["output"] if "output" in ended else ended["cause"]

    def ended(self) -> Any:
        told = self.states.describe_execution(executionArn=self.execution)
        return None if told["status"] == "RUNNING" else told


@pytest.fixture(params=["memory", "embedded"])
def desk(request: pytest.FixtureRequest) -> Desk:
    if request.param == "memory":
        return MemoryDesk()
    return cloud_desk(request.getfixturevalue("cloud"), request.node.name)


def cloud_desk(cloud: Cloud, test: str) -> CloudDesk:
    name = f"desk-{abs(hash(test))}"
    queue = cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    body = {"token.$": "$$.Task.Token"}
    task = {
        "Type": "Task",
        "Resource": WAIT,
        "Parameters": {"QueueUrl": queue, "MessageBody": body},
        "TimeoutSeconds": 60,
        "End": True,
    }
    machine = cloud.client("stepfunctions").create_state_machine(
        name=name,
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": task}}),
        roleArn=role(cloud, name, EVERYTHING),
    )
    states = cloud.client("stepfunctions")
    return CloudDesk(states, cloud.client("sqs"), queue, machine["stateMachineArn"])


def test_a_success_ends_the_waiting_state_with_its_document(desk: Desk) -> None:
    token = desk.wait()
    assert desk.callbacks.succeed(token, '{"job_id": 1}', "job-1")
    error, output = desk.heard()
    assert error is None
    assert json.loads(output) == {"job_id": 1}


def test_a_failure_arrives_under_its_name_with_its_facts(desk: Desk) -> None:
    token = desk.wait()
    assert desk.callbacks.fail(token, "GateFailedError", '{"code": "gate_failed"}', "job-1")
    assert desk.heard() == ("GateFailedError", '{"code": "gate_failed"}')


def test_a_second_answer_finds_nobody(desk: Desk) -> None:
    token = desk.wait()
    desk.callbacks.succeed(token, "{}", "job-1")
    assert not desk.callbacks.succeed(token, "{}", "job-1")
    assert not desk.callbacks.fail(token, "TooLateError", "{}", "job-1")


def test_a_token_that_nobody_issued_finds_nobody(desk: Desk) -> None:
    assert not desk.callbacks.succeed("invented", "{}", "job-1")
