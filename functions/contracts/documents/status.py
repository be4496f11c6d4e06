"""A job's progress, the status changes that subscribers get, and the cancellation of a job."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.photos import Code
from contracts.documents.record import JobKind, Percent, Stage, Status, WaitingFor

EVENT_SOURCE = "likeness"
EVENT_TYPE = "Likeness Job Status Change"


class TrainingProgress(Document):
    """``checkpoints/<job_id>/progress.json``: written by the trainer from time to time."""

    schema_version: Literal[1] = 1

    job_id: JobId

    training_job_name: str | None

    step: Annotated[int, Field(ge=0)]

    total_steps: Annotated[int, Field(ge=1)]

    eta_seconds: Annotated[int, Field(ge=0)]
    """Estimated seconds until the last step, at this run's average speed."""


class StatusChange(Document):
    """The detail of the event on EventBridge, and the message on the status topic."""

    schema_version: Literal[1] = 1

    job_id: JobId

    tenant: OpaqueId

    upload: OpaqueId

    kind: JobKind = "training"
    """``import``: the model is a LoRA that another tool has trained, and no step was taken here."""

    status: Status

    stage: Stage

    percent: Percent
    """Progress of the job; never falls within one execution, so a lower value is a late event."""

    step: int | None = None

    total_steps: int | None = None

    eta_seconds: int | None = None

    queue_place: int | None = None

    waiting_for: WaitingFor | None = None

    refusal: str | None = None
    """AWS's own sentence, where it has refused to start the training job."""

    code: Code | None = None

    trial_of: JobId | None = Field(default=None, alias="point_of")
    """Job id of the sweep that this job is a trial of; a trial's end is not the upload's end."""

    trial: str | None = Field(default=None, alias="point")
    """Name of the trial."""

    updated_at: str


class UploadRow(BaseModel):
    """The jobs table's row of one upload (``contracts.shared.layout.rows.upload_row``)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    points_to: JobId | None = None
    """Job of the upload's newest accepted request."""

    refused_code: Code | None = None
    """Code of the newest request's refusal; absent once a request is accepted."""

    refused_at: str | None = None

    accepting_until: str | None = None
    """End of the lease of an acceptance that goes on; erasure waits for it."""


class CancelJobInput(Document):
    """Input of cancel_job."""

    job_id: JobId

    tenant: OpaqueId | None = None
    """Whose job it must be; another tenant's counts as unknown. Absent: an operator asks."""


class Cancellation(Document):
    """Answer of cancel_job."""

    schema_version: Literal[1] = 1

    job_id: JobId

    outcome: Literal["canceling", "too_late", "unknown"]
    """``canceling``: the execution ends, now or at its next stage, and its owner gets one notice;
    ``too_late``: the job has ended, or its model is being delivered; ``unknown``: no such job."""

    status: Status | None = None
    """Status of the job before the cancellation."""


class _Images(BaseModel):
    """A row before and after the change, in DynamoDB's notation."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    before: dict[str, Any] = Field(default_factory=dict, alias="OldImage")

    after: dict[str, Any] = Field(default_factory=dict, alias="NewImage")


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    dynamodb: _Images


class TableStreamEvent(BaseModel):
    """A batch of the jobs table's stream; a document of AWS, which may get more fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    records: tuple[_Change, ...] = Field(alias="Records")
