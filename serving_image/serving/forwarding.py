"""The resident base as Triton sees it: a model that forwards each request to the engine's process.

It imports neither torch nor pydantic, so it does not die of what the engine may die of. Triton lets
a model answer later: ``execute`` returns None, and each answer goes through its request's response
sender, from any thread and in any order.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NamedTuple

from serving.departures import is_meant

SOCKET = "engine.sock"
"""The first engine's socket in LIKENESS_RUN_DIR; it exists when the engine has warmed up."""

RETRY_SECONDS = 0.05
LOOK_SECONDS = 0.5
"""How often requests without an answer are looked through."""

GRACE_SECONDS = 5.0
"""Time beyond a request's own in which the engine itself says that it is late."""

MAX_SENDINGS = 2
"""A request during which the engine died twice is not sent again: it may be the cause."""

DIED = "likeness/base_unavailable: the base has died, and is being started again"
CANCELLED = "likeness/cancelled: the caller has gone"
LATE = "likeness/not_in_time: the base did not answer in time, try again"


@contextmanager
def short_name(address: Path) -> Iterator[str]:
    """Yield a name of a socket that the kernel takes: it refuses paths of 108 bytes and more.

    The name is good inside the block only; the socket itself is not affected.
    """
    folder = os.open(address.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{address.name}"
    finally:
        os.close(folder)


class Request(NamedTuple):
    """One request on its way to the engine."""

    number: int
    prompt: bytes
    negative_prompt: bytes
    gen_args: bytes
    image: bytes
    adapter: bytes
    """Folder of the calling model's adapter; the users' model.py sets it, never a client."""
    request_id: str
    received: float
    """When the user's model got the request, on ``time.monotonic``, which all processes share."""


class Response(NamedTuple):
    """One answer on its way back."""

    number: int
    pictures: tuple[bytes, ...]
    info: bytes
    error: str
    """Empty when there are pictures."""


class Cancel(NamedTuple):
    """Says that nobody waits for a request any more."""

    number: int


HELLO = Response(0, (), b"", "")
"""What the engine says first; requests are numbered from 1."""


@dataclass
class Waiting:
    """A request without an answer."""

    request: Request
    sender: Any
    """Triton's response sender."""
    sendings: int = 0


Move = Callable[[Waiting, "Forwarder"], bool]
"""Sends a request of a dead engine to another one; returns whether there is one."""


class Forwarder:
    """Sends requests to one engine, and each answer to its sender; survives the engine's death."""

    def __init__(
        self,
        address: Path,
        seconds: float,
        respond: Any,  # noqa: ANN401 (Triton ships no types)
        move: Move,
    ) -> None:
        """Wait until the engine is ready.

        Args:
            address: the engine's socket.
            seconds: time from the arrival of a request to its answer.
            respond: is called with a sender and a Response.
            move: is called for each request that may be sent again, when the engine has died.
        """
        self.address, self.seconds, self.respond, self.move = address, seconds, respond, move
        self.waiting: dict[int, Waiting] = {}
        self.lock = Lock()
        self.closed = False
        self.connection = self.connect()
        self.ready = True
        """Whether the engine was alive when it was last heard of."""
        self.thread = Thread(target=self.run, daemon=True)
        self.thread.start()

    @property
    def length(self) -> int:
        """Requests without an answer."""
        return len(self.waiting)

    def connect(self) -> "Connection[Request | Cancel, Response]":
        """Return a connection; wait for the engine as long as it takes, and answer who cannot.

        Raises:
            ConnectionAbortedError: closed meanwhile.
        """
        while not self.closed:
            # A process that is being killed may still accept, so the engine speaks first.
            with suppress(OSError, EOFError):
                with short_name(self.address) as name:
                    connection = Client(name, family="AF_UNIX")
                connection.recv()
                return connection
            self.answer_late(DIED)
            time.sleep(RETRY_SECONDS)
        raise ConnectionAbortedError

    def take(self, waiting: Waiting) -> None:
        """Send one request; its answer comes from another thread."""
        with self.lock:
            self.waiting[waiting.request.number] = waiting
            self.send(waiting)

    def send(self, waiting: Waiting) -> None:
        """Send, or leave it for the next connection."""
        with suppress(OSError):
            self.connection.send(waiting.request)
            waiting.sendings += 1

    def run(self) -> None:
        """Receive answers until closed."""
        while not self.closed:
            try:
                if self.connection.poll(LOOK_SECONDS):
                    self.answer(self.connection.recv())
            except (EOFError, OSError):
                with suppress(ConnectionAbortedError):
                    self.send_again()
            self.answer_late(LATE)

    def send_again(self) -> None:
        """Give the dead engine's requests to others, or to the engine that is started instead."""
        if self.closed:
            return
        self.ready = False
        self.leave()
        connection = self.connect()
        with self.lock:
            self.connection = connection
            for waiting in self.waiting.values():
                self.send(waiting)
            self.ready = True

    def leave(self) -> None:
        """Answer requests during which an engine died twice, and let others draw the rest."""
        with self.lock:
            left, self.waiting = self.waiting, {}
        for number, waiting in left.items():
            if waiting.sendings >= MAX_SENDINGS:
                self.respond(waiting.sender, Response(number, (), b"", DIED))
            elif not self.move(waiting, self):
                with self.lock:
                    self.waiting[number] = waiting

    def drop(self, names: list[str]) -> None:
        """Answer the requests that these names mean, and tell the engine not to draw them."""
        with self.lock:
            requests = [waiting.request for waiting in self.waiting.values()]
        for request in requests:
            if is_meant(names, request.request_id, request.adapter):
                self.answer(Response(request.number, (), b"", CANCELLED))
                with self.lock, suppress(OSError):
                    self.connection.send(Cancel(request.number))

    def answer_late(self, error: str) -> None:
        """Answer requests whose time is over; nobody waits for ever."""
        latest = time.monotonic() - self.seconds - GRACE_SECONDS
        with self.lock:
            late = [n for n, w in self.waiting.items() if w.request.received < latest]
        for number in late:
            self.answer(Response(number, (), b"", error))

    def answer(self, response: Response) -> None:
        """Answer a request, unless it was answered already."""
        with self.lock:
            waiting = self.waiting.pop(response.number, None)
        if waiting is not None:
            self.respond(waiting.sender, response)

    def close(self) -> None:
        """End the thread, and answer what is unfinished."""
        self.closed = True
        self.thread.join()
        self.connection.close()
        for number in list(self.waiting):
            self.answer(Response(number, (), b"", DIED))


def request_seconds() -> float:
    """Return LIKENESS_REQUEST_SECONDS; the engine checks it."""
    return float(os.environ.get("LIKENESS_REQUEST_SECONDS", "60"))
