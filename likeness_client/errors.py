"""Why there is no picture, and whether it helps to try again."""

from typing import Any

from botocore.exceptions import ClientError

from contracts.documents.picture import ERROR_PREFIX, NO_VERSION
from likeness_client.aws_errors import explain

PASSING = {
    "adapter_not_loaded",
    "base_unavailable",
    "busy",
    "not_in_time",
    "memory_pressure",
    "model_not_ready",
    "model_unloaded",
    "no_answer",
}
"""Codes of what passes by itself."""

NOT_READY = {
    "InternalDependencyException",
    "InternalFailure",
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ThrottlingException",
}
"""SageMaker's own words for "not now"."""

QUEUE_ERRORS = ("Exceeds maximum queue size", "Request timeout expired")
"""Triton's own words when one model has too many requests waiting."""

SERVER_ERROR = 500
"""And above: no room for the model (507), or a container that is being replaced."""

NO_STATUS = 0
"""What SageMaker reports when the container said nothing within its minute."""


class GenerationError(Exception):
    """A request that brought no picture. ``code`` is a stable word, see docs/codes.md."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in PASSING


def translate(error: ClientError) -> GenerationError:
    """Return our word for what SageMaker, or the model behind it, answered."""
    response: Any = error.response
    error_body = response["Error"]
    if error_body["Code"] in NOT_READY:
        return GenerationError("model_not_ready", "the endpoint is still loading the model")
    if error_body["Code"] != "ModelError":
        return GenerationError("refused", explain(error))
    text = response.get("OriginalMessage", error_body["Message"])
    if ERROR_PREFIX in text:
        code, _, words = text.partition(ERROR_PREFIX)[2].partition(": ")
        return GenerationError(code, words.split('"')[0])
    return translate_status(response.get("OriginalStatusCode", SERVER_ERROR), text)


def translate_status(status: int, text: str) -> GenerationError:
    """Return our word for what Triton itself said."""
    if any(words in text for words in QUEUE_ERRORS):
        return GenerationError("busy", "the model has too many requests, try again")
    if NO_VERSION in text:
        return GenerationError("model_unloaded", "the model is being unloaded, try again")
    if status == NO_STATUS:
        return GenerationError("no_answer", "the model did not answer in time")
    if status >= SERVER_ERROR:
        return GenerationError("model_not_ready", "the endpoint has no room for the model now")
    return GenerationError("refused", "the model refused the request")
