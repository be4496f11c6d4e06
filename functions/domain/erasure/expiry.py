"""Delete photos a day after their training has succeeded, and models when their consent ends."""

from datetime import datetime
from typing import NamedTuple

from contracts.documents.erasure import ErasureSubject
from contracts.shared import layout
from domain.ports.erasure import Eraser, Expiries, VersionedBucket
from domain.ports.jobs import Jobs


class ExpiryServices(NamedTuple):
    """What deleting photos needs."""

    expiries: Expiries
    jobs: Jobs
    uploads_versions: VersionedBucket
    consent_ends: Expiries
    eraser: Eraser


def expire_photos(services: ExpiryServices, now: datetime) -> int:
    """Delete the photos that are due, in every version; return the number of their trainings.

    An upload whose newest job goes on keeps its photos until a later look.
    """
    gone = 0
    for due in services.expiries.due(now):
        if is_used(due.tenant, due.upload, services):
            continue
        for prefix in (
            layout.uploads.upload_prefix(due.tenant, due.upload),
            layout.uploads.unpacked_prefix(due.tenant, due.upload),
            layout.uploads.accepted_prefix(due.job_id),
        ):
            services.uploads_versions.purge(prefix)
        services.expiries.forget(due.job_id)
        gone += 1
    return gone


def erase_unconsented(services: ExpiryServices, now: datetime) -> int:
    """Erase the models whose consent has ended; return how many.

    The erasure's own row says that it was asked for, so the end may be forgotten afterwards.
    """
    ended = services.consent_ends.due(now)
    for due in ended:
        services.eraser.erase(ErasureSubject(tenant=due.tenant, model_id=due.job_id))
        services.consent_ends.forget(due.job_id)
    return len(ended)


def is_used(tenant: str, upload: str, services: ExpiryServices) -> bool:
    """Return whether the upload's newest job has not ended."""
    job_id = services.expiries.newest_job(tenant, upload)
    record = None if job_id is None else services.jobs.get(job_id)
    return record is not None and record.status in {"starting", "processing"}
