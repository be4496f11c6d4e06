"""Errors of an API call, and failures of a job or endpoint (FailureReason)."""


class ServiceError(Exception):
    """The service refuses an API call."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class NotFoundError(ServiceError):
    """A training job does not exist; Describe and Stop answer with this error."""

    def __init__(self) -> None:
        super().__init__("ValidationException", "Requested resource not found.")


class ContainerFault(Exception):  # noqa: N818 - it becomes a FailureReason
    """A job or an endpoint fails; the text is its FailureReason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason[:1024]
