"""A call that one of the stack's functions makes to AWS."""

from dataclasses import dataclass
from urllib.parse import parse_qs

from local.cloud import sessions
from local.cloud.access import signatures
from local.cloud.access.request import RefusedError, Request

OBJECT_PARTS = ("list-type", "versions", "uploads", "uploadId", "tagging", "delete")
"""Query names that make another S3 action of a method."""


@dataclass(frozen=True, order=True)
class Call:
    """One call of a run."""

    function: str
    """The function's name without the stack's: ``accept-request``."""
    action: str
    """Service and action, such as ``dynamodb:UpdateItem``; S3's have the method: ``s3:PUT``."""
    number: int
    """Counted from 1 for this function and action, since the run began."""

    def __str__(self) -> str:
        return f"{self.function} {self.action} {self.number}"


def caller_of(request: Request, stack: str) -> str | None:
    """Return which of the stack's functions has signed a request; None: somebody else."""
    try:
        signature = signatures.read(request)
    except RefusedError:  # it needs none
        return None
    name = sessions.function_of(signature.key_id) or ""
    return name.removeprefix(f"{stack}-") if name.startswith(f"{stack}-") else None


def action_of(request: Request, body: bytes) -> str:
    """Return what a signed request asks for.

    >>> table = Request("POST", "/", [], [("x-amz-target", "DynamoDB_20120810.GetItem")])
    >>> action_in(table, "dynamodb", b"")
    'dynamodb:GetItem'
    """
    return action_in(request, signatures.read(request).service, body)


def action_in(request: Request, service: str, body: bytes) -> str:
    """Return what a request to this service asks for."""
    if target := request.header("x-amz-target"):
        return f"{service}:{target.rpartition('.')[2]}"
    if service == "s3":
        parts = [name for name, _ in request.query if name in OBJECT_PARTS]
        return f"s3:{request.method}{''.join(f'?{part}' for part in parts)}"
    if (request.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
        return f"{service}:{parse_qs(body.decode())['Action'][0]}"
    return f"{service}:{request.path.rstrip('/').rpartition('/')[2]}"
