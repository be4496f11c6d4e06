"""Errors of InvokeEndpoint when the container or its model does not answer."""

from http import HTTPStatus

from local.sagemaker.api.errors import ServiceError
from local.sagemaker.container.calls import Reply

FAILED_DEPENDENCY = 424


class ModelError(ServiceError):
    """The container answered with an error, or did not answer (status 0)."""

    def __init__(self, original_status: int, original_message: str) -> None:
        kind = "client" if 400 <= original_status < 500 else "server"  # noqa: PLR2004 - HTTP
        super().__init__(
            "ModelError",
            f"Received {kind} error ({original_status}) from primary with message "
            f'"{original_message}". See the endpoint\'s log group for more information.',
            FAILED_DEPENDENCY,
        )
        self.original_status = original_status
        self.original_message = original_message


def model_error(reply: Reply) -> ModelError:
    """Return the error with which the container answered."""
    return ModelError(reply.status, reply.body.decode("utf-8", "replace")[:4096])


def timed_out() -> ModelError:
    """Return the error for a container that took too long."""
    return ModelError(
        0,
        "Your invocation timed out while waiting for a response from container primary. Review "
        "the latency metrics for each container in Amazon CloudWatch, resolve the issue, and try "
        "again.",
    )


def not_ready(target: str) -> ServiceError:
    """Return the error for a model that still loads; the caller tries again."""
    return ServiceError(
        "ModelNotReadyException",
        f"Model {target} is not ready to serve inference requests, it is still being loaded.",
        HTTPStatus.TOO_MANY_REQUESTS,
    )
