"""The models behind the front: what is in flight, and loads and unloads one after the other."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from serving.departures import Departures, model_name
from serving.front.errors import BAD_LOAD, LOADING, LOST, NO_MODEL, NOT_UNLOADED, UNLOADED, Reply
from serving.front.processes import Stub, find_stub

LEAVE_SECONDS = 0.1
"""How often a request that nobody waits for is said to be so, until it has ended."""

DROP_SECONDS = 2.0
"""Time in which dropped requests end; the base answers them within a tenth of a second."""

LOADING_SECONDS = 4.0
"""Time that an unload waits for a load of the same model."""

UNLOAD_SECONDS = 60.0
"""Time in which Triton confirms an unload; it takes two seconds where nothing is in flight."""

Ask = Callable[[], Awaitable[Reply]]
"""Asks Triton for one thing."""


@dataclass(eq=False)
class Flight:
    """One request that Triton has."""

    request_id: str
    task: "asyncio.Task[Reply]"
    verdict: "asyncio.Future[Reply]"
    """What its caller gets when Triton will not answer any more."""
    base: str
    """The process of the forwarding model when it was sent."""

    @property
    def is_lost(self) -> bool:
        """Return whether Triton will never answer it."""
        return self.verdict.done() and not self.task.done()

    def lose(self) -> None:
        """Answer its caller: a process that held it has died."""
        if not self.verdict.done() and not self.task.done():
            self.verdict.set_result(LOST)


@dataclass(eq=False)
class Model:
    """One model of Triton's."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is loaded or unloaded."""
    flights: dict[str, Flight] = field(default_factory=dict)
    """Requests that Triton has not answered, by id."""
    closing: bool = False
    """Whether it is being unloaded."""
    unload: "asyncio.Task[Reply] | None" = None
    stub: Stub | None = None
    """Its process; None when it was not looked for yet."""
    died: float | None = None
    """When its process was first seen dead, on the loop's clock."""


class Models:
    """All models; one event loop calls it."""

    def __init__(
        self,
        departures: Departures,
        drain_seconds: float,
        give_up: Callable[[], None],
        regions: str,
    ) -> None:
        """Know no model yet.

        Args:
            departures: says which requests nobody waits for.
            drain_seconds: time that requests in flight have when their model is unloaded.
            give_up: ends the container; it is called when a model can never be unloaded.
            regions: how the names of our tritonserver's shared memory begin.
        """
        self.regions = regions
        self.departures, self.drain_seconds, self.give_up = departures, drain_seconds, give_up
        self.known: dict[str, Model] = {}

    def of(self, name: str) -> Model:
        """Return a model's state."""
        return self.known.setdefault(name, Model())

    def flights(self) -> list[Flight]:
        """Return all requests that Triton has."""
        return [flight for model in self.known.values() for flight in model.flights.values()]

    # ---- requests ---------------------------------------------------------------------------

    def fly(self, model: Model, request_id: str, asking: Awaitable[Reply], base: str) -> Flight:
        """Have Triton asked in a task that outlives its caller."""
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(_as_coroutine(asking))
        flight = Flight(request_id, task, loop.create_future(), base)
        model.flights[request_id] = flight
        task.add_done_callback(lambda _task: model.flights.pop(request_id, None))
        return flight

    async def abandon(
        self, flights: Iterable[Flight], seconds: float, names: Iterable[str] = ()
    ) -> bool:
        """Say that nobody waits for these until they have ended; return whether they have.

        It is said again and again: a request may not have reached the base yet. ``names`` are said
        besides the requests' own.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        left = list(flights)
        while left and loop.time() < end:
            self.departures.leave([*names, *(flight.request_id for flight in left)])
            await asyncio.wait([flight.task for flight in left], timeout=LEAVE_SECONDS)
            left = [flight for flight in left if not flight.task.done()]
        return not left

    # ---- loads and unloads ------------------------------------------------------------------

    async def load(self, body: bytes, target: str | None, ask: Ask) -> Reply:
        """Load a model, after an unload of it has ended; ``target`` is its name in Triton."""
        found = read_load(body)
        if found is None:
            return BAD_LOAD
        name, folder = found
        # Triton never answers the load of a package without model.py.
        if not any(path.with_name("1").joinpath("model.py").is_file() for path in configs(folder)):
            return NO_MODEL
        model = self.of(name)
        async with model.lock:
            reply = await ask()
            if reply.status < HTTPStatus.BAD_REQUEST:
                model.died = None
                model.stub = await asyncio.to_thread(find_stub, target or name, self.regions)
        return reply

    async def unload(self, name: str, ask: Ask) -> Reply:
        """Drain a model, then unload it; a second call meanwhile gets the answer of the first."""
        model = self.of(name)
        if model.unload is None:
            model.unload = asyncio.ensure_future(self._unload(model, ask))
        # Whoever asked may go; the unload goes on.
        return await asyncio.shield(model.unload)

    async def _unload(self, model: Model, ask: Ask) -> Reply:
        try:
            async with asyncio.timeout(LOADING_SECONDS):
                await model.lock.acquire()
        except TimeoutError:
            model.unload = None
            return LOADING
        model.closing = True
        try:
            return await self._drain_and_unload(model, ask)
        finally:
            model.closing, model.unload = False, None
            model.lock.release()

    async def _drain_and_unload(self, model: Model, ask: Ask) -> Reply:
        """Wait for a model's requests, drop them, then unload it."""
        if model.stub is not None and not model.stub.is_alive():
            return self.lost()  # Triton would never end the unload
        tasks = [flight.task for flight in model.flights.values() if not flight.is_lost]
        if tasks:
            await asyncio.wait(tasks, timeout=self.drain_seconds)
        names = [] if model.stub is None else [model_name(model.stub.folder)]
        if not await self.abandon(model.flights.values(), DROP_SECONDS, names):
            if any(flight.is_lost for flight in model.flights.values()):
                return self.lost()
            return NOT_UNLOADED
        try:
            async with asyncio.timeout(UNLOAD_SECONDS):
                reply = await ask()
        except TimeoutError:
            return NOT_UNLOADED
        model.stub = model.died = None  # its process has ended
        return reply

    def lost(self) -> Reply:
        """End the container; return what whoever asked gets."""
        self.give_up()
        return LOST


async def _as_coroutine(asking: Awaitable[Reply]) -> Reply:
    return await asking


def answer_of(model: Model, reply: Reply) -> Reply:
    """Return what a caller gets: the one whose request an unload has dropped may ask again."""
    dropped = model.closing and b"likeness/cancelled: " in reply.body[:64]
    return UNLOADED if dropped else reply


def read_load(body: bytes) -> tuple[str, str] | None:
    """Return a load's name and folder; Triton ends at what is not a JSON object."""
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(body)
        if isinstance(document, dict):
            name, folder = document.get("model_name"), document.get("url")
            if isinstance(name, str) and isinstance(folder, str):
                return name, folder
    return None


def configs(folder: str) -> list[Path]:
    """Return the configurations of a package: of its one folder, whatever its name is."""
    return list(Path(folder).glob("*/config.pbtxt"))
