"""What the HTTP API's rules need beside the stores of the workflow."""

from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from contracts.documents.api.models import Approval
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.documents.record import JobRecord
from contracts.documents.status import Cancellation, UploadRow


class Form(NamedTuple):
    """A presigned POST."""

    url: str
    fields: dict[str, str]


class Signer(Protocol):
    """Signs forms and links for one bucket."""

    def form(self, key: str, size: int, content_type: str, seconds: int) -> Form:
        """Return a form that stores exactly one key, of this size and type."""
        ...

    def link(self, key: str, name: str, seconds: int) -> str:
        """Return an address from which one object can be downloaded under this name."""
        ...


class Approvals(Protocol):
    """What a tenant has decided about its models."""

    def get(self, tenant: str, model_id: str) -> Approval | None:
        """Return the newest decision; None when there was none."""
        ...

    def put(self, tenant: str, model_id: str, approval: Approval) -> None:
        """Store a decision in place of the one before."""
        ...


class TenantJobs(Protocol):
    """The jobs table as a tenant sees it."""

    def get(self, job_id: str) -> JobRecord | None:
        """Return the job's record; None when the job is unknown."""
        ...

    def of_upload(self, place: str) -> UploadRow:
        """Return what became of ``<tenant>/<upload>``; an empty row when nothing is known."""
        ...

    def newest(self, tenant: str, limit: int, before: str | None) -> list[JobRecord]:
        """Return at most ``limit`` jobs without trials of sweeps, the newest first.

        ``before`` is a ``place_of``; its job need not exist any more.
        """
        ...

    def begun(self, tenant: str, first: str, last: str) -> list[JobRecord]:
        """Return the jobs, trials too, whose ``created_at`` is between ``first`` and ``last``.

        Both are ISO 8601 in UTC, or a beginning of it; the order is the newest first.
        """
        ...


def place_of(job: JobRecord) -> str:
    """Return what a tenant's jobs are sorted by."""
    return f"{job.created_at}#{job.job_id}"


class Canceller(Protocol):
    """Stops jobs."""

    def cancel(self, job_id: str, tenant: str) -> Cancellation:
        """Cancel the tenant's job; ``unknown`` for any other."""
        ...


class Redriver(Protocol):
    """Continues failed executions."""

    def redrive(self, execution_arn: str) -> bool:
        """Continue a failed execution; False when it has not failed, or too long ago."""
        ...


class PhotoInspector(Protocol):
    """Judges single photos."""

    def inspect(self, asked: PhotoToInspect) -> PhotoInspected:
        """Return the verdict on one photo; nothing is stored."""
        ...


class Remembered(NamedTuple):
    """An answer that was given before under the same Idempotency-Key."""

    digest: str
    """SHA-256 of the request: its address and its body."""
    status: int
    body: str


class ShortMemory(Protocol):
    """What the API remembers for a while: answers, and how often a tenant has called."""

    def begin(self, key: str, digest: str, now: datetime) -> Remembered | Literal["new", "busy"]:
        """Claim an idempotency key for a request, or return what was answered under it.

        ``busy``: the first request under this key is still being answered.
        """
        ...

    def answered(self, key: str, answer: Remembered, now: datetime) -> None:
        """Keep the answer to a request."""
        ...

    def forget(self, key: str) -> None:
        """Give the key back: the request had no effect."""
        ...

    def count(self, name: str, seconds: int, now: datetime) -> int:
        """Count one event in the present window of ``seconds`` seconds; return the count."""
        ...
