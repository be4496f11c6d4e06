"""Our workflows on the embedded AWS; their stages are small functions that fail on demand."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cloud import EVERYTHING, RUNTIME, archive, eventually, role

if TYPE_CHECKING:
    from local.cloud.server import Cloud

MACHINES = Path(__file__).resolve().parents[2] / "statemachine"
FUNCTION = re.compile(r"\$\{(\w+)FunctionArn\}")
TRIALS = ("p0", "p1", "p2")
STAGES = [
    "AcceptRequest", "InspectPhotos", "TrainAdapter", "PublishAdapter", "WarmModel", "NotifyOwner",
]  # fmt: skip

PLAYER = f"""
import json, os, boto3

TRIALS = {TRIALS}
CHOICES = ("dry_run", "captions", "sweep", "rungs")
"""
PLAYER += """

def handler(event, context):
    stage = context.function_name.removeprefix("play-")
    if stage == "FailJob":
        return fail_job(event)
    asked = event.get("event", {})
    decision = {name: asked.get(name, False) for name in CHOICES}
    job = event.get("job", {"job_id": "j", **decision})
    if "FAULT" in os.environ and job["job_id"] in os.environ.get("JOBS", job["job_id"]):
        raise type(os.environ["FAULT"], (Exception,), {})("as asked")
    answer = {"stage": stage, "status": "accepted", "job": job}
    if stage == "InspectPhotos":
        decision = {name: job[name] for name in ("dry_run", "captions", "sweep")}
        return {"schema_version": 1, "job_id": "j", "accepted": 5, "refused": 0, **decision}
    if stage == "PlanSweep":
        return rung(job["rungs"], event["outcomes"])
    if stage == "RankSweep":
        return rank(event["outcomes"])
    if "task_token" in event:
        states = boto3.client("stepfunctions")
        states.send_task_success(taskToken=event["task_token"], output=json.dumps(answer))
    return answer

def rung(rungs, outcomes):
    number = max((1 + outcome["job"].get("rung", 0) for outcome in outcomes), default=0)
    own = {"rung": number} if rungs else {}
    points = [{"name": name, "job": {"job_id": name, **own}} for name in TRIALS[number:]]
    return {"points": points, "is_last": not points or number + 1 >= rungs}

def rank(outcomes):
    trained = [each["trained"] for each in outcomes if "trained" in each]
    if not trained:
        raise type("SweepFailedError", (Exception,), {})(json.dumps({"code": "sweep_failed"}))
    return {"trained": trained[-1]}

def fail_job(event):
    if event["redrive_count"] > event["failed"]["redrive_count"]:
        return {}
    raise type(event["failure"]["Error"], (Exception,), {})("as the stage")
"""


class Play:
    """The workflows with functions in place of the stages."""

    def __init__(self, cloud: Cloud) -> None:
        self._functions, self._states = cloud.client("lambda"), cloud.client("stepfunctions")
        self._role = role(cloud, "play", EVERYTHING)
        sweep = self._machine("sweep_adapter")
        self._arn = self._machine("train_adapter", SweepAdapterStateMachineArn=sweep)
        self._faulty: set[str] = set()

    def _machine(self, name: str, **machines: str) -> str:
        text = (MACHINES / f"{name}.asl.json").read_text().replace("${Partition}", "aws")
        for placeholder, arn in machines.items():
            text = text.replace(f"${{{placeholder}}}", arn)
        text = FUNCTION.sub(lambda found: self._make(found[1]), text)
        made = self._states.create_state_machine(
            name=f"play-{name}", definition=text, roleArn=self._role
        )
        return str(made["stateMachineArn"])

    def _make(self, stage: str) -> str:
        made = self._functions.list_functions()["Functions"]
        arns = {each["FunctionName"]: str(each["FunctionArn"]) for each in made}
        name = f"play-{stage}"
        if name in arns:
            return arns[name]
        code = {"ZipFile": archive(player=PLAYER)}
        return str(self._functions.create_function(
            FunctionName=name, Runtime=RUNTIME, Role=self._role, Handler="player.handler",
            Code=code, Timeout=120,
        )["FunctionArn"])  # fmt: skip

    def fault(self, stage: str, error: str | None, *jobs: str) -> None:
        """Let a stage raise an error for some jobs, or for all jobs; None ends the fault."""
        self._faulty.add(stage)
        variables = {} if error is None else {"FAULT": error}
        variables |= {"JOBS": ",".join(jobs)} if jobs else {}
        self._functions.update_function_configuration(
            FunctionName=f"play-{stage}", Environment={"Variables": variables}
        )

    def mend(self) -> None:
        """End the faults of every stage."""
        for stage in tuple(self._faulty):
            self.fault(stage, None)
        self._faulty.clear()

    def start(
        self,
        *,
        sweep: bool = False,
        dry_run: bool = False,
        captions: bool = False,
        rungs: int = 0,
    ) -> str:
        """Start a job; ``rungs`` of a sweep: each has one trial less than the one before."""
        event = {
            "detail": {"object": {"key": "tenants/t/uploads/u/request.json"}},
            "sweep": sweep,
            "dry_run": dry_run,
            "captions": captions,
            "rungs": rungs,
        }
        begun = self._states.start_execution(stateMachineArn=self._arn, input=json.dumps(event))
        return str(begun["executionArn"])

    def ended(self, arn: str) -> Any:
        """Wait for the end of an execution."""

        def look() -> Any:
            found = self._states.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        return eventually(look)

    def redrive(self, arn: str) -> None:
        self._states.redrive_execution(executionArn=arn)

    def entered(self, arn: str) -> Counter[str]:
        """Return how often each state was entered."""
        events = self._states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        details = [event.get("stateEnteredEventDetails") for event in events]
        return Counter(each["name"] for each in details if each)

    def given(self, arn: str, state: str) -> Any:
        """Return the input with which a state was entered last."""
        events = self._states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        details = [e["stateEnteredEventDetails"] for e in events if "stateEnteredEventDetails" in e]
        return json.loads([each["input"] for each in details if each["name"] == state][-1])

    def children(self, arn: str) -> list[str]:
        """Return the sweeps that an execution started, the oldest first."""
        events = self._states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        sent = [json.loads(e["taskScheduledEventDetails"]["parameters"]) for e in events
                if e["type"] == "TaskScheduled"]  # fmt: skip
        return [
            f"{each['StateMachineArn'].replace(':stateMachine:', ':execution:')}:{each['Name']}"
            for each in sent
            if "StateMachineArn" in each
        ]
