"""JobRecord: one row of the ``jobs`` table, which holds every job's state and the queue."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId, PlanId
from contracts.documents.capacity import CapacityChoice, StepShape
from contracts.documents.job import JobSpec
from contracts.documents.money import Estimate, Receipt
from contracts.documents.photos import Code
from contracts.documents.upload.run import RunOptions
from contracts.shared.instances.quotas import MAX_SENTENCE

Status = Literal["starting", "processing", "succeeded", "failed", "canceled"]
"""A job's status, in Replicate's words."""

Stage = Literal[
    "AcceptRequest",
    "InspectPhotos",
    "CaptionPhotos",
    "TrainAdapter",
    "SweepAdapter",
    "PublishAdapter",
    "WarmModel",
    "NotifyOwner",
    "NotifyFailure",
]
"""Name of the state that the job is in."""

Percent = Annotated[int, Field(ge=0, le=100)]

JobKind = Literal["training", "import"]
"""What a job does: it trains on photos, or it imports a LoRA that another tool has trained."""

WaitingFor = Literal["slot", "capacity"]
"""What a queued job waits for: a slot of the quota, or capacity at SageMaker."""


class JobRecord(Document):
    """Times are ISO 8601 in UTC, so they sort as text."""

    schema_version: Literal[1] = 1

    job_id: JobId

    tenant: OpaqueId

    upload: OpaqueId

    base_id: OpaqueId

    kind: JobKind = "training"

    run: RunOptions | None = None
    """What the request says about the machine; absent: the stack's defaults."""

    execution_arn: str
    """The execution that works on the job; another execution with the same content is a repeat."""

    status: Status

    stage: Stage

    created_at: str

    updated_at: str

    queue: Literal["queued", "training"] | None = None
    """Key of the ``queue`` index; absent when the job is neither queued nor in training."""

    queued_at: str | None = None

    task_token: str | None = None
    """Token of the waiting state, CaptionPhotos or TrainAdapter; a redrive replaces it."""

    plan_id: PlanId | None = None

    training_job_name: str | None = None

    attempt: Annotated[int, Field(ge=0)] = 0
    """Number of training jobs that were launched for this job."""

    alone: bool = False
    """Whether the job gets a training job of its own. Set after a training job of several users
    ended without this job's result, and for a job with a maximal runtime."""

    faults: tuple[str, ...] = ()
    """SageMaker faults that ended this job's training; retries are limited per fault class."""

    percent: Percent = 0
    """Progress of the job; never falls while one execution works on it."""

    step: Annotated[int, Field(ge=0)] | None = None
    """Training steps done, from the trainer's last report."""

    total_steps: Annotated[int, Field(ge=1)] | None = None

    eta_seconds: Annotated[int, Field(ge=0)] | None = None
    """Estimated seconds until the last step."""

    queue_place: Annotated[int, Field(ge=1)] | None = None
    """Place in the queue; 1 is next. Stored for the first twenty jobs only."""

    waiting_for: WaitingFor | None = None

    refusal: Annotated[str, Field(max_length=MAX_SENTENCE)] | None = None
    """AWS's own sentence of the last refusal of a training job; absent once one has started."""

    cancel_requested: bool = False
    """Whether the job is being cancelled: the next stage fails with ``canceled``."""

    erased: bool = False
    """Whether the job's data is being erased: no stage may write anything more of it."""

    captioned: bool = False
    """Whether CaptionPhotos is done: the captions are beside the photos."""

    estimate: Estimate | None = None

    step_shape: StepShape | None = None
    """What one step of the training takes; absent: not known, so the job shares no step."""

    capacity: CapacityChoice | None = None
    """On what the newest attempt's training job runs, and why."""

    max_runtime_seconds: Annotated[int, Field(ge=1)] | None = None
    """Seconds that ``max_cost_usd`` pays for; such a job has a training job of its own."""

    receipts: dict[str, Receipt] = Field(default_factory=dict)
    """This adapter's share of each training job's cost, by the training job's name."""

    trace_header: str | None = None
    """X-Ray's trace header of the execution, so that the training job joins the same trace."""

    trials: tuple[JobId, ...] = Field(default=(), alias="points")
    """Job ids of a sweep's trials."""

    trial_of: JobId | None = Field(default=None, alias="point_of")
    """Job id of the sweep that this job is a trial of; the owner knows only the sweep."""

    trial: str | None = Field(default=None, alias="point")
    """Name of the trial, made of its parameters."""

    code: Code | None = None
    """Code of the failure."""

    notice_id: str | None = None
    """Id of the job's one notice; removed when a redrive reopens the job."""

    @property
    def is_captioning(self) -> bool:
        """Whether the job waits for captions, and not for its training."""
        return self.stage == "CaptionPhotos"

    def spec(self) -> JobSpec:
        """Return the job as the stages see it."""
        return JobSpec(
            job_id=self.job_id,
            tenant=self.tenant,
            upload=self.upload,
            base_id=self.base_id,
            run=self.run,
        )
