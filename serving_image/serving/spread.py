"""Spreads requests over the engines of an instance, one for each of its devices."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any, Protocol, TypeVar

from serving.departures import Departures
from serving.forwarding import Forwarder, Request, Waiting

DEPARTURE_SECONDS = 0.1
"""How often requests whose callers have gone are looked for."""

HOME_ADVANTAGE = 1
"""How many requests more a model's own device may have, when no device is idle.

There its adapter is resident, and its answers are cached. A device without requests is better."""


class Queue(Protocol):
    """One engine's requests."""

    @property
    def address(self) -> Path:
        """The engine's socket."""
        ...

    @property
    def length(self) -> int:
        """Requests without an answer."""
        ...


Q = TypeVar("Q", bound=Queue)


class Spread:
    """Sends each request to one engine; when that dies, to another one."""

    def __init__(
        self,
        addresses: Sequence[Path],
        seconds: float,
        respond: Any,  # noqa: ANN401 (Triton ships no types)
    ) -> None:
        """Wait until every engine is ready.

        Args:
            addresses: the engines' sockets, which are in one folder.
            seconds: time from the arrival of a request to its answer.
            respond: is called with a sender and a Response.
        """
        self.last = 0
        self.forwarders: list[Forwarder] = []
        for address in addresses:
            self.forwarders.append(Forwarder(address, seconds, respond, self.move))
        self.departures = Departures(addresses[0].parent)
        self.ended = Event()
        self.thread = Thread(target=self.watch, daemon=True)
        self.thread.start()

    def next_number(self) -> int:
        """Return a number for the next request."""
        self.last += 1
        return self.last

    def forward(self, request: Request, sender: Any) -> None:  # noqa: ANN401
        """Send one request; its answer comes from another thread."""
        ready = [one for one in self.forwarders if one.ready] or self.forwarders
        choose(ready, request.adapter).take(Waiting(request, sender))

    def move(self, waiting: Waiting, dead: Forwarder) -> bool:
        """Send a request of a dead engine to another one; return whether there is one."""
        ready = [one for one in self.forwarders if one.ready and one is not dead]
        if ready:
            choose(ready, waiting.request.adapter).take(waiting)
        return bool(ready)

    def watch(self) -> None:
        """Answer requests whose callers have gone, whatever the engines are doing."""
        while not self.ended.wait(DEPARTURE_SECONDS):
            if names := self.departures.take():
                for forwarder in self.forwarders:
                    forwarder.drop(names)

    def close(self) -> None:
        """End all threads, and answer what is unfinished."""
        self.ended.set()
        self.thread.join()
        for forwarder in self.forwarders:
            forwarder.close()


def choose(ready: Sequence[Q], caller: bytes) -> Q:
    """Return the engine with the fewest requests, or the caller's own if it has hardly more.

    A model's own engine is the same as long as that engine runs, whatever others come and go
    (rendezvous hashing).

    Args:
        ready: engines that take requests; at least one.
        caller: the folder of the calling model's adapter.
    """
    shortest = min(ready, key=lambda one: one.length)
    home = max(ready, key=lambda one: hashlib.sha256(caller + one.address.name.encode()).digest())
    allowed = shortest.length + HOME_ADVANTAGE if shortest.length else 0
    return home if home.length <= allowed else shortest
