"""The front's routes: SageMaker's multi-model contract, handed on to Triton."""

import asyncio
import itertools
import os
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from serving.departures import Departures
from serving.front.back import ATTRIBUTES, Back, passed_headers
from serving.front.errors import (
    FAILED,
    LARGE_ANSWER,
    LATE,
    LOST,
    UNLOADED,
    Reply,
    in_our_words,
    too_large,
)
from serving.front.models import Flight, Model, Models, answer_of
from serving.front.processes import BaseProcess, find_stub
from serving.front.settings import FrontSettings
from serving.front.watch import Watch
from serving.front.wire import Message, name_request, restore_answer
from serving.names import BASE_PID_FILE, region_prefix

LARGE = 1 << 18
"""Bytes of a body from which on it is read in a thread, so that others need not wait."""

GRACE_SECONDS = 2.0
"""Time beyond a request's own in which the base itself says that it is late."""

SETTLING_SECONDS = 1.0
"""Time after a start in which requests of the front before this one may be in flight."""

PID_FILE = "front.pid"

TARGET = "X-Amzn-SageMaker-Target-Model"

DEAD_STUB = b"is not healthy"
"""Triton's own words when a model's process has died; Triton does not start it again."""

T = TypeVar("T")


class Front:
    """Answers SageMaker's calls."""

    def __init__(self, settings: FrontSettings, run_dir: Path, give_up: Callable[[], None]) -> None:
        """Make a front.

        Args:
            settings: what an operator sets, and the ports.
            run_dir: the folder that all processes of the container share.
            give_up: ends the container.
        """
        self.settings, self.back = settings, Back(settings.back)
        self.departures = Departures(run_dir)
        regions = region_prefix(os.getppid())  # of tritonserver, which ``serve`` has started too
        self.models = Models(self.departures, settings.drain_seconds, give_up, regions)
        self.base = BaseProcess(run_dir / BASE_PID_FILE)
        self.watch = Watch(self.models, self.base)
        self.prefix = take_over(run_dir, self.departures)
        self.numbers = itertools.count(1)
        self.tasks: set[asyncio.Task[bool]] = set()
        self.settled = 0.0

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=self.settings.max_bytes, middlewares=[explain])
        app.router.add_post("/models/{model}/invoke", self.invoke)
        app.router.add_delete("/models/{model}", self.unload)
        app.router.add_post("/models", self.load)
        app.router.add_route("*", "/{rest:.*}", self.hand_on)
        app.cleanup_ctx.append(self.life)
        return app

    async def life(self, _app: web.Application) -> AsyncIterator[None]:
        """Open the way to Triton and watch its processes; end both."""
        await self.back.open()
        self.settled = asyncio.get_running_loop().time() + SETTLING_SECONDS
        watching = asyncio.ensure_future(self.watch.run())
        yield
        watching.cancel()
        await self.back.close()

    # ---- SageMaker's calls ------------------------------------------------------------------

    async def hand_on(self, request: web.Request) -> web.Response:
        """Hand on what needs no care: /ping, lists."""
        return response(await self.ask(request, await request.read()))

    async def load(self, request: web.Request) -> web.Response:
        """Load a model."""
        body = await request.read()
        target = request.headers.get(TARGET)
        loading = self.models.load(body, target, lambda: self.ask(request, body))
        return response(await asyncio.shield(loading))

    async def unload(self, request: web.Request) -> web.Response:
        """Drain a model, then unload it."""
        await asyncio.sleep(self.settled - asyncio.get_running_loop().time())
        name = request.match_info["model"]
        return response(await self.models.unload(name, lambda: self.ask(request)))

    async def invoke(self, request: web.Request) -> web.Response:
        """Ask a model; when the caller goes, so does its work."""
        try:
            body = await request.read()
        except HTTPRequestEntityTooLarge:
            return response(too_large(self.settings.max_bytes))
        message = Message(body, request.headers.get("Content-Type", "application/json"))
        ours = f"{self.prefix}{next(self.numbers)}"
        named = await off_loop(len(body), lambda: name_request(message, ours))
        sent = named.message if named else message
        reply = in_our_words(await self.ask_model(request, ours, sent))
        if has_died(reply):  # Triton neither starts it again nor unloads it
            self.models.give_up()
            reply = LOST
        if named is None:
            return response(reply)
        answer = Message(reply.body, reply.content_type)
        restored = restore_answer(answer, ours, named.theirs)
        if len(restored.body) > self.settings.max_bytes:
            return response(LARGE_ANSWER)
        return response(reply._replace(body=restored.body, content_type=restored.content_type))

    # ---- what they share --------------------------------------------------------------------

    async def ask(
        self, request: web.Request, body: bytes = b"", content_type: str | None = None
    ) -> Reply:
        """Ask Triton what SageMaker asked."""
        headers = passed_headers(request.headers)
        if content_type is not None:
            headers["Content-Type"] = content_type
        return await self.back.send(request.method, request.path_qs, headers, body)

    async def ask_model(self, request: web.Request, request_id: str, sent: Message) -> Reply:
        """Return a model's answer."""
        model = self.models.of(request.match_info["model"])
        if model.closing:
            return UNLOADED
        if model.stub is None:
            target = request.headers.get(TARGET, request.match_info["model"])
            model.stub = find_stub(target, self.models.regions)
        asking = self.ask(request, sent.body, sent.content_type)
        flight = self.models.fly(model, request_id, asking, self.base.current())
        return await self.await_answer(model, flight)

    async def await_answer(self, model: Model, flight: Flight) -> Reply:
        """Return a request's answer; drop it when its caller has gone, or its time is over."""
        seconds = self.settings.request_seconds + GRACE_SECONDS
        either = (flight.task, flight.verdict)
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.abandon(flight)
            raise
        if flight.task.done():
            return answer_of(model, flight.task.result())
        if flight.verdict.done():
            return flight.verdict.result()
        self.abandon(flight)
        return LATE

    def abandon(self, flight: Flight) -> None:
        """Have a request dropped, in the background."""
        abandoning = asyncio.ensure_future(
            self.models.abandon([flight], self.settings.request_seconds)
        )
        self.tasks.add(abandoning)
        abandoning.add_done_callback(self.tasks.discard)


@web.middleware
async def explain(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer an error of our own in our words; its text could repeat a request's."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception as error:  # noqa: BLE001 (any error fails only this request)
        frames = "".join(traceback.format_tb(error.__traceback__))
        sys.stderr.write(f"front: {type(error).__name__}\n{frames}")
        return response(FAILED)


def has_died(reply: Reply) -> bool:
    """Return whether Triton says that a model's own process has died."""
    return reply.status >= HTTPStatus.BAD_REQUEST and DEAD_STUB in reply.body


def take_over(run_dir: Path, departures: Departures) -> str:
    """Drop what is left of a front that died; return the prefix of this one's requests."""
    file = run_dir / PID_FILE
    if file.exists():
        departures.leave([file.read_text()])
    prefix = f"f{os.getpid()}."
    file.write_text(prefix)
    return prefix


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """Do some work, in a thread when it is about much."""
    return await asyncio.to_thread(work) if size > LARGE else work()


def response(reply: Reply) -> web.Response:
    """Return an answer as aiohttp sends it."""
    headers = {"Content-Type": reply.content_type}
    if reply.attributes is not None:
        headers[ATTRIBUTES] = reply.attributes
    return web.Response(status=reply.status, body=reply.body, headers=headers)
