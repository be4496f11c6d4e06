"""A state of the workflow waits: its job is queued until the token is answered."""

from datetime import datetime

from contracts.documents.stages import CaptionPhotosInput, TrainAdapterInput
from contracts.documents.training import PhotosCaptioned, TrainedAdapter
from contracts.shared.names import captions_plan_id
from domain.ports.callbacks import Callbacks
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage
from domain.training.answering import answer
from domain.training.verdicts import verdict_of_result


def queue_for_training(
    given: TrainAdapterInput, jobs: Jobs, models: Storage, callbacks: Callbacks, now: datetime
) -> None:
    """Queue the job until its token is answered; answer at once when an adapter exists already.

    A new token means that the state behind the old one has ended. A failure that is known by now
    was the answer to the old token, so it is removed: it must not fail the new attempt too.
    """
    job_id = given.job.job_id
    record = jobs.get(job_id)
    verdict = verdict_of_result(models, record) if record is not None else "wait"
    if isinstance(verdict, TrainedAdapter):
        jobs.advance(job_id, "TrainAdapter", now)
        answer(callbacks, given.task_token, verdict, job_id)
        return
    old_token = record.task_token if record is not None else None
    if verdict != "wait" and old_token not in {None, given.task_token}:
        jobs.leave_queue(job_id, str(old_token), now)
    elif record is not None and old_token and record.plan_id == captions_plan_id(job_id):
        # The answer to CaptionPhotos came first, and its writer has not left the queue yet.
        jobs.leave_queue(job_id, old_token, now)
    jobs.enqueue(job_id, given.task_token, now)


def queue_for_captions(
    given: CaptionPhotosInput, jobs: Jobs, callbacks: Callbacks, now: datetime
) -> None:
    """Queue the job until its token is answered; answer at once when the captions exist already.

    A new token means that the state behind the old one has ended, as in ``queue_for_training``.
    """
    job_id = given.job.job_id
    jobs.advance(job_id, "CaptionPhotos", now)
    record = jobs.get(job_id)
    if record is not None and record.captioned:
        name = record.training_job_name or ""
        captioned = PhotosCaptioned(job_id=job_id, training_job_name=name)
        answer(callbacks, given.task_token, captioned, job_id)
        return
    jobs.enqueue(job_id, given.task_token, now, "CaptionPhotos")
