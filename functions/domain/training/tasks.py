"""The task of a job: its request, and its photos by their names in the training job's channel."""

from datetime import datetime

from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport, StoredFile
from contracts.documents.record import JobRecord
from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.errors import TrainingFailedError
from contracts.shared import layout
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage, find_document
from domain.training.answering import settle
from domain.training.marks import MarksOfTrainings
from domain.training.services import TrainingServices


def task_or_failure(
    services: TrainingServices, record: JobRecord, now: datetime
) -> TrainingTask | None:
    """Return the task; when its documents are gone, fail the waiting state and return None."""
    try:
        task = task_of(services.models, record)
    except TrainingFailedError as error:
        settle(services, record, error, now)
        return None
    return task.model_copy(update={"captions": captions_of(task, services.jobs)})


def task_of(models: Storage, record: JobRecord) -> TrainingTask:
    """Return the request and the photos that passed; the consent is no business of the trainer.

    Raises:
        TrainingFailedError: these documents are missing.
    """
    accepted = find_document(
        models, layout.models.accepted_upload_key(record.job_id), AcceptedUpload
    )
    report = find_document(models, layout.models.photo_report_key(record.job_id), PhotoReport)
    photos = photos_of(report) if report is not None else ()
    adapter = None if report is None else report.adapter
    if accepted is None or not (photos or adapter):
        raise TrainingFailedError(reason="documents_missing")
    of_class = () if report is None else class_photos_of(report)
    return TrainingTask(
        job_id=record.job_id,
        request=accepted.request.without_consents(),
        photos=photos,
        class_photos=of_class,
        adapter=None if adapter is None else in_channel(record.job_id, adapter),
        rung=accepted.rung,
    )


def captions_of(task: TrainingTask, jobs: Jobs) -> str | None:
    """Return where the ``photos`` channel has the captions that CaptionPhotos wrote; None: none.

    The trials of a sweep have its photos, and its captions with them.
    """
    if not task.request.autocaption or not task.photos:
        return None
    job_id = task.photos[0].file.partition("/")[0]
    described = jobs.get(job_id)
    done = described is not None and described.captioned
    return layout.uploads.captions_in_channel(job_id) if done else None


def marked(task: TrainingTask, marks: MarksOfTrainings) -> TrainingTask:
    """Return the task with the keys that mark its pictures."""
    return task.model_copy(update={"marks": marks.of(task.job_id)})


def class_photos_of(report: PhotoReport) -> tuple[StoredFile, ...]:
    """Return the user's own pictures of the class, by their names in the ``photos`` channel."""
    return tuple(in_channel(report.job_id, stored) for stored in report.class_photos)


def photos_of(report: PhotoReport) -> tuple[TaskPhoto, ...]:
    """Return the photos that have a normalised copy."""
    return tuple(
        TaskPhoto(
            index=photo.index,
            file=f"{report.job_id}/{photo.file}",
            sha256=photo.sha256,
            caption=photo.caption,
            mask=None if photo.mask is None else in_channel(report.job_id, photo.mask),
            repeats=photo.repeats,
            subject=photo.subject,
        )
        for photo in report.usable
        if photo.file is not None and photo.sha256 is not None
    )


def in_channel(job_id: str, stored: StoredFile) -> StoredFile:
    """Return a file of the job by its name in the ``photos`` channel."""
    return StoredFile(file=f"{job_id}/{stored.file}", sha256=stored.sha256)
