"""What each stage is called with, field for field what the state machine sends."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from contracts.document import Document
from contracts.documents.job import JobSpec
from contracts.documents.package import ModelPackage, WarmModelReport
from contracts.documents.photos import PhotoSummary
from contracts.documents.record import Stage
from contracts.documents.sweep import PointName
from contracts.documents.training import TrainedAdapter


class _Foreign(BaseModel):
    """AWS's own documents: more fields may come."""

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
    """EventBridge's "Object Created" of S3: the execution's input."""

    detail: _ObjectDetail


class AcceptRequestInput(Document):
    """AcceptRequest."""

    event: ObjectCreated

    execution_arn: str


class InspectPhotosInput(Document):
    """InspectPhotos."""

    job: JobSpec


class TrainAdapterInput(Document):
    """TrainAdapter."""

    job: JobSpec

    photos: PhotoSummary

    task_token: str
    """Whoever answers it ends the state."""


class TrainingJobDetail(_Foreign):
    """Which job changed; how it stands now is asked of SageMaker."""

    training_job_name: str = Field(alias="TrainingJobName")


class TrainingNews(_Foreign):
    """What EventBridge tells FollowTraining: a training job changed, or a result was written."""

    detail: TrainingJobDetail | _ObjectDetail


class LaunchNews(_Foreign):
    """What wakes LaunchTraining: the end of a training job, a row of the table, or a schedule."""

    detail: TrainingJobDetail | _Foreign | None = None

    @property
    def ended(self) -> str:
        """The training job that has ended; empty: something else happened."""
        detail = self.detail
        return detail.training_job_name if isinstance(detail, TrainingJobDetail) else ""


class PlanSweepInput(Document):
    """PlanSweep, the first state of sweep_adapter."""

    job: JobSpec

    photos: PhotoSummary

    execution_arn: str
    """Of sweep_adapter."""


class PublishAdapterInput(Document):
    """PublishAdapter."""

    job: JobSpec

    trained: TrainedAdapter


class WarmModelInput(Document):
    """WarmModel."""

    job: JobSpec

    package: ModelPackage


class NotifyOwnerInput(Document):
    """NotifyOwner."""

    job: JobSpec

    trained: TrainedAdapter

    package: ModelPackage

    warm: WarmModelReport


class DryRunInput(Document):
    """NotifyOwner, when the request asked for an answer and no training."""

    job: JobSpec

    photos: PhotoSummary


class Failure(_Foreign):
    """Step Functions' ``$states.errorOutput``."""

    error: str = Field(default="", alias="Error")

    cause: str = Field(default="", alias="Cause")


class PointOutcome(Document):
    """How the training of a point ended: with an adapter or a failure."""

    name: PointName

    job: JobSpec

    trained: TrainedAdapter | None = None

    failure: Failure | None = None


class RankSweepInput(Document):
    """RankSweep."""

    job: JobSpec

    outcomes: tuple[PointOutcome, ...]


class FailedState(Document):
    """The stage that failed, so that a redrive can go back to it."""

    state: Stage

    input: dict[str, Any]
    """What it was entered with."""

    redrive_count: int
    """The execution's redrives when it failed."""


class NotifyFailureInput(Document):
    """NotifyFailure: the one way out of every failure."""

    event: ObjectCreated
    """The execution's input, for a failure before there was a job."""

    execution_arn: str

    job: JobSpec | None = None

    failure: Failure

    failed: FailedState


class FailJobInput(Document):
    """FailJob: fails as the stage failed; or, when redriven, says where to go on."""

    execution_arn: str

    failure: Failure

    failed: FailedState

    redrive_count: int
    """The execution's redrives so far."""


class ExecutionOutcome(_Foreign):
    """The detail of EventBridge's event; its input and output are left out when they are large."""

    execution_arn: str = Field(alias="executionArn")

    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]

    input: str | None = None

    error: str | None = None

    cause: str | None = None

    redrive_count: int | None = Field(default=None, alias="redriveCount")


class ExecutionEnded(_Foreign):
    """EventBridge's "Step Functions Execution Status Change", for executions that ended red."""

    detail: ExecutionOutcome


class StackRequest(_Foreign):
    """CloudFormation's call to a custom resource."""

    request_type: Literal["Create", "Update", "Delete"] = Field(alias="RequestType")

    response_url: str = Field(alias="ResponseURL")

    stack_id: str = Field(alias="StackId")

    request_id: str = Field(alias="RequestId")

    logical_resource_id: str = Field(alias="LogicalResourceId")

    physical_resource_id: str | None = Field(default=None, alias="PhysicalResourceId")
