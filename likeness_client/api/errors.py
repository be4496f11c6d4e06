"""What can go wrong between a caller and the HTTP API, each with code, title and what to do."""

from contracts.codes import CODES
from contracts.documents.api.jobs import JobFailure, JobView
from contracts.documents.api.pictures import PictureView
from contracts.documents.api.problem import FieldProblem, Problem

CLIENT_CODES = frozenset(
    {
        *("no_answer", "not_understood", "not_accepted"),
        *("upload_failed", "download_failed", "download_damaged", "made_up"),
    }
)
"""The client's own codes; docs/clients.md lists them."""


class LikenessError(Exception):
    """The base of every error of the HTTP client.

    ``code`` is a word of docs/codes.md, or one of CLIENT_CODES where no service has answered.
    """

    def __init__(self, code: str, title: str, detail: str, hint: str) -> None:
        super().__init__(f"{title} ({code}). {detail} {hint}".strip())
        self.code = code
        self.title = title
        self.detail = detail
        self.hint = hint
        """What to do."""

    @property
    def is_temporary(self) -> bool:
        """Whether the client itself sends the same request again."""
        return False

    @property
    def retry_after(self) -> float:
        """Seconds that the service asks to wait; 0: it names none."""
        return 0.0


class NotReachedError(LikenessError):
    """No answer came: no connection, or it ended before the answer was whole."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "no_answer",
            "The service did not answer",
            f"The connection failed ({reason}).",
            "Check the address and the network, and try again.",
        )

    @property
    def is_temporary(self) -> bool:
        """True: the network may be there again in a second."""
        return True


class NotUnderstoodError(LikenessError):
    """The answer is not what the API's document says: another program answers at this address."""

    def __init__(self, address: str) -> None:
        super().__init__(
            "not_understood",
            "The answer is none of this API",
            f"What answers at {address} is no API of Likeness, or of a much newer release.",
            "Check the address: it is the stack's output ApiUrl.",
        )


TEMPORARY_CODES = frozenset({"too_many_requests", "request_in_progress", "internal_error"})
"""Codes after which the same request is sent again. Codes of a drawing are not among them, although
they may pass: the request would draw and pay once more."""


class ApiError(LikenessError):
    """The API has refused a request: its problem+json as an exception."""

    def __init__(self, problem: Problem, retry_after: float = 0.0) -> None:
        super().__init__(problem.code, problem.title, problem.detail, problem.hint)
        if problem.errors:
            fields = "; ".join(f"{one.field}: {one.message}" for one in problem.errors)
            self.args = (f"{self.args[0]} [{fields}]",)
        self.problem = problem
        self._retry_after = retry_after

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return self.problem.status

    @property
    def errors(self) -> tuple[FieldProblem, ...]:
        """The fields of the request that cannot be used."""
        return self.problem.errors

    @property
    def is_temporary(self) -> bool:
        """Whether the same request, with the same Idempotency-Key, is worth another try."""
        return self.code in TEMPORARY_CODES

    @property
    def retry_after(self) -> float:
        """Seconds of the header Retry-After; 0: there was none."""
        return self._retry_after


class FailedError(LikenessError):
    """Something that was waited for has ended badly."""

    def __init__(self, failure: JobFailure | None, code: str) -> None:
        entry = CODES.get(code)
        if failure is not None:
            super().__init__(failure.code, failure.title, failure.detail, failure.hint)
        elif entry is not None:
            super().__init__(code, entry.title, entry.text, entry.hint)
        else:
            super().__init__(code, code, "", "")


class JobFailedError(FailedError):
    """A training has failed or was cancelled."""

    def __init__(self, job: JobView) -> None:
        super().__init__(job.failure, job.status)
        self.job = job


class PictureFailedError(FailedError):
    """An order of pictures has failed or was cancelled."""

    def __init__(self, picture: PictureView) -> None:
        super().__init__(picture.failure, picture.status)
        self.picture = picture


class UploadRefusedError(FailedError):
    """The request of an upload never became a job."""

    def __init__(self, upload_id: str, code: str) -> None:
        super().__init__(None, code)
        self.upload_id = upload_id


class NotAcceptedError(LikenessError):
    """Nobody has looked at the request of an upload for minutes."""

    def __init__(self, upload_id: str) -> None:
        super().__init__(
            "not_accepted",
            "The training has not begun yet",
            f"The request of the upload {upload_id} was neither accepted nor refused for minutes.",
            "Ask for the upload later; if this goes on, an operator should look at the workflow.",
        )
        self.upload_id = upload_id


class TransferError(LikenessError):
    """A file was not sent, or not received as it should be."""

    def __init__(self, code: str, detail: str, hint: str, status: int | None = None) -> None:
        super().__init__(code, "The file was not transferred", detail, hint)
        self.status = status

    @property
    def is_temporary(self) -> bool:
        """Whether S3 itself was at fault."""
        return self.status is not None and self.status >= 500  # noqa: PLR2004 - a fault of S3
