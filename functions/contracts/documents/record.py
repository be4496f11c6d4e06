"""JobRecord: one row of the ``jobs`` table, which is the queue as well as the memory."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId, PlanId
from contracts.documents.job import JobSpec
from contracts.documents.money import Estimate, Receipt
from contracts.documents.photos import Code

Status = Literal["starting", "processing", "succeeded", "failed", "canceled"]
"""Replicate's words."""

Stage = Literal[
    "AcceptRequest",
    "InspectPhotos",
    "TrainAdapter",
    "SweepAdapter",
    "PublishAdapter",
    "WarmModel",
    "NotifyOwner",
    "NotifyFailure",
]
"""The state that the job is in, by its name in the state machine."""

Percent = Annotated[int, Field(ge=0, le=100)]

WaitingFor = Literal["slot", "capacity"]
"""A training job's place within the quota; or SageMaker, which has none to give just now."""


class JobRecord(Document):
    """Times are ISO 8601 in UTC, so they sort as text."""

    schema_version: Literal[1] = 1

    job_id: JobId

    tenant: OpaqueId

    upload: OpaqueId

    base_id: OpaqueId

    execution_arn: str
    """The execution that does the work; another one with the same content is a repeat."""

    status: Status

    stage: Stage

    created_at: str

    updated_at: str

    queue: Literal["queued", "training"] | None = None
    """Key of the ``queue`` index; absent when the job waits for nothing."""

    queued_at: str | None = None

    task_token: str | None = None
    """Of the TrainAdapter state that waits; a redrive replaces it."""

    plan_id: PlanId | None = None

    training_job_name: str | None = None

    attempt: Annotated[int, Field(ge=0)] = 0
    """How many training jobs have been launched for it."""

    alone: bool = False
    """A training job of several users ended without its result: it is tried again by itself."""

    faults: tuple[str, ...] = ()
    """Of the service, that ended a training job of it: each class has its budget."""

    percent: Percent = 0
    """How far the job is; never falls while one execution works on it."""

    step: Annotated[int, Field(ge=0)] | None = None
    """Training steps done, as the trainer said last."""

    total_steps: Annotated[int, Field(ge=1)] | None = None

    eta_seconds: Annotated[int, Field(ge=0)] | None = None
    """Until the last step."""

    queue_place: Annotated[int, Field(ge=1)] | None = None
    """1 is next; told to the foremost twenty only."""

    waiting_for: WaitingFor | None = None

    cancel_requested: bool = False
    """The next stage that begins fails with ``canceled``."""

    estimate: Estimate | None = None

    max_runtime_seconds: Annotated[int, Field(ge=1)] | None = None
    """What ``max_cost_usd`` pays for; such a job has a training job of its own."""

    receipts: dict[str, Receipt] = Field(default_factory=dict)
    """By training job: this adapter's share of what it cost."""

    points: tuple[JobId, ...] = ()
    """Of a sweep: the jobs that train its points."""

    point_of: JobId | None = None
    """Of a point: the sweep's job, which is the one that its owner knows."""

    point: str | None = None
    """Its name: its parameters."""

    code: Code | None = None
    """Why it failed."""

    notice_id: str | None = None
    """Of the one notice that this job ended in; forgotten when a redrive takes it up again."""

    def spec(self) -> JobSpec:
        """Return the job as the stages know it."""
        return JobSpec(
            job_id=self.job_id, tenant=self.tenant, upload=self.upload, base_id=self.base_id
        )
