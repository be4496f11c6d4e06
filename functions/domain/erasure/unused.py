"""Models that nobody draws with: their owner is told, and a month later they are erased.

Every server of the endpoint writes down the day on which it has answered with a model. So a use
counts whatever door a caller has taken.
"""

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from contracts.codes import CODES
from contracts.documents.erasure import ErasureSubject
from contracts.documents.notice import Notice
from contracts.shared import layout
from contracts.shared.people.retention import NOTICE_BEFORE
from domain.ports.erasure import Eraser, UnusedModel, UnusedModels
from domain.ports.jobs import Jobs
from domain.ports.notifier import Notifier
from domain.ports.storage import ObjectMissingError, Storage

CODE = "model_unused"
MAX_DAY_BYTES = 32


class UnusedServices(NamedTuple):
    """What ending unused models needs."""

    rows: UnusedModels
    jobs: Jobs
    models: Storage
    """The models bucket, in which servers write down when a model was used."""
    notifier: Notifier
    eraser: Eraser


def first_look(now: datetime, kept: timedelta) -> datetime:
    """Return when somebody looks whether a model that is published now is still used."""
    return now + kept - notice_before(kept)


def notice_before(kept: timedelta) -> timedelta:
    """Return how long before its end an owner is told: a month, or half of a short time."""
    return min(NOTICE_BEFORE, kept / 2)


def end_unused(services: UnusedServices, kept: timedelta, now: datetime) -> int:
    """Tell the owners of unused models, and erase those who were told; return how many.

    Args:
        services: see there.
        kept: time after the last use; 0: unused models stay.
        now: the present time.
    """
    erased = 0
    for row in services.rows.due(now) if kept else ():
        last = last_use(row, services)
        if last is not None and first_look(last, kept) > now:
            services.rows.look_again(row.job_id, first_look(last, kept))
        elif row.announced_at is None:
            disabled = bool(services.models.list(layout.models.disabled_model_key(row.job_id), 1))
            notice = notice_of(row, now, notice_before(kept), disabled=disabled)
            services.notifier.publish(notice)
            services.rows.was_announced(row.job_id, now, now + notice_before(kept))
        else:
            services.eraser.erase(ErasureSubject(tenant=row.tenant, model_id=row.job_id))
            services.rows.forget(row.job_id)
            erased += 1
    return erased


def last_use(row: UnusedModel, services: UnusedServices) -> datetime | None:
    """Return the end of the day of a model's last use; None: no server has written one down.

    Servers know a sweep's model by the id of its best trial.
    """
    job = services.jobs.get(row.job_id)
    days = [
        day
        for ident in (row.job_id, *(() if job is None else job.trials))
        if (day := day_of(ident, services.models)) is not None
    ]
    return max(days, default=None)


def day_of(job_id: str, models: Storage) -> datetime | None:
    """Return the end of the day that a server has written down; None: there is none."""
    try:
        text = models.read(layout.models.used_key(job_id), MAX_DAY_BYTES).decode()
    except ObjectMissingError:
        return None
    return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1)


def notice_of(row: UnusedModel, now: datetime, left: timedelta, *, disabled: bool) -> Notice:
    """Return what the owner is told; it names the model, and the time that is left.

    Nobody can draw with a disabled model until an appeal is granted.
    """
    entry, days = CODES[CODE], math.ceil(left / timedelta(days=1))
    how = f"Draw a picture with it within {days} days to keep it; else it is erased."
    if disabled:
        how = f"A takedown has disabled it: first appeal (docs/takedown.md). {how}"
    return Notice(
        notice_id=f"unused-{row.job_id}-{now:%Y%m%d}",
        job_id=row.job_id,
        tenant=row.tenant,
        upload=row.upload,
        status="succeeded",
        code=CODE,
        title=entry.title,
        text=f"{entry.text} {how}",
        retryable=entry.retryable,
    )
