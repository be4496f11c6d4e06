"""How far a job is, in percent, and what status changes its subscribers get."""

from collections.abc import Callable, Sequence

from contracts.documents.record import JobRecord, Stage, WaitingFor
from contracts.documents.status import StatusChange, TrainingProgress
from domain.ports.jobs import Jobs

STAGE_PERCENT: dict[Stage, int] = {
    "AcceptRequest": 1,
    "InspectPhotos": 3,
    "CaptionPhotos": 4,
    "TrainAdapter": 5,
    "SweepAdapter": 5,
    "PublishAdapter": 90,
    "WarmModel": 94,
    "NotifyOwner": 98,
    "NotifyFailure": 0,
}
"""The job's percent when it enters the stage."""

LAUNCHED, TRAINED, DONE = 8, 88, 100
"""The percent when the training job is created, when its last step is done, when the job ends."""

UNSTOPPABLE: set[Stage] = {"NotifyOwner"}
"""Stages in which a job can no longer be cancelled: the model is being delivered."""

MAX_RECORDED_PLACES = 20
"""Jobs whose place in the queue is stored in one round: each costs a write to the table."""


def training_percent(progress: TrainingProgress) -> int:
    """Return the percent of the whole job at a training step.

    >>> done = TrainingProgress(job_id="0" * 32, training_job_name=None, step=50, total_steps=100,
    ...     eta_seconds=60)
    >>> training_percent(done)
    48
    """
    return LAUNCHED + (TRAINED - LAUNCHED) * progress.step // max(
        progress.step, progress.total_steps
    )


def changes_of(images: Sequence[tuple[StatusChange | None, StatusChange]]) -> list[StatusChange]:
    """Return the real changes among pairs of before and after; a new time alone is none."""
    return [
        after
        for before, after in images
        if before is None or before.model_copy(update={"updated_at": after.updated_at}) != after
    ]


def record_queue_places(
    jobs: Jobs, waiting: Sequence[JobRecord], what_for: Callable[[JobRecord], WaitingFor]
) -> None:
    """Store the place of the first jobs of the queue, and what each of them waits for."""
    for place, record in enumerate(waiting[:MAX_RECORDED_PLACES], start=1):
        waiting_for = what_for(record)
        if (record.queue_place, record.waiting_for) != (place, waiting_for):
            jobs.record_queue_place(record.job_id, place, waiting_for)
