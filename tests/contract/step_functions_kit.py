"""Shared by the Step Functions tests: a function with many behaviours, and short machines."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cloud import EVERYTHING, PATIENCE_SECONDS, RUNTIME, archive, eventually, role

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
    """Let another invocation answer the token, as an external worker would."""
    payload = json.dumps({**event, "op": event["how"]})
    boto3.client("lambda").invoke(FunctionName="probe", InvocationType="Event", Payload=payload)
    return "ignored"

def never(event): pass
def succeed(event): states().send_task_success(taskToken=event["token"], output='{"answer": 1}')
def refuse(event):
    states().send_task_failure(taskToken=event["token"], error="MyError", cause="why")

def beat(event):
    for _ in range(event["times"]):
        time.sleep(event["seconds"])
        states().send_task_heartbeat(taskToken=event["token"])
    succeed(event)

def states(): return boto3.client("stepfunctions")
'''

INVOKE = "arn:aws:states:::lambda:invoke"
CALLBACK = f"{INVOKE}.waitForTaskToken"

State = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The end of an execution, from DescribeExecution and the history."""

    arn: str
    status: str
    error: str | None
    cause: str
    output: Any
    events: list[dict[str, Any]]

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]


class StatesKit:
    """Creates machines from states and runs them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.states = cloud.client("stepfunctions")
        self.role = role(cloud, "probe", EVERYTHING)
        self.function = self.make("probe", timeout=PATIENCE_SECONDS)
        self.hasty = self.make("probe-hasty", timeout=1)

    def make(self, name: str, timeout: int) -> str:
        """Create a probe function; return its ARN."""
        arn: str = self.cloud.client("lambda").create_function(
            FunctionName=name, Runtime=RUNTIME, Role=self.role, Handler="probe.handler",
            Code={"ZipFile": archive(probe=PROBE)}, Timeout=timeout,
        )["FunctionArn"]  # fmt: skip
        return arn

    def task(self, op: str, **fields: Any) -> State:
        """Return a Task that calls the probe, or another `function`, with a `payload`."""
        payload = {"op": op, **fields.pop("payload", {})}
        end = {} if "Next" in fields else {"End": True}
        call = {"FunctionName": fields.pop("function", self.function), "Payload": payload}
        return {"Type": "Task", "Resource": INVOKE, "Parameters": call, **end, **fields}

    def callback(self, how: str, **fields: Any) -> State:
        """Return a Task whose token another invocation answers."""
        payload = {"how": how, "token.$": "$$.Task.Token", **fields.pop("payload", {})}
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

    def outcome(self, arn: str) -> Outcome:
        """Wait for an execution's end."""
        found = eventually(lambda: self._ended(arn))
        output = json.loads(found["output"]) if found["status"] == "SUCCEEDED" else None
        error, cause = found.get("error"), found.get("cause") or ""
        return Outcome(arn, found["status"], error, cause, output, self.history(arn))

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
