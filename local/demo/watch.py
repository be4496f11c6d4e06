"""What the workflow and the training say while they run, for a person who waits.

It follows what moves, not a clock: as long as a state begins or ends, a training step, a picture or
a line of the log comes, it goes on, however slow the machine is.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError
from rich.console import Console

from local.cloud.server import Cloud
from local.demo.display import Display
from local.demo.patience import Patience
from local.demo.training_log import TRAINING, Progress, TrainingLog, parse

POLL_SECONDS = 1.0
"""Each look costs the embedded AWS a few milliseconds, which the training then lacks."""

SAVE_SECONDS = 5.0


KEPT = re.compile(r"resumed from step \d+|task \w+ was finished by an earlier attempt")
"""What the trainer says when it found the work of an earlier training job."""


class WorkflowError(Exception):
    """The execution did not end well."""

    def __init__(self, arn: str, status: str) -> None:
        super().__init__(f"the execution is {status}")
        self.arn = arn


@dataclass
class Watcher:
    """Follows one execution."""

    cloud: Cloud
    console: Console
    save: Callable[[], None]
    """Called every few seconds and at the end: keeps what was trained."""
    is_alive: Callable[[], bool]
    """Whether the embedded AWS still runs."""
    patience: Patience = field(default_factory=Patience)
    sleep: Callable[[float], None] = time.sleep
    states: dict[str, Any] = field(default_factory=dict)
    """When each state was entered."""
    reading: Progress | None = None
    """The last that the training said."""
    _events_seen: int = 0
    _saved_at: float = 0.0

    def follow(self, state_machine_arn: str) -> str:
        """Show the newest execution until it ends; return its ARN.

        Raises:
            WorkflowError: it failed, timed out or was aborted.
            StalledError: nothing has moved for long; the execution still runs.
            BotoCoreError: the embedded AWS has ended.
        """
        client = self.cloud.client("stepfunctions")
        arn = self._newest(client, state_machine_arn)
        self.console.print(f"[bold]Execution[/] {arn.rpartition(':')[2]}")
        log = TrainingLog(self.cloud.client("logs"))
        with Display(self.console) as display:
            while (status := self._look(client, arn, log, display)) == "RUNNING":
                self.sleep(POLL_SECONDS)
        self.save()
        if status != "SUCCEEDED":
            raise WorkflowError(arn, status)
        return arn

    def _newest(self, client: Any, state_machine_arn: str) -> str:
        while True:
            found = client.list_executions(stateMachineArn=state_machine_arn)["executions"]
            if found:
                return str(found[0]["executionArn"])
            self.patience.saw("no execution")
            self.sleep(POLL_SECONDS)

    def _look(self, client: Any, arn: str, log: TrainingLog, display: Display) -> str:
        """Take one look; on a busy machine the embedded AWS may answer late or not at once."""
        try:
            status = str(client.describe_execution(executionArn=arn)["status"])
            self._show_events(client, arn)
            lines = log.read() if "TrainAdapter" in self.states else []
            self._save_now_and_then()
        except BotoCoreError:
            if not self.is_alive():
                raise
            status, lines = "RUNNING", []
        self._show_training(lines, display)
        self.patience.saw((status, self._events_seen, log.lines_read))
        if status == "RUNNING":
            display.still(self.state, self.patience.silence)
        return status

    @property
    def state(self) -> str:
        """The state that was entered last."""
        return next(reversed(self.states), "the start of the execution")

    def _show_events(self, client: Any, arn: str) -> None:
        events = history(client, arn)
        for event in events[self._events_seen :]:
            self._show_event(event)
        self._events_seen = len(events)

    def _show_event(self, event: dict[str, Any]) -> None:
        if event["type"].endswith("StateEntered"):
            self.states[event["stateEnteredEventDetails"]["name"]] = event["timestamp"]
        elif event["type"].endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            if name in self.states:
                seconds = (event["timestamp"] - self.states[name]).total_seconds()
                self.console.print(f"  [green]done[/]  {name:<16}{seconds:6.1f} s")
        elif event["type"] == "TaskFailed":
            details = failure_details(event)
            self.console.print(f"  [red]fail[/]  {self.state}: {details.get('error')}")

    def _show_training(self, lines: list[str], display: Display) -> None:
        for line in lines:
            if kept := KEPT.match(line):
                self.console.print(f"  [green]kept[/]  {kept[0]}")
            if now := parse([line]):
                self.reading = now
        if lines and self.reading is not None:
            display.show(self.reading)

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()
            self._saved_at = time.monotonic()


def history(client: Any, arn: str) -> list[dict[str, Any]]:
    """Return the execution's events, in order."""
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
    return [event for page in pages for event in page["events"]]


def failure_details(event: dict[str, Any]) -> dict[str, Any]:
    """Return ``error`` and ``cause`` of an event that tells of a failure; empty for another one."""
    found = (v for k, v in event.items() if k.endswith("FailedEventDetails"))
    return next(found, {})


def steps_done(reading: Progress | None) -> str:
    """Return how far the training was, for a sentence; empty when it had not begun."""
    if reading is None or reading.what != TRAINING:
        return ""
    return f"step {reading.done} of {reading.total}"
