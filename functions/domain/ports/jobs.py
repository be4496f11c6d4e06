"""What the rules need of the ``jobs`` table: the record of every job, and the queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from contracts.documents.capacity import CapacityChoice
from contracts.documents.job import JobSpec
from contracts.documents.record import JobKind, JobRecord, Stage, Status, WaitingFor
from contracts.documents.status import TrainingProgress
from contracts.documents.sweep import SweepTrial
from domain.ports.cost_records import CostRecords

QueuedStage = Literal["CaptionPhotos", "TrainAdapter"]
"""States that wait in the queue for a training job."""


class UnknownJobError(Exception):
    """The table has no such job, or the job has ended: the stage should not run."""


class Attempt(NamedTuple):
    """One training job of a job."""

    plan_id: str
    training_job_name: str
    number: int
    """From 1."""
    capacity: CapacityChoice | None = None
    """On what the training job runs, and why."""


class Jobs(CostRecords, Protocol):
    """Every method may be called twice with the same facts; the second call changes nothing."""

    def claim(
        self, job: JobSpec, execution_arn: str, now: datetime, kind: JobKind = "training"
    ) -> Literal["accepted", "repeat"]:
        """Claim the job for this execution, unless another execution has it or had it.

        A failed or canceled job may be claimed again; its number of attempts is kept.
        """
        ...

    def record_refusal(self, upload: str, code: str, now: datetime) -> None:
        """Store why the newest request of ``<tenant>/<upload>`` never became a job.

        The upload's next accepted request removes the refusal. An erased upload gets no row again.
        """
        ...

    def get(self, job_id: str) -> JobRecord | None:
        """Return the job's record; None when the job is unknown."""
        ...

    def advance(self, job_id: str, stage: Stage, now: datetime) -> None:
        """Store that the job is being processed in this stage.

        Raises:
            JobCanceledError: the job is being cancelled.
            SubjectErasedError: the job is being erased, or was.
        """
        ...

    def add_trials(
        self, sweep_id: str, trials: Sequence[SweepTrial], execution_arn: str, now: datetime
    ) -> None:
        """Store trials beside those that a sweep has, and make a job of each.

        A failed trial starts again. A trial that is open or has succeeded stays unchanged, but its
        cancellation is withdrawn.
        """
        ...

    def enqueue(
        self, job_id: str, task_token: str, now: datetime, stage: QueuedStage = "TrainAdapter"
    ) -> None:
        """Put the job in the queue; a job in training stays there and gets the new token.

        The job waits for a slot. The table's stream invokes the launcher.

        Raises:
            UnknownJobError: there is no such job, or it has ended.
            JobCanceledError: the job is being cancelled.
        """
        ...

    def record_captions(self, job_id: str, now: datetime) -> None:
        """Store that the job's captions are beside its photos; ignore jobs that have ended."""
        ...

    def record_trace(self, job_id: str, trace_header: str) -> None:
        """Store the trace header of the execution that waits for the job; ignore unknown jobs."""
        ...

    def queued(self) -> list[JobRecord]:
        """Return the jobs that wait for a training job, oldest first."""
        ...

    def in_training(self) -> list[JobRecord]:
        """Return the jobs whose training job was launched and that have no outcome yet."""
        ...

    def start_training(self, job_id: str, attempt: Attempt, now: datetime) -> bool:
        """Move a job from the queue into training; False when another launcher was first.

        The job must be queued, and the attempt's number must be higher than every earlier one: a
        launcher with outdated data must not use a training job's name again. On what the training
        job runs is stored and logged.
        """
        ...

    def requeue(
        self,
        job_id: str,
        training_job_name: str,
        now: datetime,
        *,
        alone: bool = False,
        faults: tuple[str, ...] | None = None,
    ) -> bool:
        """Move a job from this training job back to the queue; False when it is not in it.

        The training job has ended or was never created, so its name is removed from the record.

        Args:
            job_id: the job.
            training_job_name: the training job that it was in.
            now: in UTC.
            alone: keep the job out of every later batch.
            faults: replaces the record's faults.
        """
        ...

    def wait_for_capacity(
        self, job_id: str, training_job_name: str, now: datetime, refusal: str = ""
    ) -> bool:
        """Move a job back to the queue because SageMaker has no capacity; False as in ``requeue``.

        ``refusal`` is AWS's own sentence. The record keeps it until a training job starts.

        Unlike ``requeue`` it invokes no launcher, or one refusal would follow the other without a
        pause. The schedule, or the next free slot, tries again.
        """
        ...

    def record_queue_place(self, job_id: str, place: int, waiting_for: WaitingFor) -> None:
        """Store a queued job's place in the queue; ignore jobs that are not queued."""
        ...

    def record_progress(self, progress: TrainingProgress, now: datetime) -> None:
        """Store the progress of a job in training; never lower its percent."""
        ...

    def raise_percent(self, job_id: str, percent: int, now: datetime) -> None:
        """Raise the job's percent; never lower it, and ignore ended jobs."""
        ...

    def request_cancel(self, job_id: str, now: datetime) -> bool:
        """Store that a job is to stop; False when it has ended or its model is being delivered."""
        ...

    def leave_queue(self, job_id: str, task_token: str, now: datetime) -> bool:
        """Remove token and queue after this token was answered; False when already done.

        A record with another token, which a redrive has brought, stays unchanged.
        """
        ...

    def finish(self, job_id: str, status: Status, code: str | None, now: datetime) -> None:
        """Store how the job ended, and remove it from the queue; success is never overwritten."""
        ...

    def by_execution(self, execution_arn: str) -> JobRecord | None:
        """Return the job that this execution has claimed; None when it has claimed none."""
        ...

    def reopen(self, job_id: str, execution_arn: str, stage: Stage, now: datetime) -> bool:
        """Reopen a failed job at this stage, and remove its notice; False: not this execution's.

        A job that has succeeded stays unchanged.
        """
        ...

    def notice_sent(self, notice_id: str) -> bool:
        """Return whether this notice was sent."""
        ...

    def record_notice(self, notice_id: str, job_id: str | None, now: datetime) -> None:
        """Store that this notice was sent, and that it is the job's one notice."""
        ...
