"""Sizes that Lambda refuses, and calls by functions, which do not wait for a place.

Sources: Lambda's API reference (Invoke: 6 MB for a synchronous request, 1 MB for an asynchronous
one) and quotas page.
"""

import json
from collections.abc import Awaitable, Callable

from ministack.core.responses import error_response_json
from ministack.services.lambda_svc import extract_access_key_id

from local.cloud import sessions
from local.cloud.lambdas import worker_queue
from local.cloud.typing_aliases import Json, Stock

SYNCHRONOUS = "RequestResponse"
MAX_ANSWER_BYTES = 6 * 1024 * 1024 + 100
MAX_REQUEST_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
TOO_LARGE = 413

Handle = Callable[..., Awaitable[Stock]]


def checked(handle: Handle) -> Handle:
    """Refuse invocations whose payload is too large; stock runs them."""

    async def handled(method: str, path: str, headers: Json, body: bytes, query: Json) -> Stock:
        if method != "POST" or not path.rstrip("/").endswith("/invocations"):
            return await handle(method, path, headers, body, query)
        kind = _kind(headers)
        message = refusal(len(body or b""), kind)
        if message is not None:
            return error_response_json("RequestEntityTooLargeException", message, TOO_LARGE)
        if kind == SYNCHRONOUS and sessions.is_function(extract_access_key_id(headers, query)):
            worker_queue.never_wait()
        return await handle(method, path, headers, body, query)

    return handled


def refusal(size: int, kind: str) -> str | None:
    """Return why a request of this many bytes is refused, in AWS's words; None when it is not."""
    if kind == "Event" and size > MAX_EVENT_BYTES:
        kind = "too large for the Event invocation type"
        return f"{size} byte payload is {kind} (limit {MAX_EVENT_BYTES} bytes)"
    if size > MAX_REQUEST_BYTES:
        limit = f"smaller than {MAX_REQUEST_BYTES} bytes"
        return f"Request must be {limit} for the InvokeFunction operation"
    return None


def answer_error(answer: Json) -> dict[str, str] | None:
    """Return Lambda's error for an answer that is too large; None for any other."""
    size = len(json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size <= MAX_ANSWER_BYTES:
        return None
    message = (
        f"Response payload size ({size} bytes) exceeded maximum allowed payload size"
        f" ({MAX_ANSWER_BYTES} bytes)."
    )
    return {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}


def _kind(headers: Json) -> str:
    names = {str(name).lower(): value for name, value in headers.items()}
    return str(names.get("x-amz-invocation-type") or SYNCHRONOUS)
