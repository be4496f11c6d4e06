"""The HTTP API over stores in memory: what tests of routes share."""

import json
from typing import Any, NamedTuple

from contracts.documents.api.callers import Scope
from http_api.front import make_app
from http_api.services import Services
from tests.fakes.api_keys import MemoryApiKeys
from tests.fakes.erasure import MemoryEraser
from tests.fakes.models import MemoryModels

APP = make_app()
ALL: tuple[Scope, ...] = ("read", "train", "draw", "erase", "admin")


class Answer(NamedTuple):
    """A response."""

    status: int
    body: Any
    headers: dict[str, str]


def services() -> Services:
    return Services(eraser=MemoryEraser(), keys=MemoryApiKeys(), models=MemoryModels())


def context(tenant: str, *scopes: Scope, mode: str = "live") -> dict[str, str]:
    return {"tenant": tenant, "subject": "key:1", "scopes": ",".join(scopes), "mode": mode}


def call(  # noqa: PLR0913 - the parts of a request
    stores: Services,
    method: str,
    path: str,
    body: object = None,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    who: dict[str, str] | None = None,
) -> Answer:
    """Send a request as API Gateway does; without ``who`` as tenant acme with every scope."""
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": path,
        "headers": {"content-type": "application/json", **(headers or {})},
        "queryStringParameters": query or {},
        "requestContext": {
            "requestId": "r1",
            "http": {"method": method, "path": path},
            "stage": "$default",
            "authorizer": {"lambda": context("acme", *ALL) if who is None else who},
        },
    }
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    answer = APP.answer(event, stores)
    return Answer(answer["statusCode"], json.loads(answer["body"]), answer["headers"])
