"""One run through states: its history, its stop signal and its time limit."""

import contextvars
import copy
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as stock

from local.cloud.states.failures import StoppedError, TimedOutError
from local.cloud.typing_aliases import Json, Stock

_history_lock = threading.Lock()


@dataclass(frozen=True)
class Position:
    """The state of a run, with its input and the variables at that moment."""

    state: str
    data: Json
    variables: dict[str, Json]


class Run:
    """One run: a whole execution, or a branch of one.

    Attributes:
        record: ministack's execution record, which branches share.
        context: the context object, with `variables` and the query language in force.
        position: the current state, after the run has entered one.
        deadline: time.monotonic() at the end of the machine's TimeoutSeconds, or None.
    """

    def __init__(
        self, record: Stock, context: dict[str, Json], deadline: float | None = None
    ) -> None:
        self.record = record
        self.context = context
        self.deadline = deadline
        self.position: Position | None = None
        self._previous_event = len(record["events"])
        self._stopped = threading.Event()
        self._waiting: set[threading.Event] = set()
        self._branches: set[Run] = set()

    def enter(self, name: str, data: Json) -> None:
        """Record the current state and its input; a redrive continues there."""
        self.context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        self.position = Position(
            name, copy.deepcopy(data), copy.deepcopy(self.context["variables"])
        )

    def branch(self) -> "Run":
        """Return a run of a branch, with a copy of the context."""
        run = Run(self.record, copy.deepcopy(self.context), self.deadline)
        run._previous_event = self._previous_event
        self._branches.add(run)
        return run

    def halt(self) -> None:
        """Stop this run and its branches, also while they wait."""
        self._stopped.set()
        for event in tuple(self._waiting):
            event.set()
        for branch in tuple(self._branches):
            branch.halt()

    def check(self) -> None:
        """Raise if this run must end."""
        if self._stopped.is_set():
            raise StoppedError
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise TimedOutError

    def wait(self, event: threading.Event, until: float | None = None) -> bool:
        """Wait for an event; return False when `until` (time.monotonic()) comes first.

        Raises:
            StoppedError: the run was stopped meanwhile.
            TimedOutError: the machine's time limit came first.
        """
        ends = [end for end in (until, self.deadline) if end is not None]
        self._waiting.add(event)
        try:
            self.check()
            event.wait(max(0.0, min(ends) - time.monotonic()) if ends else None)
            happened = event.is_set() and not self._stopped.is_set()
            if not happened:
                self.check()
            return happened
        finally:
            self._waiting.discard(event)

    def pause(self, seconds: float) -> None:
        """Sleep until the time is over or the run stops; stock's SFN_WAIT_SCALE shortens it."""
        self.wait(threading.Event(), time.monotonic() + seconds * stock._SFN_WAIT_SCALE)

    def log(self, kind: str, details_key: str | None = None, **details: Json) -> None:
        """Append an event to the execution's history."""
        with _history_lock:
            events = self.record["events"]
            number, before = len(events) + 1, self._previous_event
            event: dict[str, Json] = {
                "id": number,
                "previousEventId": before,
                "type": kind,
                "timestamp": now_iso(),
            }
            if details_key is not None:
                event[details_key] = details
            events.append(event)
            self._previous_event = number

    def follow_latest(self) -> None:
        """Make the last event of any branch the predecessor of the next event."""
        self._previous_event = len(self.record["events"])


def text(value: Json) -> str:
    """Return a document in the form of the history and the API."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def spawn(work: Callable[..., Any], *args: Json) -> threading.Thread:
    """Start a thread that keeps the caller's account and region."""
    target = contextvars.copy_context().run
    thread = threading.Thread(target=target, args=(work, *args), daemon=True, name="states")
    thread.start()
    return thread
