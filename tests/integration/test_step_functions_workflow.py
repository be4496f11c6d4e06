"""Our own workflow on the embedded AWS; small functions that fail on demand play its stages."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from local.cloud.server import Cloud

ASL = Path(__file__).resolve().parents[2] / "statemachine" / "train_adapter.asl.json"
PLACEHOLDER = re.compile(r"\$\{(\w+)FunctionArn\}")
STAGES = [
    "AcceptRequest", "InspectPhotos", "TrainAdapter", "PublishAdapter", "WarmModel", "NotifyOwner",
]  # fmt: skip

PLAYER = """
import json, os, boto3

def handler(event, context):
    stage = context.function_name.removeprefix("play-")
    if stage == "FailJob":
        return fail_job(event)
    if "FAULT" in os.environ:
        raise type(os.environ["FAULT"], (Exception,), {})("as asked")
    answer = {"stage": stage, "status": "accepted", "job": {"job_id": "j"}}
    if "task_token" in event:
        states = boto3.client("stepfunctions")
        states.send_task_success(taskToken=event["task_token"], output=json.dumps(answer))
    return answer

def fail_job(event):
    if event["redrive_count"] > event["failed"]["redrive_count"]:
        return {}
    raise type(event["failure"]["Error"], (Exception,), {})("as the stage")
"""


class Play:
    """The workflow with played stages."""

    def __init__(self, cloud: Cloud) -> None:
        self._functions, self._states = cloud.client("lambda"), cloud.client("stepfunctions")
        self._role = role(cloud, "play", EVERYTHING)
        text = PLACEHOLDER.sub(lambda found: self._make(found[1]), ASL.read_text())
        self._machine = self._states.create_state_machine(
            name="play", definition=text, roleArn=self._role
        )["stateMachineArn"]

    def _make(self, stage: str) -> str:
        made = self._functions.list_functions()["Functions"]
        arns = {each["FunctionName"]: str(each["FunctionArn"]) for each in made}
        name = f"play-{stage}"
        if name in arns:
            return arns[name]
        code = {"ZipFile": archive(player=PLAYER)}
        return str(self._functions.create_function(
            FunctionName=name, Runtime=RUNTIME, Role=self._role, Handler="player.handler",
            Code=code, Timeout=10,
        )["FunctionArn"])  # fmt: skip

    def fault(self, stage: str, error: str | None) -> None:
        """Let a stage raise this error from now on, or no more."""
        variables = {} if error is None else {"FAULT": error}
        self._functions.update_function_configuration(
            FunctionName=f"play-{stage}", Environment={"Variables": variables}
        )

    def start(self) -> str:
        given = json.dumps({"detail": {"object": {"key": "tenants/t/uploads/u/request.json"}}})
        begun = self._states.start_execution(stateMachineArn=self._machine, input=given)
        return str(begun["executionArn"])

    def ended(self, arn: str) -> Any:
        """Wait for the end of an execution."""

        def look() -> Any:
            found = self._states.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        return eventually(look, 20)

    def redrive(self, arn: str) -> None:
        self._states.redrive_execution(executionArn=arn)

    def entered(self, arn: str) -> Counter[str]:
        """Return how often each state was entered."""
        events = self._states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        details = [event.get("stateEnteredEventDetails") for event in events]
        return Counter(each["name"] for each in details if each)


@pytest.fixture(scope="module")
def play(cloud: Cloud) -> Play:
    return Play(cloud)


def test_without_faults_every_stage_is_entered_once(play: Play) -> None:
    arn = play.start()
    assert play.ended(arn)["status"] == "SUCCEEDED"
    assert play.entered(arn) == Counter([*STAGES, "IsRepeat", "WhatToTrain"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_failed_stage_tells_the_owner_and_a_redrive_goes_on_from_it(
    play: Play, stage: str
) -> None:
    play.fault(stage, "NoMercyError")
    arn = play.start()
    first = play.ended(arn)
    assert (first["status"], first["error"]) == ("FAILED", "NoMercyError")
    assert play.entered(arn)["NotifyFailure"] == 1
    play.fault(stage, None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    entered = play.entered(arn)
    assert [entered[each] for each in STAGES] == [2 if each == stage else 1 for each in STAGES]
    assert (entered["FailJob"], entered["NotifyFailure"]) == (2, 1)


def test_a_stage_may_fail_again_after_a_redrive(play: Play) -> None:
    play.fault("PublishAdapter", "FirstError")
    arn = play.start()
    play.ended(arn)
    play.fault("PublishAdapter", "SecondError")
    play.redrive(arn)
    assert play.ended(arn)["error"] == "SecondError"
    play.fault("PublishAdapter", None)
    play.redrive(arn)
    assert play.ended(arn)["status"] == "SUCCEEDED"
    assert play.entered(arn)["TrainAdapter"] == 1
