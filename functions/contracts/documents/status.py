"""How a job goes on: what the trainer says of it, what subscribers hear, and how it is stopped."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.photos import Code
from contracts.documents.record import Percent, Stage, Status, WaitingFor

EVENT_SOURCE = "likeness"
EVENT_TYPE = "Likeness Job Status Change"


class TrainingProgress(Document):
    """``checkpoints/<job_id>/progress.json``: written by the trainer now and then."""

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str | None

    step: Annotated[int, Field(ge=0)]

    total_steps: Annotated[int, Field(ge=1)]

    eta_seconds: Annotated[int, Field(ge=0)]
    """Until the last step, at the pace of this run so far."""


class StatusChange(Document):
    """The detail of the event on EventBridge, and the message on the status topic."""

    schema_version: Literal[1] = 1

    job_id: JobId

    tenant: OpaqueId

    upload: OpaqueId

    status: Status

    stage: Stage

    percent: Percent
    """Never falls while one execution works on the job; an event that says less came late."""

    step: int | None = None

    total_steps: int | None = None

    eta_seconds: int | None = None

    queue_place: int | None = None

    waiting_for: WaitingFor | None = None

    code: Code | None = None

    point_of: JobId | None = None
    """This job is a point of the sweep with this id; its end is not the upload's."""

    point: str | None = None
    """The point's name."""

    updated_at: str


class CancelJobInput(Document):
    """What cancel_job is called with."""

    job_id: JobId


class Cancellation(Document):
    """What cancel_job answers."""

    schema_version: Literal[1] = 1

    job_id: JobId

    outcome: Literal["canceling", "too_late", "unknown"]
    """``canceling``: the execution ends, now or at its next stage, and its owner is told once;
    ``too_late``: the job has ended, or its model is being delivered."""

    status: Status | None = None
    """As it was found."""


class _Images(BaseModel):
    """A row before and after, in DynamoDB's own notation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    before: dict[str, Any] = Field(default_factory=dict, alias="OldImage")

    after: dict[str, Any] = Field(default_factory=dict, alias="NewImage")


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    dynamodb: _Images


class TableNews(BaseModel):
    """What the stream of the jobs table hands over; AWS's own, so more fields may come."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    records: tuple[_Change, ...] = Field(alias="Records")
