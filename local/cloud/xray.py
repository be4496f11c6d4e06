"""The laptop's X-Ray: one trace for each execution, with its functions and what they add to it.

Stock has no X-Ray. Here every execution has a trace header: that of StartExecution, or a new one.
Every function with active tracing has a segment, in the trace of the execution whose Task calls it
or in one of its own. PutTraceSegments adds others, and BatchGetTraces returns a trace. No other
operation is there.
"""

import json
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ministack import app
from ministack.core import concurrency, iam_evaluator, responses, router
from ministack.services import lambda_svc

from local.cloud.typing_aliases import Json, Stock

SERVICE = "xray"
_ACTIONS = {
    "/TraceSegments": "xray:PutTraceSegments",
    "/Traces": "xray:BatchGetTraces",
}

_segments: Stock = responses.AccountRegionScopedDict()  # trace id -> segment id -> document
_lock = threading.Lock()
_current = threading.local()
_given: dict[str, str] = {}
"""Headers of StartExecution, by execution, until the execution begins on a thread of its own."""


def install() -> None:
    """Register the service, and give a Task's function the header of its execution."""
    module: Any = __import__("sys").modules[__name__]
    app._loaded_modules[SERVICE] = module
    app.SERVICE_REGISTRY[SERVICE] = {"module": SERVICE}
    app.SERVICE_HANDLERS[SERVICE] = app._lazy_handler(SERVICE)
    app._state_map[SERVICE] = SERVICE
    router.SERVICE_PATTERNS[SERVICE] = {"target_prefixes": [], "host_patterns": []}
    stock = lambda_svc._xray_trace_id_for_invocation

    def header(config: Json, inbound: str | None = None) -> Stock:
        return getattr(_current, "header", None) or stock(config, inbound)

    lambda_svc._xray_trace_id_for_invocation = header


# ---- what the states add -----------------------------------------------------------------


def goes_on(execution: str | None, header: str | None) -> None:
    """Let the execution that is about to start go on with its caller's trace."""
    if execution is not None and header:
        _given[execution] = header


def begin(record: Stock) -> None:
    """Give an execution its trace header; a redriven one keeps its own."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    given = _given.pop(record["executionArn"], None)
    record.setdefault("traceHeader", given or f"Root={root};Sampled=1")


@contextmanager
def function_call(record: Stock, name: str | None) -> Generator[None, None, None]:
    """Add a function's segment to its execution's trace, and pass the header on to the function."""
    if name is None or "traceHeader" not in record:  # a child of a Distributed Map has none
        yield
        return
    root, segment = _field_of(record["traceHeader"], "Root"), secrets.token_hex(8)
    started = time.time()
    _current.header = f"Root={root};Parent={segment};Sampled=1"
    try:
        yield
    finally:
        _current.header = None
        times = {"start_time": started, "end_time": time.time()}
        _keep({"trace_id": root, "id": segment, "name": name, "origin": "AWS::Lambda", **times})


@contextmanager
def own_call(name: str, header: str | None) -> Generator[None, None, None]:
    """Add the segment of a function that no Task calls to the trace that its header names."""
    if header is None or getattr(_current, "header", None) is not None:
        yield
        return
    started = time.time()
    try:
        yield
    finally:
        root, segment = _field_of(header, "Root"), _field_of(header, "Parent")
        times = {"start_time": started, "end_time": time.time()}
        _keep({"trace_id": root, "id": segment, "name": name, "origin": "AWS::Lambda", **times})


def _field_of(header: str, wanted: str) -> str:
    pairs = (part.partition("=") for part in header.split(";"))
    return next(value for name, _, value in pairs if name == wanted)


def _keep(document: Json) -> None:
    with _lock:
        _segments.setdefault(document["trace_id"], {})[document["id"]] = document


# ---- the API ------------------------------------------------------------------------------


async def handle_request(
    method: str, path: str, headers: Json, body: bytes, query_params: Json
) -> Stock:
    """Answer a call of X-Ray."""
    del method, query_params
    answered: Stock = await concurrency.run_reentrant(
        lambda: _answer(path, headers, body), thread_name=SERVICE
    )
    return answered


def _answer(path: str, headers: Json, body: bytes) -> Stock:
    if path not in _ACTIONS:
        return _refusal(400, "InvalidRequestException", f"The laptop's X-Ray has no {path}.")
    if _is_denied(headers, _ACTIONS[path]):
        message = f"User is not authorized to perform: {_ACTIONS[path]}"
        return _refusal(403, "AccessDeniedException", message)
    request = json.loads(body or b"{}")
    answer = _put(request) if path == "/TraceSegments" else _traces(request)
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _is_denied(headers: Json, action: str) -> bool:
    if not app.AUTH:
        return False
    key = router.extract_access_key_id(headers, {})
    region = responses.get_region()
    return iam_evaluator.enforce(key, action, SERVICE, region, resource_arn="*") is not None


def _put(request: Json) -> Json:
    refused = []
    for text in request.get("TraceSegmentDocuments", []):
        document = json.loads(text)
        missing = {"trace_id", "id", "name", "start_time"} - set(document)
        if missing:
            fault = {"ErrorCode": "MissingId", "Message": ", ".join(sorted(missing))}
            refused.append({"Id": document.get("id", ""), **fault})
        else:
            _keep(document)
    return {"UnprocessedTraceSegments": refused}


def _traces(request: Json) -> Json:
    wanted = request.get("TraceIds", [])
    found = [trace for trace in wanted if trace in _segments]
    return {
        "Traces": [_trace(name) for name in found],
        "UnprocessedTraceIds": [trace for trace in wanted if trace not in found],
    }


def _trace(name: str) -> Json:
    documents = sorted(_segments[name].values(), key=lambda one: one["start_time"])
    ends = [document.get("end_time", document["start_time"]) for document in documents]
    return {
        "Id": name,
        "Duration": max(ends) - documents[0]["start_time"],
        "Segments": [{"Id": one["id"], "Document": json.dumps(one)} for one in documents],
    }


def _refusal(status: int, code: str, message: str) -> Stock:
    headers = {"Content-Type": "application/json", "x-amzn-errortype": code}
    return status, headers, json.dumps({"Message": message}).encode()


def get_state() -> Json:
    """Return no state: traces end with the server."""
    return {}


def load_persisted_state(state: Json) -> None:
    """Load nothing; see `get_state`."""
    del state


def reset() -> None:
    """Forget every trace."""
    with _lock:
        _segments.clear()
