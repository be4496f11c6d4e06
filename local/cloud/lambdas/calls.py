"""One call of a function: a free environment, the answer, the log."""

import logging
import zipfile

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.cloud import xray
from local.cloud.lambdas import logs, worker_queue
from local.cloud.lambdas.environment import ExecutionEnvironment, UnsupportedRuntimeError
from local.cloud.typing_aliases import Json, Stock

log = logging.getLogger(__name__)


def execute(function: Stock, event: Json, request_id: str) -> dict[str, Json]:
    """Run a function; return the answer in the form that ministack's services expect."""
    config = function.get("config") or function
    with worker_queue.place(config["FunctionName"]):
        environment = _acquire(config, function.get("code_zip") or b"")
        try:
            trace_id = lambda_svc._xray_trace_id_for_invocation(config)
            with xray.own_call(config["FunctionName"], trace_id):
                outcome = environment.call(event, request_id, trace_id)
        except (UnsupportedRuntimeError, OSError, zipfile.BadZipFile) as error:
            log.warning("function %s did not start: %s", config["FunctionName"], error)
            document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": str(error)}
            return {"body": document, "error": True, "log": ""}
        finally:
            lambda_runtime.release_worker(environment)
    text = logs.record(config, environment.stream, request_id, outcome)
    answer = {"body": outcome.body, "log": text}
    return {**answer, "error": True} if outcome.failed else answer


def _acquire(config: Stock, code_zip: bytes) -> ExecutionEnvironment:
    """Take a warm environment of the function's version, or a new one."""
    lambda_svc._ensure_reaper_thread()
    version = config.get("Version", "$LATEST")
    found: ExecutionEnvironment
    found, _ = lambda_runtime.acquire_worker(
        config["FunctionName"], config, code_zip, qualifier=version
    )
    return found
