"""Exceptions that end a run early."""

from typing import Final

from ministack.services import stepfunctions as stock

Failed: Final = stock._ExecutionError
"""A state's failure: `.error` is the name that Retry and Catch compare, `.cause` the text."""

# Neither States.ALL nor States.TaskFailed matches these.
FINAL = frozenset({"States.Runtime", "States.DataLimitExceeded"})
TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})


class StoppedError(Exception):
    """StopExecution, a failed sibling branch or the server's end stopped this run."""


class TimedOutError(Exception):
    """The machine's own TimeoutSeconds has passed; no Catch sees it."""


def matches(names: list[str], error: str) -> bool:
    """Return whether an ErrorEquals list names this error.

    >>> matches(["States.ALL"], "NoCapacityError"), matches(["States.ALL"], "States.Runtime")
    (True, False)
    >>> matches(["States.Timeout"], "States.HeartbeatTimeout")
    True
    """
    if error in names or (error == "States.HeartbeatTimeout" and "States.Timeout" in names):
        return True
    if error in FINAL:
        return False
    return "States.ALL" in names or ("States.TaskFailed" in names and error not in TIMEOUTS)
