"""A tenant's trainings as the HTTP API shows them, in Replicate's words."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.codes import CODES
from contracts.document import Document, JobId, OpaqueId
from contracts.documents.photos import Code
from contracts.documents.record import JobKind, JobRecord, Percent, Stage, Status, WaitingFor


class JobFailure(Document):
    """Why a job has ended without a model."""

    code: Code

    title: str

    detail: str

    hint: str
    """What to do."""

    retryable: bool

    @classmethod
    def of(cls, code: Code | None, argument: str | None = None) -> "JobFailure | None":
        """Return what a code says; None for no code, and for one of a later release.

        ``argument`` is the field of a picture's order that the endpoint has refused.
        """
        entry = CODES.get(code or "")
        if entry is None or code is None:
            return None
        return cls(
            code=code,
            title=entry.title,
            detail=entry.text if argument is None else f"{entry.text} It is {argument}.",
            hint=entry.hint,
            retryable=entry.retryable,
        )


class JobView(Document):
    """One job: a training, or an import, from its acceptance to its model."""

    object: Literal["job"] = "job"

    id: JobId

    upload_id: OpaqueId

    kind: JobKind = "training"
    """``import``: the model is a LoRA that another tool has trained, and no step was taken here."""

    status: Status

    stage: Stage

    percent: Percent

    step: int | None

    total_steps: int | None

    eta_seconds: int | None

    queue_place: int | None

    waiting_for: WaitingFor | None

    failure: JobFailure | None

    model_id: JobId | None
    """The model, once the job has succeeded."""

    created_at: str

    updated_at: str

    version: str
    """Changes whenever the job does: ``?wait=20&after=<version>`` answers at the next change."""

    @classmethod
    def of(cls, record: JobRecord) -> "JobView":
        """Return what a caller may see of a job."""
        return cls(
            id=record.job_id,
            upload_id=record.upload,
            kind=record.kind,
            status=record.status,
            stage=record.stage,
            percent=record.percent,
            step=record.step,
            total_steps=record.total_steps,
            eta_seconds=record.eta_seconds,
            queue_place=record.queue_place,
            waiting_for=record.waiting_for,
            failure=JobFailure.of(record.code),
            model_id=record.job_id if record.status == "succeeded" else None,
            created_at=record.created_at,
            updated_at=record.updated_at,
            version=version_of(record),
        )


def version_of(record: JobRecord) -> str:
    """Return a text that changes whenever a caller would see a change."""
    place = "" if record.queue_place is None else record.queue_place
    return f"{record.updated_at}.{record.status}.{record.stage}.{record.percent}.{place}"


class JobPage(Document):
    """Some jobs, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[JobView, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""


class TrainingStarted(Document):
    """Answer of ``POST /v1/models``."""

    object: Literal["training"] = "training"

    upload_id: OpaqueId

    job: JobView | None
    """Null while the request is being accepted: ask ``GET /v1/uploads/{id}?wait=20``."""


class Sample(Document):
    """One image that was drawn while the model was trained."""

    step: Annotated[int, Field(ge=0)]

    url: str
    """Address of the PNG, until the answer's ``expires_at``."""


class JobSamples(Document):
    """What a training has drawn so far, in the order of its steps."""

    object: Literal["list"] = "list"

    expires_at: str

    data: tuple[Sample, ...]


class JobRedriven(Document):
    """Answer of ``POST /v1/jobs/{id}:redrive``."""

    object: Literal["redrive"] = "redrive"

    id: JobId

    outcome: Literal["redriven", "too_late"]
    """``too_late``: the job has not failed, or failed more than 14 days ago."""


class JobCanceled(Document):
    """Answer of ``POST /v1/jobs/{id}:cancel``."""

    object: Literal["cancellation"] = "cancellation"

    id: JobId

    outcome: Literal["canceling", "too_late"]
    """``too_late``: the job has ended, or its model is being delivered."""
