"""The answer to a request that asked what a training would be, and wanted none."""

from datetime import datetime

from contracts.codes import CODES
from contracts.documents.job import AcceptedUpload
from contracts.documents.notice import Notice, PlanNotice
from contracts.documents.photos import PhotoReport
from contracts.documents.stages import DryRunInput
from contracts.shared import layout
from domain.notices.notices import Desk, deliver, photo_notices
from domain.ports.storage import read_document
from domain.pricing.grid import grid_points


def answer_dry_run(given: DryRunInput, desk: Desk, now: datetime) -> Notice:
    """Tell the owner the verdicts, the plan, its time and cost; the job is done."""
    desk.jobs.advance(given.job.job_id, "NotifyOwner", now)
    notice = dry_run_notice(given, desk)
    deliver(notice, desk, now)
    desk.jobs.finish(given.job.job_id, "succeeded", None, now)
    return notice


def dry_run_notice(given: DryRunInput, desk: Desk) -> Notice:
    """Return what to tell."""
    job, entry = given.job, CODES["dry_run"]
    key = layout.accepted_upload_key(job.job_id)
    accepted = read_document(desk.documents, key, AcceptedUpload)
    report = read_document(desk.documents, layout.photo_report_key(job.job_id), PhotoReport)
    record = desk.jobs.get(job.job_id)
    plan = PlanNotice(
        photos=given.photos.accepted,
        refused=given.photos.refused,
        class_photos=len(report.class_photos),
        estimate=None if record is None else record.estimate,
        trainings=len(grid_points(accepted.request)),
        origins={field: str(origin) for field, origin in accepted.origins.items()},
    )
    advice = " ".join(CODES[code].text for code in report.codes)
    return Notice(
        notice_id=f"dry-run-{job.job_id}",
        job_id=job.job_id,
        tenant=job.tenant,
        upload=job.upload,
        status="succeeded",
        code="dry_run",
        title=entry.title,
        text=" ".join(filter(None, (entry.text, in_words(plan), advice, entry.hint))),
        retryable=entry.retryable,
        photos=photo_notices(job, desk.documents, also=CODES),
        plan=plan,
    )


def in_words(plan: PlanNotice) -> str:
    """Return the plan as a sentence or two.

    >>> from contracts.documents.money import Estimate
    >>> estimate = Estimate(steps=800, seconds=1200, usd=0.505)
    >>> in_words(PlanNotice(photos=9, refused=1, class_photos=0, estimate=estimate))
    'Photos that can be used: 9 of 10. It would take 800 steps, about 20 minutes and 0.51 USD.'
    """
    photos = f"Photos that can be used: {plan.photos} of {plan.photos + plan.refused}."
    if plan.estimate is None:
        return photos
    minutes = max(1, round(plan.estimate.seconds / 60))
    cost = "" if plan.estimate.usd is None else f" and {plan.estimate.usd:.2f} USD"
    steps = f"{plan.estimate.steps} steps"
    steps += f" in {plan.trainings} trainings" if plan.trainings > 1 else ""
    return f"{photos} It would take {steps}, about {minutes} minutes{cost}."
