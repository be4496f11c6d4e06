"""Replaces ministack's way to run a function.

Stock runs a handler in the server's own interpreter with the host's whole environment, without
limits. It reports every exception as Runtime.HandlerError, so no Retry or Catch by name would
match.
"""

from functools import lru_cache

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from local.cloud import paths
from local.cloud.lambdas import calls, interpreter, limits
from local.cloud.lambdas.environment import ExecutionEnvironment
from local.cloud.typing_aliases import Json, Stock


def install() -> None:
    """Run functions as Lambda does.

    Raises:
        NotInstalledError: the functions' Python is missing, or its starter cannot be compiled.
    """
    if not paths.LAMBDA_PYTHON.exists():
        where = paths.LAMBDA_PYTHON.relative_to(paths.ROOT)
        message = f"the functions' Python, {where}, is missing: run `make envs`"
        raise paths.NotInstalledError(message)
    try:
        interpreter.find(paths.LAMBDA_PYTHON, paths.INTERPRETERS)
    except interpreter.NoCompilerError as error:
        raise paths.NotInstalledError(str(error)) from error
    lambda_runtime._worker_class_for = lambda _config: ExecutionEnvironment
    lambda_svc._execute_function_dispatch = _dispatch
    lambda_svc.handle_request = limits.checked(lambda_svc.handle_request)
    # Asked of all layers at each change of a function: 170 MB of zips, whose lists are long.
    lambda_svc._unzipped_size = lru_cache(maxsize=8)(lambda_svc._unzipped_size)


def _dispatch(
    function: Stock, config: Stock, event: Json, request_id: str, _started: float
) -> dict[str, Json]:
    """Run a function of any runtime in an environment of ours, which writes its own log."""
    return calls.execute({**function, "config": config}, event, request_id)
