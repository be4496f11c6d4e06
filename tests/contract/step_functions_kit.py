"""What the Step Functions probes share: a function that does as told, machines made of a line."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from local.cloud.server import Cloud

PROBE = '''
import json, time, boto3

class CustomError(Exception): pass
class FlakyError(Exception): pass

calls = {}

def handler(event, context):
    return globals()[event.get("op", "echo")](event)

def echo(event): return event
def fail(event): raise CustomError("boom")
def sleep(event): time.sleep(event["seconds"])
def big(event): return "a" * event["size"]

def flaky(event):
    times = calls.setdefault(event["key"], [])
    times.append(time.time())
    if len(times) <= event["failures"]: raise FlakyError(str(len(times)))
    return [later - earlier for earlier, later in zip(times, times[1:])]

def hand_on(event):
    """Let another invocation answer the token, as a worker elsewhere would."""
    told = json.dumps({**event, "op": event["how"]})
    boto3.client("lambda").invoke(FunctionName="probe", InvocationType="Event", Payload=told)
    return "ignored"

def never(event): pass
def succeed(event): states().send_task_success(taskToken=event["token"], output='{"answer": 1}')
def refuse(event):
    states().send_task_failure(taskToken=event["token"], error="MyError", cause="why")

def beat(event):
    for _ in range(3):
        time.sleep(0.8)
        states().send_task_heartbeat(taskToken=event["token"])
    succeed(event)

def states(): return boto3.client("stepfunctions")
'''

INVOKE = "arn:aws:states:::lambda:invoke"
CALLBACK = f"{INVOKE}.waitForTaskToken"

State = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How an execution ended, as DescribeExecution and the history tell it."""

    arn: str
    status: str
    error: str | None
    cause: str
    output: Any
    seconds: float
    events: list[dict[str, Any]]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


class StatesKit:
    """Makes machines from states and runs them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.states = cloud.client("stepfunctions")
        self.role = role(cloud, "probe", EVERYTHING)
        self.function: str = cloud.client("lambda").create_function(
            FunctionName="probe", Runtime=RUNTIME, Role=self.role, Handler="probe.handler",
            Code={"ZipFile": archive(probe=PROBE)}, Timeout=3,
        )["FunctionArn"]  # fmt: skip

    def task(self, op: str, **fields: Any) -> State:
        """Return a Task that calls the probe; `payload` adds to what it is sent."""
        payload = {"op": op, **fields.pop("payload", {})}
        end = {} if "Next" in fields else {"End": True}
        call = {"FunctionName": self.function, "Payload": payload}
        return {"Type": "Task", "Resource": INVOKE, "Parameters": call, **end, **fields}

    def callback(self, how: str, **fields: Any) -> State:
        """Return a Task whose token is answered elsewhere."""
        payload = {"how": how, "token.$": "$$.Task.Token"}
        return self.task("hand_on", payload=payload, **{"Resource": CALLBACK, **fields})

    def machine(self, definition: State, name: str | None = None, **fields: Any) -> str:
        name = name or f"probe-{uuid.uuid4().hex[:12]}"
        arn: str = self.states.create_state_machine(
            name=name,
            definition=json.dumps(definition),
            roleArn=fields.pop("role", self.role),
            **fields,
        )["stateMachineArn"]
        return arn

    def start(self, definition: State, given: Any = None, **fields: Any) -> str:
        machine = self.machine(definition, **fields)
        text = json.dumps({} if given is None else given)
        arn: str = self.states.start_execution(stateMachineArn=machine, input=text)["executionArn"]
        return arn

    def run(self, definition: State, given: Any = None, **fields: Any) -> Outcome:
        return self.outcome(self.start(definition, given, **fields))

    def outcome(self, arn: str, seconds: float = 15) -> Outcome:
        """Wait for an execution's end."""
        began = time.monotonic()
        found = eventually(lambda: self._ended(arn), seconds)
        output = json.loads(found["output"]) if found["status"] == "SUCCEEDED" else None
        took = time.monotonic() - began
        error, cause = found.get("error"), found.get("cause") or ""
        return Outcome(arn, found["status"], error, cause, output, took, self.history(arn))

    def _ended(self, arn: str) -> Any:
        found = self.states.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    def history(self, arn: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.states.get_execution_history(
            executionArn=arn, maxResults=1000
        )["events"]
        return events

    def refusal(self, definition: State | str) -> str:
        """Return the message with which CreateStateMachine refuses a definition."""
        text = definition if isinstance(definition, str) else json.dumps(definition)
        states = self.states
        try:
            states.create_state_machine(name="refused", definition=text, roleArn=self.role)
        except states.exceptions.InvalidDefinition as error:
            return str(error)
        raise AssertionError("accepted")


def one(state: State, **others: State) -> State:
    """Return a machine that begins with this state, named A."""
    return {"StartAt": "A", "States": {"A": state, **others}}


def jsonata(machine: State) -> State:
    return {"QueryLanguage": "JSONata", **machine}
