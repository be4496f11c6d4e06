"""The HTTP API on a loopback port, with the real authorizer and stores in memory.

Payload 2.0 as API Gateway makes it; without an Authorization header it answers 401 itself.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from contracts.documents.api.callers import ApiKey
from contracts.documents.erasure import ErasureSubject
from domain.callers.calling import Doors, identify
from domain.callers.jwt import Issuer
from http_api.aws_callers import PREFIX
from http_api.idempotency import HEADER as KEY_HEADER
from http_api.idempotency import MAX_CHARACTERS
from http_api.services import Services
from tests.unit.runtime.api_kit import APP

USER = "AROAEXAMPLE:session"
"""Whose signature it is, as API Gateway says it."""

NO_PEOPLE = Issuer("https://issuer.invalid", "nobody", "custom:tenant", "custom:role")
"""Only API keys call here; the issuer knows no key, so that every JWT is refused."""


class Gateway:
    """A WSGI application in front of the API's function.

    ``lasting`` is the fuzzer's own key: it finds the key in the list, and revokes it. For it alone
    files arrive by themselves, and each request has an Idempotency-Key of its own.
    """

    def __init__(self, stores: Services, lasting: ApiKey | None = None) -> None:
        self.stores = stores
        self.lasting = lasting
        self.asked = 0

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request of WSGI."""
        self.asked += 1
        event = _event(environ)
        if self.lasting is None:
            answer = self.answer(event)
        else:
            self.stores.keys.rows[self.lasting.key_id] = self.lasting  # type: ignore[attr-defined]
            answer = self.answer(self._fresh(event))
            self._send(answer)
        status = HTTPStatus(answer["statusCode"])
        body = answer["body"].encode()
        headers = {**answer["headers"], "Content-Length": f"{len(body)}"}
        start(f"{status.value} {status.phrase}", [(name, f"{v}") for name, v in headers.items()])
        return [body]

    def _fresh(self, event: dict[str, Any]) -> dict[str, Any]:
        """Give each request a key of its own: the fuzzer sends one key with many bodies."""
        given = event["headers"].get(KEY_HEADER)
        if given and len(given) <= MAX_CHARACTERS:
            event["headers"][KEY_HEADER] = f"{self.asked}-{given}"[:MAX_CHARACTERS]
        return event

    def _send(self, answer: dict[str, Any]) -> None:
        """Store the files of a new upload, as S3 does; there is no upload before its first file."""
        found = json.loads(answer["body"])
        if answer["statusCode"] != HTTPStatus.OK or "forms" not in found:
            return
        for form in found["forms"]:
            self.stores.uploads.write(form["fields"]["key"], b"x" * 10)
        tenant = form["fields"]["key"].split("/")[1]
        self.stores.eraser.known.add(  # type: ignore[attr-defined]
            ErasureSubject(tenant=tenant, upload=found["id"])
        )

    def answer(self, event: dict[str, Any], *, signed: bool = False) -> dict[str, Any]:
        """Return what a caller gets: the authorizer's refusal, or the function's answer.

        ``signed``: IAM has checked the signature, and lets its sender use this address. Whether it
        does is up to the tenant's policies (tests/e2e/test_tenant_policy.py), and no part of this.
        """
        doors = Doors(self.stores.keys, NO_PEOPLE, lambda _key: None)
        if signed or event["rawPath"].startswith(PREFIX):
            keyed = identify(event["headers"], doors, self.stores.now()).model_dump()
            found = {"iam": {"userId": USER}} if signed else {"lambda": keyed}
            event["requestContext"]["authorizer"] = found
            return APP.answer(event, self.stores)
        context: dict[str, str] = {}
        if not APP.is_open(event["requestContext"]["http"]["method"], event["rawPath"]):
            if not event["rawPath"].startswith("/v1/"):
                return _own(HTTPStatus.NOT_FOUND, "Not Found")
            if not event["headers"].get("authorization"):
                return _own(HTTPStatus.UNAUTHORIZED, "Unauthorized")
            context = identify(event["headers"], doors, self.stores.now()).model_dump()
        event["requestContext"]["authorizer"] = {"lambda": context}
        return APP.answer(event, self.stores)


def _own(status: HTTPStatus, message: str) -> dict[str, Any]:
    """Return an answer of API Gateway itself."""
    headers = {"Content-Type": "application/json"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return {"statusCode": status, "body": json.dumps({"message": message}), "headers": headers}


def _event(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return the request as API Gateway sends it: decoded path, lower-case headers."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    query: dict[str, str] = {}
    for name, value in parse_qsl(environ["QUERY_STRING"], keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": environ["QUERY_STRING"],
        "headers": headers,
        "queryStringParameters": query,
        "requestContext": {
            "requestId": "request",
            "http": {"method": environ["REQUEST_METHOD"], "path": path},
            "stage": "$default",
        },
        **_body(environ),
    }


def _body(environ: WSGIEnvironment) -> dict[str, Any]:
    data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if not data:
        return {}
    try:
        return {"body": data.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": b64encode(data).decode(), "isBase64Encoded": True}


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: every request is in the fuzzer's report."""


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """Serve on a free port of the loopback interface; yield the address."""
    with make_server("127.0.0.1", 0, gateway, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
