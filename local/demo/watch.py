"""What the workflow and the training say while they run, for a person at a terminal."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from local.cloud.server import Cloud

TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
STEP = re.compile(r"step=(?P<step>\d+) loss=(?P<loss>\S+) .*?\bsteps=(?P<steps>\d+)")
POLL_SECONDS = 0.3
WORKFLOW_SECONDS = 1200


class WorkflowError(Exception):
    """The execution did not start, did not end, or did not end well."""


@dataclass(frozen=True)
class Step:
    """One line of the trainer's log."""

    step: int
    steps: int
    loss: float


def follow(cloud: Cloud, state_machine_arn: str, console: Console) -> str:
    """Show each state of the newest execution until it ends; return the execution's ARN.

    Raises:
        WorkflowError: it failed, timed out or never started.
    """
    client = cloud.client("stepfunctions")
    arn = _newest(client, state_machine_arn)
    console.print(f"[bold]Execution[/] {arn.rpartition(':')[2]}")
    with Progress(
        TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(), console=console, transient=True,
    ) as bar:  # fmt: skip
        status = _watch(cloud, client, arn, console, bar)
    if status != "SUCCEEDED":
        raise WorkflowError(f"the execution is {status}; the notice says why")
    return arn


def training_steps(cloud: Cloud) -> Iterator[Step]:
    """Return what the newest training job has said so far, step by step."""
    logs = cloud.client("logs")
    try:
        streams = logs.describe_log_streams(logGroupName=TRAINING_LOGS)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return
    for stream in streams[-1:]:
        events = logs.get_log_events(
            logGroupName=TRAINING_LOGS, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
        for event in events:
            if found := STEP.search(event["message"]):
                yield Step(int(found["step"]), int(found["steps"]), float(found["loss"]))


def _newest(client: Any, state_machine_arn: str) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = client.list_executions(stateMachineArn=state_machine_arn)["executions"]
        if found:
            return str(found[0]["executionArn"])
        time.sleep(POLL_SECONDS)
    message = "no execution started within 30 s of the upload"
    raise WorkflowError(message)


def _watch(cloud: Cloud, client: Any, arn: str, console: Console, bar: Progress) -> str:
    seen = 0
    entered: dict[str, Any] = {}
    task: TaskID | None = None
    deadline = time.monotonic() + WORKFLOW_SECONDS
    while time.monotonic() < deadline:
        status = str(client.describe_execution(executionArn=arn)["status"])
        events = _history(client, arn)
        for event in events[seen:]:
            _show(event, entered, console)
        seen = len(events)
        if status != "RUNNING":
            return status
        steps = list(training_steps(cloud)) if "TrainAdapter" in entered else []
        if steps:
            task = _advance(bar, task, steps[-1])
        time.sleep(POLL_SECONDS)
    message = f"the execution is still running after {WORKFLOW_SECONDS} s"
    raise WorkflowError(message)


def _history(client: Any, arn: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def _show(event: dict[str, Any], entered: dict[str, Any], console: Console) -> None:
    if event["type"].endswith("StateEntered"):
        entered[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
    elif event["type"].endswith("StateExited"):
        name = event["stateExitedEventDetails"]["name"]
        if name in entered:
            seconds = (event["timestamp"] - entered[name]).total_seconds()
            console.print(f"  [green]done[/]  {name:<16}{seconds:6.1f} s")
    elif event["type"] in {"TaskFailed", "ExecutionFailed"}:
        details: dict[str, Any] = next(
            (v for k, v in event.items() if k.endswith("FailedEventDetails")), {}
        )
        console.print(f"  [red]fail[/]  {details.get('error')}: {details.get('cause')}")


def _advance(bar: Progress, task: TaskID | None, now: Step) -> TaskID:
    words = f"step {now.step}/{now.steps}  loss {now.loss:.4f}"
    if task is None:
        task = bar.add_task("training", total=now.steps, words=words)
    bar.update(task, completed=now.step, words=words)
    return task
