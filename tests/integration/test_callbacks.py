"""domain.ports.callbacks.Callbacks: the fake and Step Functions behave alike."""

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


class WaitingState(Protocol):
    """Callbacks, and a way to make a state wait behind a token and to see what it heard."""

    @property
    def callbacks(self) -> Callbacks: ...

    def wait(self) -> str: ...

    def outcome(self) -> tuple[str | None, str]: ...


class MemoryWaitingState:
    def __init__(self) -> None:
        self.memory = MemoryCallbacks()

    @property
    def callbacks(self) -> Callbacks:
        return self.memory

    def wait(self) -> str:
        return self.memory.wait("token")

    def outcome(self) -> tuple[str | None, str]:
        return self.memory.answers["token"]


@dataclass
class CloudWaitingState:
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

    def outcome(self) -> tuple[str | None, str]:
        ended = eventually(self.ended)
        return ended.get("error"), ended["output"] if "output" in ended else ended["cause"]

    def ended(self) -> Any:
        described = self.states.describe_execution(executionArn=self.execution)
        return None if described["status"] == "RUNNING" else described


@pytest.fixture(params=["memory", "embedded"])
def waiting(request: pytest.FixtureRequest) -> WaitingState:
    if request.param == "memory":
        return MemoryWaitingState()
    return cloud_waiting_state(request.getfixturevalue("cloud"), request.node.name)


def cloud_waiting_state(cloud: Cloud, test: str) -> CloudWaitingState:
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
    return CloudWaitingState(states, cloud.client("sqs"), queue, machine["stateMachineArn"])


def test_a_success_ends_the_waiting_state_with_its_document(waiting: WaitingState) -> None:
    token = waiting.wait()
    assert waiting.callbacks.succeed(token, '{"job_id": 1}', "job-1")
    error, output = waiting.outcome()
    assert error is None
    assert json.loads(output) == {"job_id": 1}


def test_a_failure_arrives_under_its_name_with_its_facts(waiting: WaitingState) -> None:
    token = waiting.wait()
    assert waiting.callbacks.fail(token, "GateFailedError", '{"code": "gate_failed"}', "job-1")
    assert waiting.outcome() == ("GateFailedError", '{"code": "gate_failed"}')


def test_a_second_answer_finds_nobody(waiting: WaitingState) -> None:
    token = waiting.wait()
    waiting.callbacks.succeed(token, "{}", "job-1")
    assert not waiting.callbacks.succeed(token, "{}", "job-1")
    assert not waiting.callbacks.fail(token, "TooLateError", "{}", "job-1")


def test_a_token_that_nobody_issued_finds_nobody(waiting: WaitingState) -> None:
    assert not waiting.callbacks.succeed("invented", "{}", "job-1")
