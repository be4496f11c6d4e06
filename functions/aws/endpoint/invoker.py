"""InvokeEndpoint on the multi-model endpoint: implements domain.ports.endpoint.EndpointInvoker."""

import re
from typing import Any, get_args

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from aws import settings
from aws.clients import client
from contracts.documents.picture import ARGUMENT_NAMES, ERROR_PREFIX, NO_VERSION, PictureCode
from contracts.errors import EndpointMissingError, ModelNotReadyError, StageError, WarmUpFailedError

_CONFIG = Config(connect_timeout=3, read_timeout=70, retries={"total_max_attempts": 1})
"""SageMaker answers within 60 seconds; the state machine retries."""

_BUSY = {
    "InternalDependencyException",
    "InternalFailure",
    "ModelNotReadyException",
    "ServiceUnavailable",
    "ThrottlingException",
}
_TEMPORARY = (
    *(f"{ERROR_PREFIX}{code}: " for code in ("busy", "base_unavailable", "model_unloaded")),
    NO_VERSION,
)
"""Error texts of our base model, of the front and of Triton that are temporary."""

_NO_ANSWER, _FIRST_SERVER_ERROR = 0, 500


class SageMakerEndpointInvoker:
    """Translates SageMaker's errors into the workflow's; the model's text is dropped."""

    def __init__(self, name: str, runtime: Any) -> None:  # noqa: ANN401 - a boto3 client
        self.name = name
        self._runtime = runtime

    @classmethod
    def from_env(cls) -> "SageMakerEndpointInvoker":
        """Call the endpoint that ENDPOINT_NAME names."""
        runtime = client("sagemaker-runtime", _CONFIG)
        return cls(settings.text("ENDPOINT_NAME"), runtime)

    def invoke(self, target_model: str, body: bytes) -> bytes:
        """Return the model's answer; see the Protocol for what it raises."""
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=self.name,
                TargetModel=target_model,
                ContentType="application/json",
                Accept="application/json",
                Body=body,
            )
            data: bytes = answer["Body"].read()
        except (ReadTimeoutError, ConnectionClosedError) as error:
            raise ModelNotReadyError(reason="no_answer") from error
        except ClientError as error:
            raise _translate(error.response) from error
        return data


def _translate(response: Any) -> StageError:  # noqa: ANN401 - botocore's error response
    """Return the workflow's error for SageMaker's."""
    error = response["Error"]
    if error["Code"] in _BUSY:
        return ModelNotReadyError(reason=error["Code"])
    if any(words in response.get("OriginalMessage", "") for words in _TEMPORARY):
        return ModelNotReadyError(reason="base_not_ready")
    if error["Code"] == "ModelError":
        named = _picture_code(response.get("OriginalMessage", ""))
        return named or _translate_status(int(response["OriginalStatusCode"]))
    if error["Message"].startswith("Endpoint ") and "not found" in error["Message"]:
        return EndpointMissingError()
    return WarmUpFailedError(reason=error["Code"])


def _picture_code(message: str) -> StageError | None:
    """Return the error with our base model's code; None when the text has none.

    Of the text itself only the name of an argument is kept.
    """
    for code in get_args(PictureCode):
        _, found, text = message.partition(f"{ERROR_PREFIX}{code}: ")
        if found:
            argument = re.match("[a-z_]+", text)
            known = argument is not None and argument[0] in ARGUMENT_NAMES
            named = {"picture_argument": argument[0]} if argument and known else {}
            return WarmUpFailedError(picture_code=code, **named)
    return None


def _translate_status(status: int) -> StageError:
    """Return the workflow's error for the container's status; 507 (no room) is temporary."""
    if status == _NO_ANSWER or status >= _FIRST_SERVER_ERROR:
        return ModelNotReadyError(status=status)
    return WarmUpFailedError(status=status)
