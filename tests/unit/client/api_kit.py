"""The HTTP clients over the API's real routes, in one process and without a port."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx

from likeness_client import AsyncLikenessApi, LikenessApi
from tests.fakes.api_server import ApiServer, photos

ADDRESS = "http://127.0.0.1"
REQUEST = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
Answers = Callable[[httpx.Request], httpx.Response]


class Wire(httpx.BaseTransport):
    """Hands requests to a server of this process, and keeps them; ``broken`` come first."""

    def __init__(self, server: ApiServer | Answers) -> None:
        self.requests: list[httpx.Request] = []
        self.broken: list[Exception] = []
        self._answer = (
            httpx.WSGITransport(app=server).handle_request
            if isinstance(server, ApiServer)
            else server
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if self.broken:
            raise self.broken.pop(0)
        return self._answer(request)


class AsyncWire(httpx.AsyncBaseTransport):
    """The same for the async client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        same = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        found = await asyncio.to_thread(self._wire.handle_request, same)
        return httpx.Response(found.status_code, headers=found.headers, content=found.read())


class Connected:
    """A client, what it speaks to, and the pauses it has made."""

    def __init__(self, server: ApiServer | Answers | None = None, patience: float = 60) -> None:
        self.server = server if isinstance(server, ApiServer) else ApiServer()
        self.wire = Wire(server or self.server)
        self.pauses: list[float] = []
        self.api = LikenessApi(
            ADDRESS,
            self.server.key(),
            patience_seconds=patience,
            http=httpx.Client(transport=self.wire),
            sleep=self.pauses.append,
        )

    def asynchronous(self) -> AsyncLikenessApi:
        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        http = httpx.AsyncClient(transport=AsyncWire(self.wire))
        return AsyncLikenessApi(ADDRESS, self.server.key(), http=http, sleep=sleep)


def folder_of(place: Path, count: int = 6) -> Path:
    """Return a folder with photos, one of them with a caption."""
    place.mkdir(exist_ok=True)
    for name, body in photos(count).items():
        (place / name).write_bytes(body)
    (place / "me-1.txt").write_text("a photo of sks person, smiling")
    return place
