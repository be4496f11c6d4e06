"""The notice of a dry run: the request is checked and estimated, and nothing is trained."""

from datetime import datetime

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload
from contracts.documents.notice import DryRunNotice, Notice
from contracts.documents.photos import PhotoReport
from contracts.documents.stages import DryRunInput
from contracts.shared import layout
from domain.notices.notices import deliver
from domain.notices.services import NoticeServices
from domain.notices.words import advice_text, names_key, photo_notices
from domain.ports.storage import read_document


def answer_dry_run(given: DryRunInput, services: NoticeServices, now: datetime) -> Notice:
    """Send the owner the verdicts and the estimate; the job has succeeded."""
    services.jobs.advance(given.job.job_id, "NotifyOwner", now)
    notice = dry_run_notice(given, services)
    deliver(notice, services, now)
    services.jobs.finish(given.job.job_id, "succeeded", None, now)
    return notice


def dry_run_notice(given: DryRunInput, services: NoticeServices) -> Notice:
    """Return the notice."""
    job, entry = given.job, CODES["dry_run"]
    key = layout.models.accepted_upload_key(job.job_id)
    accepted = read_document(services.documents, key, AcceptedUpload)
    report = read_document(
        services.documents, layout.models.photo_report_key(job.job_id), PhotoReport
    )
    record = services.jobs.get(job.job_id)
    estimate = None if record is None else record.estimate
    sweep = accepted.request.sweep
    dry_run = DryRunNotice(
        photos=given.photos.accepted,
        refused=given.photos.refused,
        class_photos=len(report.class_photos),
        estimate=estimate,
        trainings=1 if estimate is None else estimate.trainings,
        is_most=sweep is not None and sweep.halving is not None,
        origins={field: str(origin) for field, origin in accepted.origins.items()},
    )
    advice = advice_text(report)
    photos = photo_notices(job, services.documents, also=CODES)
    return Notice(
        notice_id=f"dry-run-{job.job_id}",
        job_id=job.job_id,
        tenant=job.tenant,
        upload=job.upload,
        status="succeeded",
        code="dry_run",
        title=entry.title,
        text=" ".join(filter(None, (entry.text, dry_run_text(dry_run), advice, entry.hint))),
        retryable=entry.retryable,
        photos=photos,
        photo_names=names_key(job, photos),
        dry_run=dry_run,
    )


def dry_run_text(dry_run: DryRunNotice) -> str:
    """Return the estimate as one or two sentences.

    >>> from contracts.documents.money import Estimate
    >>> estimate = Estimate(steps=800, batches=800, seconds=1200, usd=0.505)
    >>> dry_run_text(DryRunNotice(photos=9, refused=1, class_photos=0, estimate=estimate))
    'Photos that can be used: 9 of 10. It would take 800 steps, about 20 minutes and 0.51 USD.'
    """
    photos = f"Photos that can be used: {dry_run.photos} of {dry_run.photos + dry_run.refused}."
    if dry_run.estimate is None:
        return photos
    minutes = max(1, round(dry_run.estimate.seconds / 60))
    cost = "" if dry_run.estimate.usd is None else f" and {dry_run.estimate.usd:.2f} USD"
    if dry_run.estimate.steps == 0:  # an import
        return f"The file can be read. Its checks would take about {minutes} minutes{cost}."
    steps = f"{dry_run.estimate.steps} steps"
    if dry_run.estimate.batches not in {None, dry_run.estimate.steps}:
        steps += f" of {dry_run.estimate.batches} batches"
    steps += f" in {dry_run.trainings} trainings" if dry_run.trainings > 1 else ""
    most = "at most " if dry_run.is_most else ""
    return f"{photos} It would take {most}{steps}, about {minutes} minutes{cost}."
