"""Cancel a job: a waiting job ends at once, a working one ends at its next stage.

The request is stored first. When the canceller dies in the middle, reconcile finishes its work.
"""

from datetime import datetime

from contracts.documents.record import JobRecord
from contracts.documents.status import Cancellation
from domain.training.answering import settle, stopped_by
from domain.training.services import TrainingServices


def cancel(
    job_id: str, services: TrainingServices, now: datetime, tenant: str | None = None
) -> Cancellation:
    """Cancel a job; a second call does no more than the first.

    Args:
        job_id: the job.
        services: what trainings need.
        now: in UTC.
        tenant: whose job it must be; another tenant's is ``unknown``. None: an operator asks.
    """
    before = services.jobs.get(job_id)
    if before is None or tenant not in {None, before.tenant}:
        return Cancellation(job_id=job_id, outcome="unknown")
    if not services.jobs.request_cancel(job_id, now):
        return Cancellation(job_id=job_id, outcome="too_late", status=before.status)
    stop(services, job_id, now)
    return Cancellation(job_id=job_id, outcome="canceling", status=before.status)


def finish_cancels(services: TrainingServices, now: datetime) -> None:
    """Finish the cancellations that a canceller which died has left undone."""
    for record in (*services.jobs.queued(), *services.jobs.in_training()):
        if record.cancel_requested or of_canceled_sweep(services, record):
            services.jobs.request_cancel(record.job_id, now)
            stop_waiting(services, record, now)


def of_canceled_sweep(services: TrainingServices, record: JobRecord) -> bool:
    """Return whether the job is a trial of a sweep that is being cancelled."""
    sweep = None if record.trial_of is None else services.jobs.get(record.trial_of)
    return sweep is not None and sweep.cancel_requested


def stop(services: TrainingServices, job_id: str, now: datetime) -> None:
    """End a job's wait; a sweep waits for its trials, so end theirs too."""
    record = services.jobs.get(job_id)
    if record is None:
        return
    for trial in record.trials:
        if services.jobs.request_cancel(trial, now):
            stop(services, trial, now)
    stop_waiting(services, record, now)


def stop_waiting(services: TrainingServices, record: JobRecord, now: datetime) -> None:
    """End the wait for training; stop the training job if it trains no other job.

    The other jobs of a shared training job go on. Nobody reads what it still writes for this one.
    """
    name = record.training_job_name
    training = record.queue == "training"
    if training and name is not None and not trains_others(services, name, record):
        services.trainer.stop(name)
    if record.queue is not None:
        settle(services, record, stopped_by(record), now)


def trains_others(services: TrainingServices, name: str, record: JobRecord) -> bool:
    """Return whether the training job trains another job as well."""
    return any(
        other.training_job_name == name and other.job_id != record.job_id
        for other in services.jobs.in_training()
    )
