"""How far a job is, and what subscribers hear of it."""

from collections.abc import Sequence
from typing import Protocol

from contracts.documents.record import JobRecord, Stage, WaitingFor
from contracts.documents.status import StatusChange, TrainingProgress
from domain.ports.jobs import Jobs

STAGE_PERCENT: dict[Stage, int] = {
    "AcceptRequest": 1,
    "InspectPhotos": 3,
    "TrainAdapter": 5,
    "SweepAdapter": 5,
    "PublishAdapter": 90,
    "WarmModel": 94,
    "NotifyOwner": 98,
    "NotifyFailure": 0,
}
"""On entering the stage."""

LAUNCHED, TRAINED, DONE = 8, 88, 100
"""When a training job was created, when its last step is done, when the owner has the model."""

UNSTOPPABLE: set[Stage] = {"NotifyOwner"}
"""Here the model is being delivered."""

PLACES_TOLD = 20
"""Jobs that hear of their place in one round: a row of the table is written for each."""


class Teller(Protocol):
    """Carries changes to whoever listens; may deliver one twice."""

    def publish(self, changes: Sequence[StatusChange]) -> None:
        """Send them, in order."""
        ...


def training_percent(progress: TrainingProgress) -> int:
    """Return how far the whole job is at a training step.

    >>> done = TrainingProgress(job_id="0" * 32, training_job_name=None, step=50, total_steps=100,
    ...     eta_seconds=60)
    >>> training_percent(done)
    48
    """
    return LAUNCHED + (TRAINED - LAUNCHED) * progress.step // max(
        progress.step, progress.total_steps
    )


def changes_of(images: Sequence[tuple[StatusChange | None, StatusChange]]) -> list[StatusChange]:
    """Return what is news among pairs of before and after."""
    return [
        after
        for before, after in images
        if before is None or before.model_copy(update={"updated_at": after.updated_at}) != after
    ]


def tell_places(jobs: Jobs, waiting: Sequence[JobRecord], waiting_for: WaitingFor) -> None:
    """Tell the foremost of the queue, in this order, where they stand and what they wait for."""
    for place, record in enumerate(waiting[:PLACES_TOLD], start=1):
        if (record.queue_place, record.waiting_for) != (place, waiting_for):
            jobs.note_place(record.job_id, place, waiting_for)
