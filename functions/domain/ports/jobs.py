"""What the rules need of the ``jobs`` table: the memory of every job, and the queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from contracts.documents.job import JobSpec
from contracts.documents.record import JobRecord, Stage, Status, WaitingFor
from contracts.documents.status import TrainingProgress
from contracts.documents.sweep import SweepPoint
from domain.ports.ledger import Ledger


class UnknownJobError(Exception):
    """The table has no such job, or it has ended: a stage runs that should not."""


class Jobs(Ledger, Protocol):
    """Every method may be called twice with the same facts; the second call changes nothing."""

    def claim(
        self, job: JobSpec, execution_arn: str, now: datetime
    ) -> Literal["accepted", "repeat"]:
        """Make the job this execution's, unless another one does or did it.

        A record whose status is failed or canceled may be claimed anew; its attempts are kept.
        """
        ...

    def get(self, job_id: str) -> JobRecord | None:
        """Return the record, or None when the job is unknown."""
        ...

    def advance(self, job_id: str, stage: Stage, now: datetime) -> None:
        """Note that the job is being processed in this stage.

        Raises:
            JobCanceledError: somebody asked to stop it.
        """
        ...

    def add_points(
        self, sweep_id: str, points: Sequence[SweepPoint], execution_arn: str, now: datetime
    ) -> None:
        """Remember a sweep's points, and make a job of each; one that failed begins anew.

        A point that is under way, or done, stays as it is, but forgets that it was to stop.
        """
        ...

    def enqueue(self, job_id: str, task_token: str, now: datetime) -> None:
        """Put the job in the queue; a job in training keeps its place and takes the new token.

        It waits for a slot, and the table's stream calls the launcher.

        Raises:
            UnknownJobError: there is no such job, or it has ended.
            JobCanceledError: somebody asked to stop it.
        """
        ...

    def queued(self) -> list[JobRecord]:
        """Return the jobs that wait for a training job, the oldest first."""
        ...

    def in_training(self) -> list[JobRecord]:
        """Return the jobs that a training job was launched for and that have no outcome yet."""
        ...

    def start_training(
        self, job_id: str, plan_id: str, training_job_name: str, attempt: int, now: datetime
    ) -> bool:
        """Move a job from the queue into training; False when another launcher was first.

        Refused unless the job is queued and ``attempt`` is higher than any attempt before: a
        launcher that planned from old news must not take up a name that was used already.
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

        The record forgets the training job: it has ended, or was never created. ``alone`` keeps
        the job out of every later batch; ``faults`` replaces the record's.
        """
        ...

    def wait_for_capacity(self, job_id: str, training_job_name: str, now: datetime) -> bool:
        """Move a job back to the queue whose training job SageMaker did not take for now.

        Unlike ``requeue`` it calls no launcher, or refusals would follow each other without a
        pause: the schedule tries again, or the next slot that gets free. False as there.
        """
        ...

    def note_place(self, job_id: str, place: int, waiting_for: WaitingFor) -> None:
        """Tell a queued job where it stands; a job that is not queued any more hears nothing."""
        ...

    def note_progress(self, progress: TrainingProgress, now: datetime) -> None:
        """Tell a job in training how far it is; never less than it heard before."""
        ...

    def raise_percent(self, job_id: str, percent: int, now: datetime) -> None:
        """Tell a job that it is so far; one that is farther, or has ended, hears nothing."""
        ...

    def request_cancel(self, job_id: str, now: datetime) -> bool:
        """Ask a job to stop; False when it has ended or its model is being delivered."""
        ...

    def leave_queue(self, job_id: str, task_token: str, now: datetime) -> bool:
        """Forget token and queue, since this token was answered; False when already done.

        A record that holds another token by now (a redrive brought it) stays as it is.
        """
        ...

    def finish(self, job_id: str, status: Status, code: str | None, now: datetime) -> None:
        """Note how the job ended, and take it off the queue; success is never overwritten."""
        ...

    def by_execution(self, execution_arn: str) -> JobRecord | None:
        """Return the job that this execution does, or None when it has none (yet)."""
        ...

    def reopen(self, job_id: str, execution_arn: str, stage: Stage, now: datetime) -> bool:
        """Take up a failed job where it stood, and forget its notice; False: not this execution's.

        A job that succeeded stays as it is.
        """
        ...

    def notice_sent(self, notice_id: str) -> bool:
        """Tell whether this notice went out."""
        ...

    def note_notice(self, notice_id: str, job_id: str | None, now: datetime) -> None:
        """Remember that this notice went out, and that it is the job's one notice."""
        ...
