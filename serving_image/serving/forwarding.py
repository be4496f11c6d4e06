"""The resident base as Triton sees it: a model that forwards each request to the engine's process.

It imports neither torch nor pydantic, so it does not die of what the engine may die of. Triton lets
a model answer later: ``execute`` returns None, and each answer goes through its request's response
sender, from any thread and in any order.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

from serving.departures import Departures, is_meant

SOCKET = "engine.sock"
"""The engine's socket in LIKENESS_RUN_DIR; it exists when the engine has warmed up."""

RETRY_SECONDS = 0.05
LOOK_SECONDS = 0.5
"""How often requests without an answer are looked through."""

DEPARTURE_SECONDS = 0.1
"""How often requests whose callers have gone are looked for."""

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


class Forwarder:
    """Sends requests to the engine, and each answer to its sender; survives the engine's death."""

    def __init__(self, address: Path, seconds: float, respond: Any) -> None:  # noqa: ANN401
        """Wait until the engine is ready.

        Args:
            address: the engine's socket.
            seconds: time from the arrival of a request to its answer.
            respond: is called with a sender and a Response.
        """
        self.address, self.seconds, self.respond = address, seconds, respond
        self.waiting: dict[int, Waiting] = {}
        self.lock = Lock()
        self.last = 0
        self.closed = False
        self.connection = self.connect()
        self.departures = Departures(address.parent)
        self.ended = Event()
        self.threads = [Thread(target=work, daemon=True) for work in (self.run, self.watch)]
        for thread in self.threads:
            thread.start()

    def connect(self) -> "Connection[Request | Cancel, Response]":
        """Return a connection; wait for the engine as long as it takes, and answer who cannot."""
        while True:
            # A process that is being killed may still accept, so the engine speaks first.
            with suppress(OSError, EOFError):
                with short_name(self.address) as name:
                    connection = Client(name, family="AF_UNIX")
                connection.recv()
                return connection
            self.answer_late(DIED)
            time.sleep(RETRY_SECONDS)

    def next_number(self) -> int:
        """Return a number for the next request."""
        self.last += 1
        return self.last

    def forward(self, request: Request, sender: Any) -> None:  # noqa: ANN401
        """Send one request; its answer comes from another thread."""
        waiting = Waiting(request, sender)
        with self.lock:
            self.waiting[request.number] = waiting
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
                self.send_again()
            self.answer_late(LATE)

    def send_again(self) -> None:
        """Connect to the engine that was started in place of the one that died."""
        if self.closed:
            return
        connection = self.connect()
        with self.lock:
            self.connection = connection
            guilty = [w for w in self.waiting.values() if w.sendings >= MAX_SENDINGS]
            for waiting in self.waiting.values():
                if waiting not in guilty:
                    self.send(waiting)
        for waiting in guilty:
            self.answer(Response(waiting.request.number, (), b"", DIED))

    def watch(self) -> None:
        """Answer requests whose callers have gone, whatever the engine is doing."""
        while not self.ended.wait(DEPARTURE_SECONDS):
            if names := self.departures.take():
                self.drop(names)

    def drop(self, names: list[str]) -> None:
        """Answer the requests that are meant, and tell the engine not to draw them."""
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
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self.connection.close()
        for number in list(self.waiting):
            self.answer(Response(number, (), b"", DIED))


def request_seconds() -> float:
    """Return LIKENESS_REQUEST_SECONDS; the engine checks it."""
    return float(os.environ.get("LIKENESS_REQUEST_SECONDS", "60"))
