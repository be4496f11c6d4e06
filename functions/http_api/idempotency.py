"""Idempotency-Key: a POST that is sent again is answered as before, and done once.

The same request is one to the same address and query, with the same body, by a caller of the tenant
who may do as much: an answer never reaches a caller who could not have asked for it.
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from contracts.documents.api.callers import Caller
from contracts.documents.api.problem import FieldProblem
from contracts.shared.layout.rows import idempotency_row
from domain.ports.front_door import Remembered
from http_api.problems import ApiError
from http_api.services import Services

HEADER = "idempotency-key"
MAX_CHARACTERS = 255
ERROR = 400

WAIT = "wait"
"""Parameter that says how long to wait for the same answer; a repetition may wait longer."""

Event = Mapping[str, Any]
Answer = dict[str, Any]

SHOWN_ONCE = ("token", "secret")
"""Fields of an answer that are not kept: a repetition has null there."""


def once(event: Event, caller: Caller, services: Services, ask: Callable[[], Answer]) -> Answer:
    """Return the answer to a request, the earlier one if its Idempotency-Key was used before.

    Raises:
        ApiError: another request has this key, or the first one is still being answered.
    """
    given = event.get("headers", {}).get(HEADER)
    if given is None or event["requestContext"]["http"]["method"] != "POST":
        return ask()
    if not 0 < len(given) <= MAX_CHARACTERS:
        words = f"must have 1 to {MAX_CHARACTERS} characters"
        problem = FieldProblem(field=f"header.{HEADER}", message=words)
        raise ApiError("invalid_call", errors=[problem])
    row = idempotency_row(caller.tenant, _hash(caller.tenant, given))
    digest = _digest_of(event, caller)
    earlier = services.memory.begin(row, digest, services.now())
    if earlier == "busy":
        raise ApiError("request_in_progress", headers={"Retry-After": "2"})
    if earlier != "new":
        return _again(earlier.digest == digest, earlier.status, earlier.body)
    return _remembered(row, digest, services, ask())


def _remembered(row: str, digest: str, services: Services, answer: Answer) -> Answer:
    """Keep an answer; an error had no effect, so it gives the key back."""
    status = int(answer["statusCode"])
    if status >= ERROR:
        services.memory.forget(row)
    else:
        kept = Remembered(digest, status, without_secret(answer["body"]))
        services.memory.answered(row, kept, services.now())
    return answer


def without_secret(body: str) -> str:
    """Return an answer without the text of a new API key, which is stored nowhere."""
    found = json.loads(body)
    hidden = {name: None for name in SHOWN_ONCE if found.get(name)}
    return json.dumps(found | hidden) if hidden else body


def _again(same: bool, status: int, body: str) -> Answer:
    if not same:
        raise ApiError("idempotency_mismatch")
    return {
        "statusCode": status,
        "body": body,
        "headers": {"Content-Type": "application/json", "Idempotent-Replay": "true"},
        "isBase64Encoded": False,
    }


def _digest_of(event: Event, caller: Caller) -> str:
    """Return what two requests under one key must have in common."""
    query = event.get("queryStringParameters") or {}
    asked = sorted((name, value) for name, value in query.items() if name != WAIT)
    body = str(event.get("body") or "")
    return _hash(str(event["rawPath"]), body, json.dumps(asked), ",".join(sorted(caller.scopes)))


def _hash(*texts: str) -> str:
    return sha256("\0".join(texts).encode()).hexdigest()
