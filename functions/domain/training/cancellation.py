"""Stopping a job that is under way: what waits ends at once, what works ends at its next stage.

A request is noted first, so whoever dies on the way is finished by reconcile.
"""

from datetime import datetime

from contracts.documents.record import JobRecord
from contracts.documents.status import Cancellation
from contracts.errors import JobCanceledError
from domain.training.following import TrainingRoom, settle


def cancel(job_id: str, room: TrainingRoom, now: datetime) -> Cancellation:
    """Stop a job; again and again is the same as once."""
    before = room.jobs.get(job_id)
    if before is None:
        return Cancellation(job_id=job_id, outcome="unknown")
    if not room.jobs.request_cancel(job_id, now):
        return Cancellation(job_id=job_id, outcome="too_late", status=before.status)
    stop(room, job_id, now)
    return Cancellation(job_id=job_id, outcome="canceling", status=before.status)


def finish_cancels(room: TrainingRoom, now: datetime) -> None:
    """Do what a canceller that died has left undone."""
    for record in (*room.jobs.queued(), *room.jobs.in_training()):
        if record.cancel_requested or of_canceled_sweep(room, record):
            room.jobs.request_cancel(record.job_id, now)
            stop_waiting(room, record, now)


def of_canceled_sweep(room: TrainingRoom, record: JobRecord) -> bool:
    """Whether a job is a point of a sweep that somebody asked to stop."""
    sweep = None if record.point_of is None else room.jobs.get(record.point_of)
    return sweep is not None and sweep.cancel_requested


def stop(room: TrainingRoom, job_id: str, now: datetime) -> None:
    """End a job's wait; a sweep waits for its points, so theirs."""
    record = room.jobs.get(job_id)
    if record is None:
        return
    for point in record.points:
        if room.jobs.request_cancel(point, now):
            stop(room, point, now)
    stop_waiting(room, record, now)


def stop_waiting(room: TrainingRoom, record: JobRecord, now: datetime) -> None:
    """End the wait for training; stop the training job if it trains nobody else.

    The others of a shared training job go on; what it still writes for this job nobody reads.
    """
    name = record.training_job_name
    if record.queue == "training" and name is not None and not trains_others(room, name, record):
        room.trainer.stop(name)
    if record.queue is not None:
        settle(room, record, JobCanceledError(), now)


def trains_others(room: TrainingRoom, name: str, record: JobRecord) -> bool:
    """Whether a training job has work for another job."""
    return any(
        other.training_job_name == name and other.job_id != record.job_id
        for other in room.jobs.in_training()
    )
