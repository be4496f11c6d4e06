"""The program inside a function's interpreter, in place of Lambda's own runtime.

The interpreter has only boto3, so this file imports nothing of this project. It reads one JSON line
for each invocation and writes one. What the function prints goes to standard error, which becomes
its log. An exception of the handler is answered as Lambda answers it, and the worker goes on.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, TypeAlias

AnyValue: TypeAlias = Any

PER_INVOCATION = ("_X_AMZN_TRACE_ID", "_MINISTACK_INVOKE_DEPTH")


class Context:
    """The second argument of a handler."""

    def __init__(self, init: dict[str, Any], invocation: dict[str, Any]) -> None:
        name = init["function_name"]
        self.function_name = name
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.invoked_function_arn = invocation.get("invoked_function_arn") or init["arn"]
        self.memory_limit_in_mb = str(init["memory"])
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", f"/aws/lambda/{name}")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + invocation["timeout_ms"] / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the rest of the function's timeout in milliseconds."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def main() -> None:
    """Answer invocations until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # output of C code as well
    sys.stdout = sys.stderr
    init = json.loads(sys.stdin.readline())
    os.environ.update(init["env"])
    sys.path[:1] = [init["code_dir"], *_layers()]
    handler, failed = _load(init["module"], init["handler"])
    _send(answers, {"status": "ready", "cold": True})
    for line in sys.stdin:
        message = json.loads(line)
        _send(answers, failed or _answer(handler, init, message))
        if failed:  # the next invocation imports the module again, as on Lambda
            handler, failed = _load(init["module"], init["handler"])


def _layers() -> list[str]:
    """Return the folders of the function's layers; sys.path has its own code before them."""
    unpacked = filter(None, os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folders = [
        os.path.join(layer, "python", inner)  # noqa: PTH118 - the worker starts faster without pathlib
        for layer in unpacked
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
    except BaseException as error:  # noqa: BLE001 - any error of the function's code
        return None, _failure(type(error).__name__, str(error), error)
    if not hasattr(found, name):
        message = f"Handler '{name}' missing on module '{module}'"
        return None, _failure("Runtime.HandlerNotFound", message, AttributeError(name))
    return getattr(found, name), None


def _answer(handler: AnyValue, init: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    invocation = message["ctx"]
    values = (invocation.get("trace_id"), invocation.get("depth"))
    for name, value in zip(PER_INVOCATION, values, strict=True):
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = str(value)
    request_id = invocation["request_id"]
    try:
        result = handler(message["event"], Context(init, invocation))
    except SystemExit as error:
        text = f"RequestId: {request_id} Error: Runtime exited"
        return _failure("Runtime.ExitError", text, error, request_id)
    except BaseException as error:  # noqa: BLE001
        return _failure(type(error).__name__, str(error), error, request_id)
    try:
        return {"status": "ok", "result": json.loads(json.dumps(result))}
    except (TypeError, ValueError) as error:
        text = f"Unable to marshal response: {error}"
        return _failure("Runtime.MarshalError", text, error, request_id)


def _failure(kind: str, message: str, error: BaseException, request_id: str = "") -> dict[str, Any]:
    """Return Lambda's error document, and log the error as Lambda does."""
    frames = traceback.extract_tb(error.__traceback__)[1:]  # without this file's own frame
    trace = traceback.format_list(f for f in frames if "importlib" not in f.filename)
    sys.stderr.write(f"[ERROR] {kind}: {message}\nTraceback (most recent call last):\n")
    sys.stderr.writelines(trace)
    sys.stderr.flush()
    document = {"errorMessage": message, "errorType": kind, "requestId": request_id}
    answer = {"status": "ok", "result": None}
    return {**answer, "function_error": {**document, "stackTrace": trace}}


def _send(answers: AnyValue, message: dict[str, Any]) -> None:
    sys.stderr.flush()
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
