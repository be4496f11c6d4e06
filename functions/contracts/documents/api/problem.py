"""Problem: the one shape of every error answer of the HTTP API (RFC 9457, problem+json)."""

from contracts.document import Document

PROBLEM_TYPE = "application/problem+json"


class FieldProblem(Document):
    """One field of a request that cannot be used."""

    field: str
    """Where it stands: ``body.rank``, ``query.limit``."""

    message: str


class Problem(Document):
    """An error: what happened, why, and what to do."""

    type: str
    """Address of the code's description."""

    title: str

    status: int

    detail: str
    """What happened and why; never user text."""

    code: str
    """A code of docs/codes.md."""

    hint: str
    """What to do."""

    retryable: bool
    """Whether the same request may succeed later."""

    request_id: str
    """Name it when you ask for help."""

    errors: tuple[FieldProblem, ...] = ()

    message: str = ""
    """Detail, the first fields and hint as one text, for clients that show nothing else, such as
    OpenAI's; API Gateway's own answers have this field alone."""

    refusal_id: str | None = None
    """With ``prompt_refused`` or ``unsafe_picture``: the id for
    ``POST /v1/refusals/{id}:appeal``."""
