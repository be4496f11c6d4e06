"""The two ways to say no: to the caller of an API, and in a job's or endpoint's FailureReason."""


class ServiceError(Exception):
    """An API call is refused."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class NotFoundError(ServiceError):
    """SageMaker answers a missing training job so, for reading as for stopping."""

    def __init__(self) -> None:
        super().__init__("ValidationException", "Requested resource not found.")


class ContainerFault(Exception):  # noqa: N818 - not an error of ours: it becomes a FailureReason
    """A job or an endpoint cannot go on; the text is its FailureReason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason[:1024]
