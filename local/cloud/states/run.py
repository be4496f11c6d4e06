"""What a walk through states carries: its history, when it must stop, how much time is left."""

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
    """Where a walk is: the state, its input, and the variables at that moment."""

    state: str
    data: Json
    variables: dict[str, Json]


class Run:
    """One walk: a whole execution, or a branch of one.

    Attributes:
        record: ministack's execution; branches share it.
        context: the context object, with `variables` and the query language in force.
        position: the state it is in, once it has begun.
        deadline: time.monotonic() at which the machine's TimeoutSeconds ends, or None.
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
        """Note the state this walk is in, and its input: a redrive enters there again."""
        self.context["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        self.position = Position(
            name, copy.deepcopy(data), copy.deepcopy(self.context["variables"])
        )

    def branch(self) -> "Run":
        """Return a walk beside this one, with a context of its own."""
        run = Run(self.record, copy.deepcopy(self.context), self.deadline)
        run._previous_event = self._previous_event
        self._branches.add(run)
        return run

    def halt(self) -> None:
        """Stop this walk and its branches, wherever they wait."""
        self._stopped.set()
        for event in tuple(self._waiting):
            event.set()
        for branch in tuple(self._branches):
            branch.halt()

    def check(self) -> None:
        """Raise if this walk must not go on."""
        if self._stopped.is_set():
            raise StoppedError
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise TimedOutError

    def wait(self, event: threading.Event, until: float | None = None) -> bool:
        """Wait for an event; return False when `until` (time.monotonic()) came first.

        Raises:
            StoppedError: the walk was stopped meanwhile.
            TimedOutError: the machine's time ran out first.
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
        """Sleep, unless the walk is stopped. SFN_WAIT_SCALE, stock's knob, shortens it."""
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
        """Let the next event follow the last one of any branch."""
        self._previous_event = len(self.record["events"])


def text(value: Json) -> str:
    """Return a document as the history and the API show it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def spawn(work: Callable[..., Any], *args: Json) -> threading.Thread:
    """Start a thread that keeps the caller's account and region."""
    target = contextvars.copy_context().run
    thread = threading.Thread(target=target, args=(work, *args), daemon=True, name="states")
    thread.start()
    return thread
