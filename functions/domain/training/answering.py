"""Answer the task token of a waiting state, and take the job out of the queue."""

from datetime import datetime

from contracts.documents.record import JobRecord
from contracts.documents.training import PhotosCaptioned, TrainedAdapter
from contracts.errors import JobCanceledError, StageError, SubjectErasedError
from domain.ports.callbacks import Callbacks
from domain.training.services import TrainingServices
from domain.training.verdicts import Answer


def stopped_by(record: JobRecord) -> StageError:
    """Return the error that ends a job which was asked to stop: by an erasure, or cancelled."""
    return SubjectErasedError() if record.erased else JobCanceledError()


def settle(services: TrainingServices, record: JobRecord, verdict: Answer, now: datetime) -> None:
    """Answer the token, then remove it; after a crash in between, it is answered twice."""
    if isinstance(verdict, PhotosCaptioned):
        services.jobs.record_captions(record.job_id, now)
    if record.task_token is not None:
        answer(services.callbacks, record.task_token, verdict, record.job_id)
        services.jobs.leave_queue(record.job_id, record.task_token, now)


def answer(callbacks: Callbacks, task_token: str, verdict: Answer, job_id: str) -> bool:
    """End the waiting state; False when no state waits behind the token."""
    if isinstance(verdict, TrainedAdapter | PhotosCaptioned):
        return callbacks.succeed(task_token, verdict.model_dump_json(), job_id)
    return callbacks.fail(task_token, type(verdict).__name__, str(verdict), job_id)
