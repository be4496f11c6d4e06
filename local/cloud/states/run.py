"""One run through states: its history, its stop signal and its time limit."""

import contextvars
import copy
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import stepfunctions as stock

from local.cloud.states.failures import StoppedError, TimedOutError
from local.cloud.typing_aliases import Json, Stock

_history_lock = threading.Lock()


@dataclass(frozen=True)
class Finished:
    """The output of a branch or an item that has succeeded; a redrive does not run it again."""

    output: Json


@dataclass(frozen=True)
class Position:
    """The state of a run, with its input, the variables and the branches at that moment."""

    state: str
    data: Json
    variables: dict[str, Json]
    branches: "Mapping[int, Position | Finished]" = field(default_factory=dict)


class Run:
    """One run: a whole execution, or a branch of one.

    Attributes:
        record: ministack's execution record, which branches share.
        context: the context object, with `variables` and the query language in force.
        deadline: time.monotonic() at the end of the machine's TimeoutSeconds, or None.
        resumed: where the run goes on, if it is redriven and has not yet begun.
    """

    def __init__(
        self,
        record: Stock,
        context: dict[str, Json],
        deadline: float | None = None,
        resumed: Position | None = None,
    ) -> None:
        self.record = record
        self.context = context
        self.deadline = deadline
        self._resumed = resumed
        self._position: Position | None = None
        self._kept: Mapping[int, Position | Finished] = {}
        self._left: dict[int, Position] = {}
        self._begun: dict[int, Run] = {}
        self._finished: dict[int, Finished] = {}
        self._previous_event = len(record["events"])
        self._stopped = threading.Event()
        self._waiting: set[threading.Event] = set()
        self._branches: set[Run] = set()

    def take_resumed(self) -> Position | None:
        """Return where a redriven run goes on, the first time; None when it begins at the start."""
        position, self._resumed = self._resumed, None
        if position is not None:
            self.context["variables"] = copy.deepcopy(position.variables)
            self._kept = position.branches
        return position

    def enter(self, name: str, data: Json) -> None:
        """Record the current state and its input; a redrive continues there."""
        self.context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        self._begun, self._finished, self._left = {}, {}, {}
        variables = copy.deepcopy(self.context["variables"])
        self._position = Position(name, copy.deepcopy(data), variables)

    def position(self) -> Position | None:
        """Return where a redrive goes on, here and in the branches; None before the first state."""
        if self._position is None:
            return None
        found = {index: run.position() for index, run in tuple(self._begun.items())}
        begun = {index: place for index, place in found.items() if place is not None}
        return replace(self._position, branches={**self._left, **begun, **self._finished})

    def begin_branches(self) -> dict[int, Json]:
        """Forget the branches of an earlier attempt; return the outputs that a redrive has kept."""
        kept, self._kept = self._kept, {}
        self._begun = {}
        self._finished = {i: end for i, end in kept.items() if isinstance(end, Finished)}
        self._left = {i: place for i, place in kept.items() if isinstance(place, Position)}
        return {index: end.output for index, end in self._finished.items()}

    def branch(self, index: int) -> "Run":
        """Return the run of a branch, with a copy of the context; a redriven one goes on."""
        resumed = self._left.pop(index, None)
        run = Run(self.record, copy.deepcopy(self.context), self.deadline, resumed)
        run._previous_event = self._previous_event
        self._branches.add(run)
        self._begun[index] = run
        return run

    def finish_branch(self, index: int, output: Json) -> None:
        """Record the output of a branch that has succeeded."""
        self._finished[index] = Finished(output)

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
