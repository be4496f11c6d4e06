"""Functions run as on Lambda: with only boto3 and their zip, and errors by class name.

Stock runs a handler in the server's own interpreter with the host's whole environment. It reports
every exception as Runtime.HandlerError, so no Retry or Catch by name would match.
"""

import os
import subprocess
import sys
import tempfile
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.cloud import children, layers, paths, worker_queue
from local.cloud.typing_aliases import Json, Stock

OUR_RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"

# Variables that a worker inherits from the server; its first message brings the function's own.
PASSED = frozenset({
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_DISABLE_HOST_PREFIX_INJECTION", "LAMBDA_TASK_ROOT",
})  # fmt: skip
PASSED_PREFIXES = ("AWS_LAMBDA_", "_LAMBDA_")
FIXED = {
    "AWS_EXECUTION_ENV": f"AWS_Lambda_{OUR_RUNTIME}",
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "HOME": "/nonexistent",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/bin:/bin",
    "PYTHONUNBUFFERED": "1",
    "TZ": ":UTC",
}

DIED = "Worker process died"

_last = threading.local()
_slots: dict[str, threading.BoundedSemaphore] = {}
_slots_lock = threading.Lock()


def install() -> None:
    """Run functions in their own interpreter and environment, and keep their error names."""
    if not paths.LAMBDA_PYTHON.exists():
        where = paths.LAMBDA_PYTHON.relative_to(paths.ROOT)
        message = f"the functions' Python, {where}, is missing: run `make envs`"
        raise paths.NotInstalledError(message)
    lambda_runtime._PYTHON_WORKER_SCRIPT = Path(__file__).with_name("lambda_worker.py").read_text()
    lambda_runtime.subprocess = types.SimpleNamespace(**{**vars(subprocess), "Popen": _popen})
    lambda_runtime.tempfile = types.SimpleNamespace(**{**vars(tempfile), "mkdtemp": _mkdtemp})
    lambda_runtime._detect_runtime_binary = _checked(lambda_runtime._detect_runtime_binary)
    lambda_svc._emit_lambda_logs = _of_existing_functions(lambda_svc._emit_lambda_logs)
    layers.install()
    _report_errors_by_name()


def _of_existing_functions(emit: Callable[..., None]) -> Callable[..., None]:
    """Drop the log of a deleted function: a late retry must not create its log group again."""

    def emitted(function: Stock, *args: Stock, **options: Stock) -> None:
        config = function.get("config") or function
        if config["FunctionName"] in lambda_svc._functions:
            emit(function, *args, **options)

    return emitted


def _checked(detect: Callable[[str], tuple[str, str]]) -> Callable[[str], tuple[str, str]]:
    """Refuse another Python version, for which the function's wheels were not built."""

    def checked(runtime: str) -> tuple[str, str]:
        if runtime.startswith("python") and runtime != OUR_RUNTIME:
            message = f"the laptop runs {OUR_RUNTIME}, but this function needs {runtime}"
            raise RuntimeError(f"{message}: deploy with LambdaRuntime={OUR_RUNTIME}")
        return detect(runtime)

    return checked


def _popen(args: list[str], env: dict[str, str], **options: Stock) -> subprocess.Popen[Any]:
    """Start a worker with the functions' own Python and only Lambda's variables."""
    if args[-1].endswith(".py"):
        args = [str(paths.LAMBDA_PYTHON), *args[1:]]
    return children.popen(args, env=_worker_environment(env), **options)


def _worker_environment(given: dict[str, str]) -> dict[str, str]:
    passed = {k: v for k, v in given.items() if k in PASSED or k.startswith(PASSED_PREFIXES)}
    endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{given['GATEWAY_PORT']}"}
    return {**FIXED, **passed, **layers.variables(), **endpoint}


def _mkdtemp(**options: Stock) -> str:
    """Unpack functions under .local/, so that the next start removes the files of a crash."""
    folder = paths.lambda_code(int(os.environ["GATEWAY_PORT"]))
    folder.mkdir(parents=True, exist_ok=True)
    return tempfile.mkdtemp(dir=folder, **options)


def _report_errors_by_name() -> None:
    invoke, execute = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm

    def invoke_and_record(self: Stock, *args: Stock, **options: Stock) -> Stock:
        answer = invoke(self, *args, **options)
        _last.error = answer.get("function_error")
        return answer

    def execute_in_slot(func: Stock, event: Json, request_id: str) -> Stock:
        _last.error = None
        slot = _slot((func.get("config") or func)["FunctionName"])
        with worker_queue.current_timer().waiting():
            slot.acquire()
        try:
            answer = execute(func, event, request_id)
        finally:
            slot.release()
        if _last.error is None:
            return _named(answer)
        return {**answer, "body": {**_last.error, "requestId": request_id}, "error": True}

    lambda_runtime.Worker.invoke = invoke_and_record
    lambda_svc._execute_function_warm = execute_in_slot


def _named(answer: Stock) -> Stock:
    """Report a dead worker as Runtime.ExitError; stock reports it as the handler's error."""
    body = answer.get("body")
    if answer.get("error") and isinstance(body, dict) and body.get("errorMessage") == DIED:
        return {**answer, "body": {**body, "errorType": "Runtime.ExitError"}}
    return answer


def _slot(function: str) -> threading.BoundedSemaphore:
    with _slots_lock:
        return _slots.setdefault(
            function, threading.BoundedSemaphore(worker_queue.WORKERS_PER_FUNCTION)
        )
