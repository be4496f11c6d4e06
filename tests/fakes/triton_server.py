"""A tritonserver on SageMaker's port, as the front sees it: models without pictures."""

import asyncio
import contextlib
import json
from collections import defaultdict
from pathlib import Path

from aiohttp import web

from serving.departures import Departures, is_meant

LOOK_SECONDS = 0.01


class MemoryTriton:
    """Answers a request when ``release`` is set, or when somebody says that its caller has gone.

    As the real one it hangs where a model is unloaded that has requests.
    """

    def __init__(self, run_dir: Path) -> None:
        self.departures = Departures(run_dir)
        self.release = asyncio.Event()
        self.arrived = asyncio.Event()
        self.loaded: dict[str, str] = {}
        """Folders by name."""
        self.flying: defaultdict[str, list[str]] = defaultdict(list)
        """Ids of unanswered requests by model."""
        self.bodies: list[bytes] = []
        self.calls: list[str] = []
        """What was done, in order."""
        self.deaf: set[str] = set()
        """Models whose requests are never answered: their process has died."""
        self.dead: set[str] = set()
        """Models of whose process Triton knows that it has died."""
        self.load_seconds = 0.0
        self.hung = False
        self.refusal: tuple[int, str] | None = None
        """Status and text of every answer."""
        self.padding = 0
        """Bytes of an answer's picture."""

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/models/{model}/invoke", self.invoke)
        app.router.add_delete("/models/{model}", self.unload)
        app.router.add_post("/models", self.load)
        app.router.add_get("/ping", self.ping)
        return app

    async def ping(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def load(self, request: web.Request) -> web.Response:
        document = await request.json()
        name = document["model_name"]
        await asyncio.sleep(self.load_seconds)
        if name in self.loaded:
            return web.json_response({"error": "already loaded"}, status=409)
        self.loaded[name] = document["url"]
        self.dead.discard(name)
        self.calls.append(f"load {name}")
        return web.Response()

    async def unload(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        if self.flying[name]:
            self.hung = True
            await asyncio.sleep(350)
        known = self.loaded.pop(name, None)
        self.calls.append(f"unload {name}")
        return web.Response(status=404 if known is None else 200)

    async def invoke(self, request: web.Request) -> web.Response:
        name = request.match_info["model"]
        if name not in self.loaded:
            error = f"request for unknown model: '{name}' has no available versions"
            return web.json_response({"error": error}, status=404)
        if name in self.dead:
            return web.json_response(
                {"error": f"Stub process '{name}' is not healthy."}, status=400
            )
        body = await request.read()
        self.bodies.append(body)
        if self.refusal is not None:
            status, error = self.refusal
            return web.Response(text=f'{{"error":"{error}"}}', status=status)
        size = request.headers["Content-Type"].partition("json-header-size=")[2]
        document = json.loads(body[: int(size)] if size else body)
        ident = str(document.get("id", ""))
        self.flying[name].append(ident)
        self.arrived.set()
        try:
            dropped = await self.until_answered(name, ident)
        finally:
            self.flying[name].remove(ident)
        self.calls.append(f"answer {name}")
        if dropped:
            error = "likeness/cancelled: the caller has gone"
            return web.json_response({"error": error}, status=400)
        head = f'"id":"{ident}",' if ident else ""
        answer = f'{{{head}"model_name":"{name}","outputs":["{"=" * self.padding}"]}}'.encode()
        kind = request.headers["Content-Type"]
        if size:
            kind = f"{kind.partition('=')[0]}={len(answer)}"
        return web.Response(body=answer, headers={"Content-Type": kind})

    async def until_answered(self, name: str, ident: str) -> bool:
        """Return whether it was dropped."""
        adapter = f"{self.loaded[name]}/likeness/1/adapter".encode()
        while name in self.deaf or not self.release.is_set():
            names = [entry.name for entry in self.departures.folder.iterdir()]
            if name not in self.deaf and is_meant(names, ident, adapter):
                return True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await (asyncio.sleep(1) if name in self.deaf else self.release.wait())
        return False
