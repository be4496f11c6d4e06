"""What a failure means: Step Functions' error and cause as a code and facts of ours."""

import hashlib
import json
import re
from typing import Any

from contracts.codes import CODES
from contracts.documents.stages import Failure
from contracts.errors import StageError

TIMED_OUT = {"States.Timeout", "States.HeartbeatTimeout"}

NESTED_ENDS = {
    "FAILED": ("SweepFailedError", '{"code": "sweep_failed"}'),
    "TIMED_OUT": ("States.Timeout", ""),
    "ABORTED": ("JobCanceledError", '{"code": "canceled"}'),
}
"""Error and cause of a nested execution that ended without its own."""


class RaisedAgainError(StageError):
    """A stage's failure, raised again by FailJob under the stage's own error name."""

    def __init__(self, text: str) -> None:
        Exception.__init__(self, text)
        self.facts = facts_of(text)


def facts_of(cause: str) -> dict[str, Any]:
    r"""Return the facts of a StageError: the cause itself, or the errorMessage inside it.

    >>> facts_of('{"code": "gate_failed"}')
    {'code': 'gate_failed'}
    >>> facts_of('{"errorMessage": "{\\"found\\": 3}", "errorType": "TooFewPhotosError"}')
    {'found': 3}
    >>> facts_of("Task timed out")
    {}
    """
    outer = _object(cause)
    if "errorMessage" in outer:
        return _object(str(outer["errorMessage"]))
    return outer


def own_failure(failure: Failure) -> Failure:
    r"""Return the failure inside a nested execution; any other failure unchanged.

    Step Functions reports a failed nested execution as States.TaskFailed, with the execution's
    description as the cause.

    >>> inner = {"Status": "FAILED", "Error": "SweepFailedError", "Cause": "x"}
    >>> own_failure(Failure(Error="States.TaskFailed", Cause=json.dumps(inner))).error
    'SweepFailedError'
    >>> own_failure(Failure(Error="States.TaskFailed", Cause='{"Status": "TIMED_OUT"}')).error
    'States.Timeout'
    """
    ended = _object(failure.cause)
    if failure.error != "States.TaskFailed" or ended.get("Status") not in NESTED_ENDS:
        return failure
    error, cause = NESTED_ENDS[ended["Status"]]
    return Failure(Error=ended.get("Error") or error, Cause=ended.get("Cause") or cause)


def code_of(failure: Failure) -> str:
    """Return the failure's code; ``internal_error`` for a failure that no stage raised."""
    failure = own_failure(failure)
    code = facts_of(failure.cause).get("code")
    if code in CODES:
        return str(code)
    return "timed_out" if failure.error in TIMED_OUT else "internal_error"


def raised_again(failure: Failure) -> RaisedAgainError:
    """Return an exception with the failure's name and text, for Lambda to report unchanged."""
    failure = own_failure(failure)
    name = re.sub(r"\W", "", failure.error) or "UnknownError"
    text = str(_object(failure.cause).get("errorMessage", failure.cause))
    kind: type[RaisedAgainError] = type(name, (RaisedAgainError,), {})
    return kind(text)


def failure_notice_id(execution_arn: str, redrive_count: int) -> str:
    """Return the id of every notice about this failure, whoever sends it.

    NotifyFailure and notify_outcome may both see the failure; the same id keeps the second silent.
    """
    seen = f"{execution_arn}#{redrive_count}"
    return "failed-" + hashlib.sha256(seen.encode()).hexdigest()[:32]


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
