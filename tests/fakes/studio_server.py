"""The Studio's own pages before the API's real routes, with a user pool in memory."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from aws_lambda_powertools.utilities.typing import LambdaContext

from bench.api.gateway import serving
from studio.app import SETTINGS, lambda_handler
from tests.fakes.api_server import ApiServer
from tests.fakes.user_pool import MemoryUserPool

VARIABLES = {
    "CONSENT_TEXT_VERSION": "2026-11",
    "PHOTO_RETENTION_DAYS": "30",
    "STUDIO_BUCKETS": "https://uploads.invalid",
    "HUB_BUCKET": "hub",
}
"""What the Studio's function needs."""


class StudioServer(ApiServer):
    """``pool`` is asked below /pool/, so that the pages ask nobody but their own server."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = MemoryUserPool(self.key())
        self.address = ""

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/studio/"):
            return self._page(path.removeprefix("/studio/"), start)
        if path == "/pool/":
            size = int(environ["CONTENT_LENGTH"])
            action = environ["HTTP_X_AMZ_TARGET"].partition(".")[2]
            status, body = self.pool.answer(action, json.loads(environ["wsgi.input"].read(size)))
            start(f"{status} -", [("Content-Type", "application/x-amz-json-1.1")])
            return [body]
        return super().__call__(environ, start)

    def _page(self, name: str, start: StartResponse) -> list[bytes]:
        event: Any = {"pathParameters": {"proxy": name}, "headers": {}}
        answer: Any = lambda_handler(event, LambdaContext())
        body = answer["body"]
        if name == SETTINGS:
            body = json.dumps(json.loads(body) | {"people": {"url": "/pool/", "client": "studio"}})
        start(f"{answer['statusCode']} -", list(answer["headers"].items()))
        return [body.encode()]


@contextmanager
def serve(server: StudioServer) -> Iterator[str]:
    """Serve on a free port of the loopback interface; yield the Studio's address."""
    with serving(server) as address:
        for signer in server.signers.values():
            signer.address = address
        yield f"{address}/studio/index.html"
