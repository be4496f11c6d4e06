"""The program inside a function's process, in place of Lambda's own runtime.

The process has only boto3, so this file imports nothing of this project. It reads one JSON line for
each invocation and writes one. What the function prints goes to standard error, which becomes its
log. An exception of the handler is answered as Lambda answers it, and the process goes on.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import traceback
from contextlib import suppress
from typing import Any, TypeAlias

AnyValue: TypeAlias = Any

TRACE = "_X_AMZN_TRACE_ID"
END_OF_LOG = "\0end of the invocation\0"
"""Written to standard error after each invocation, behind all that the handler printed."""


class Context:
    """The second argument of a handler."""

    def __init__(self, init: dict[str, Any], invocation: dict[str, Any]) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn = invocation["arn"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + init["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the rest of the function's timeout in milliseconds."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def main() -> None:
    """Answer invocations until the parent closes the pipe."""
    requests, answers = _take_pipes()
    log = os.fdopen(os.dup(2), "w", encoding="utf-8")  # the function may close its own
    init = json.loads(requests.readline())
    sys.executable = init["executable"]
    sys.path[:0] = [init["code"], *_folders_of(init["layers"])]
    handler, failed = _load(init["module"], init["handler"])
    _send(answers, log, {"ready": True})
    for line in requests:
        message = json.loads(line)
        _send(answers, log, failed or _answer(handler, init, message))
        if failed:  # the next invocation imports the module again, as on Lambda
            handler, failed = _load(init["module"], init["handler"])


def _take_pipes() -> tuple[AnyValue, AnyValue]:
    """Return the protocol's pipes; the function's input is empty, and its output is its log."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # output of C code as well
    sys.stdout = sys.stderr
    return requests, answers


def _folders_of(layers: list[str]) -> list[str]:
    """Return the folders of the function's layers; sys.path has its own code before them."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [
        os.path.join(layer, "python", inner)  # noqa: PTH118 - the process starts faster without pathlib
        for layer in layers
        for inner in (os.path.join("lib", version, "site-packages"), "")  # noqa: PTH118
    ]
    return [folder for folder in folders if os.path.isdir(folder)]  # noqa: PTH112


def _load(module: str, name: str) -> tuple[Any, dict[str, Any] | None]:
    """Return the handler, or the error that the first invocation reports."""
    try:
        found = importlib.import_module(module)
    except ImportError as error:
        message = f"Unable to import module '{module}': {error}"
        return None, _failure("Runtime.ImportModuleError", message, error)
    except Exception as error:  # noqa: BLE001 - any error of the function's code
        return None, _failure(type(error).__name__, str(error), error)
    if not hasattr(found, name):
        message = f"Handler '{name}' missing on module '{module}'"
        return None, _failure("Runtime.HandlerNotFound", message, AttributeError(name))
    return getattr(found, name), None


def _answer(handler: AnyValue, init: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    invocation = message["invocation"]
    os.environ.pop(TRACE, None)
    if invocation["trace_id"] is not None:
        os.environ[TRACE] = invocation["trace_id"]
    request_id = invocation["request_id"]
    try:
        result = handler(message["event"], Context(init, invocation))
    except Exception as error:  # noqa: BLE001 - SystemExit ends the process, as on Lambda
        return _failure(type(error).__name__, str(error), error, request_id)
    try:
        return {"result": json.loads(json.dumps(result))}
    except (TypeError, ValueError) as error:
        text = f"Unable to marshal response: {error}"
        return _failure("Runtime.MarshalError", text, error, request_id)


def _failure(kind: str, message: str, error: BaseException, request_id: str = "") -> dict[str, Any]:
    """Return Lambda's error document, and log the error as Lambda does."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without this file's own frame
    trace = traceback.format_list(f for f in frames if "importlib" not in f.filename)
    with suppress(OSError, ValueError):  # the function may have closed it
        sys.stderr.write(f"[ERROR] {kind}: {message}\nTraceback (most recent call last):\n")
        sys.stderr.writelines(trace)
    document = {"errorMessage": message, "errorType": kind, "requestId": request_id}
    return {"error": {**document, "stackTrace": trace}}


def _send(answers: AnyValue, log: AnyValue, message: dict[str, Any]) -> None:
    """Write an answer; with it goes the most memory that an ended child has had, in KiB."""
    with suppress(OSError, ValueError):  # the function may have closed it
        sys.stderr.flush()
    log.write(END_OF_LOG + "\n")
    log.flush()
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    answers.write(json.dumps({**message, "peak_of_children": children}) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
