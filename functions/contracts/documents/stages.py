"""The input of each stage, field for field as the state machine sends it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.document import Document
from contracts.documents.job import JobSpec
from contracts.documents.package import ModelPackage, WarmModelReport
from contracts.documents.photos import PhotoSummary
from contracts.documents.record import Stage
from contracts.documents.sweep import TrialName
from contracts.documents.training import TrainedAdapter


class _Foreign(BaseModel):
    """A document of AWS, which may get more fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Bucket(_Foreign):
    name: str


class _Object(_Foreign):
    key: str
    etag: str | None = None
    version_id: str | None = Field(default=None, alias="version-id")


class _ObjectDetail(_Foreign):
    bucket: _Bucket
    object: _Object


class ObjectCreated(_Foreign):
    """S3's event "Object Created": the execution's input.

    In the input the key is the upload's prefix: Step Functions keeps it for 90 days, and a file may
    be named after a person. Executions that began before start_upload have the whole key.
    """

    detail: _ObjectDetail


class ReportStored(ObjectCreated):
    """The same event of a takedown's picture: input of find_marked_model."""

    @property
    def case_id(self) -> str:
        """Id of the case, from the key."""
        return self.detail.object.key.split("/")[1]


class FileStored(ObjectCreated):
    """The same event as S3 sends it: input of start_upload and of move_upload."""

    id: Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,80}$")]
    """EventBridge's id of the event: a repeated delivery has the same."""


class AcceptRequestInput(Document):
    """Input of AcceptRequest."""

    event: ObjectCreated

    execution_arn: str

    started_at: datetime | None = None
    """When the execution began; null from a definition that does not wait for files."""

    seen: str | None = None
    """What the upload looked like at the look before this one."""


class InspectPhotosInput(Document):
    """Input of InspectPhotos."""

    job: JobSpec


class TrainingDecision(Document):
    """What the Choice state WhatToTrain reads; without both, one training follows."""

    dry_run: bool = False
    """Whether the request asked for an estimate and no training."""

    captions: bool = False
    """Whether CaptionPhotos comes before the training, or before the sweep."""

    sweep: bool = False
    """Whether the request asked for the best of several trainings."""


class PhotoInspection(TrainingDecision, PhotoSummary):
    """What InspectPhotos answers: the summary, and the decision for WhatToTrain.

    It is flat because executions that began under an older definition read it as ``photos``. The
    present definition separates the two.
    """

    def summary(self) -> PhotoSummary:
        """Return the summary without the decision."""
        return PhotoSummary(job_id=self.job_id, accepted=self.accepted, refused=self.refused)


class CaptionPhotosInput(Document):
    """Input of CaptionPhotos."""

    job: JobSpec

    task_token: str
    """Token of the waiting state; answering it ends the state."""


class TrainAdapterInput(Document):
    """Input of TrainAdapter."""

    job: JobSpec

    photos: PhotoSummary

    task_token: str
    """Token of the waiting state; answering it ends the state."""


class TrainingJobDetail(_Foreign):
    """The name of a training job that changed; its state is read from SageMaker."""

    training_job_name: str = Field(alias="TrainingJobName")


class TrainingEvent(_Foreign):
    """Input of follow_training: a training job changed, or it wrote an object."""

    detail: TrainingJobDetail | _ObjectDetail


class LaunchEvent(_Foreign):
    """Input of launch_training: the end of a training job, a row of the table, or a schedule."""

    detail: TrainingJobDetail | _Foreign | None = None

    @property
    def ended(self) -> str:
        """The training job that has ended; empty for any other event."""
        detail = self.detail
        return detail.training_job_name if isinstance(detail, TrainingJobDetail) else ""


class PublishAdapterInput(Document):
    """Input of PublishAdapter."""

    job: JobSpec

    trained: TrainedAdapter


class WarmModelInput(Document):
    """Input of WarmModel."""

    job: JobSpec

    package: ModelPackage


class NotifyOwnerInput(Document):
    """Input of NotifyOwner."""

    job: JobSpec

    trained: TrainedAdapter

    package: ModelPackage

    warm: WarmModelReport


class DryRunInput(Document):
    """Input of NotifyOwner for a dry run."""

    job: JobSpec

    photos: PhotoSummary


class Failure(_Foreign):
    """Step Functions' ``$states.errorOutput``."""

    error: str = Field(default="", alias="Error")

    cause: str = Field(default="", alias="Cause")


class TrialOutcome(Document):
    """How a trial's training ended: with an adapter or a failure."""

    name: TrialName

    job: JobSpec

    trained: TrainedAdapter | None = None

    failure: Failure | None = None


class PlanSweepInput(Document):
    """Input of PlanSweep, the first state of sweep_adapter."""

    job: JobSpec

    photos: PhotoSummary

    execution_arn: str
    """The execution of sweep_adapter."""

    outcomes: tuple[TrialOutcome, ...] = ()
    """How the trials of earlier rungs ended; none at the beginning."""


class RankSweepInput(Document):
    """Input of RankSweep."""

    job: JobSpec

    outcomes: tuple[TrialOutcome, ...]


class FailedState(Document):
    """The stage that failed, so that a redrive can go back to it."""

    state: Stage

    input: dict[str, Any]
    """The state's input."""

    redrive_count: int
    """Number of the execution's redrives when the state failed."""


class NotifyFailureInput(Document):
    """Input of NotifyFailure, which follows every failure."""

    event: ObjectCreated
    """The execution's input, for failures before a job exists."""

    execution_arn: str

    job: JobSpec | None = None

    failure: Failure

    failed: FailedState


class FailJobInput(Document):
    """Input of FailJob, which raises the stage's failure again or, after a redrive, returns."""

    execution_arn: str

    failure: Failure

    failed: FailedState

    redrive_count: int
    """Number of the execution's redrives so far."""


class ExecutionOutcome(_Foreign):
    """Detail of EventBridge's event, which leaves out a large input or output."""

    execution_arn: str = Field(alias="executionArn")

    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]

    input: str | None = None

    error: str | None = None

    cause: str | None = None

    redrive_count: int | None = Field(default=None, alias="redriveCount")


class ExecutionEnded(_Foreign):
    """EventBridge's "Step Functions Execution Status Change" of a failed or stopped execution."""

    detail: ExecutionOutcome


class EndpointProperties(_Foreign):
    """Properties of the custom resource EndpointOnDemandRelease."""

    create_endpoint: str = Field(default="on-demand", alias="CreateEndpoint")
    """The stack's parameter; release 0.2.0 had the resource with on-demand only."""


class StackRequest(_Foreign):
    """CloudFormation's call to a custom resource."""

    request_type: Literal["Create", "Update", "Delete"] = Field(alias="RequestType")

    response_url: str = Field(alias="ResponseURL")

    stack_id: str = Field(alias="StackId")

    request_id: str = Field(alias="RequestId")

    logical_resource_id: str = Field(alias="LogicalResourceId")

    physical_resource_id: str | None = Field(default=None, alias="PhysicalResourceId")

    resource_properties: EndpointProperties = Field(
        default_factory=EndpointProperties, alias="ResourceProperties"
    )
