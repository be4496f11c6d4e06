"""Step Functions' task tokens: implements domain.ports.callbacks.Callbacks."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from aws.clients import client

_NO_STATE_WAITS = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}
_MAX_ERROR, _MAX_CAUSE = 256, 32_768

logger = Logger(child=True)


class StepFunctionsCallbacks:
    """A token that no state waits behind is logged and treated as answered."""

    def __init__(self, states: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._states = states

    @classmethod
    def from_env(cls) -> "StepFunctionsCallbacks":
        """Use this region's Step Functions."""
        return cls(client("stepfunctions"))

    def succeed(self, task_token: str, answer: str, job_id: str) -> bool:
        """End the waiting state with this JSON."""
        return _sent(
            lambda: self._states.send_task_success(taskToken=task_token, output=answer), job_id
        )

    def fail(self, task_token: str, error: str, cause: str, job_id: str) -> bool:
        """Fail the waiting state."""
        error, cause = error[:_MAX_ERROR], cause[:_MAX_CAUSE]
        return _sent(
            lambda: self._states.send_task_failure(taskToken=task_token, error=error, cause=cause),
            job_id,
        )


def _sent(send: Callable[[], object], job_id: str) -> bool:
    """Return whether a state was waiting behind the token."""
    try:
        send()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code not in _NO_STATE_WAITS:
            raise
        logger.info("no state waits behind this task token", job_id=job_id, reason=code)
        return False
    return True
