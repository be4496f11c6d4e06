"""Quotas of a tenant: trainings at once, and dollars a month; both doors ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from contracts.documents.record import JobRecord

OPEN = frozenset({"starting", "processing"})
MAX_OPEN = timedelta(days=31)
"""Age of the oldest job that may be open, or of this month."""

AGAIN_SECONDS = 60
"""After this time a training of the tenant may have ended."""


@dataclass(frozen=True)
class Quotas:
    """What each tenant of the stack may use; 0: as much as it likes."""

    trainings_at_once: int = 0

    usd_per_month: float = 0.0
    """Dollars of a calendar month in UTC."""

    @property
    def any(self) -> bool:
        """Whether there is a quota at all: without one no row is read."""
        return self.trainings_at_once > 0 or self.usd_per_month > 0


NO_QUOTAS = Quotas()


class Exhausted(NamedTuple):
    """The quota that lets no further training begin."""

    code: Literal["too_many_trainings", "monthly_budget_spent"]

    seconds: int
    """When to try again."""


def span_of(now: datetime) -> tuple[str, str]:
    """Return the first and the last ``created_at`` of jobs that a quota may count.

    No job is open for longer: a workflow ends after a week, and a failed one can be redriven for
    two weeks. A month has at most as many days.

    >>> from datetime import UTC
    >>> span_of(datetime(2026, 11, 30, tzinfo=UTC))
    ('2026-10-30T00:00:00+00:00', '2026-12-01T00:00:00+00:00')
    """
    return (now - MAX_OPEN).isoformat(), (now + timedelta(days=1)).isoformat()


def exhausted(jobs: Sequence[JobRecord], quotas: Quotas, now: datetime) -> Exhausted | None:
    """Return which quota a tenant has used up; None: a further training may begin.

    Args:
        jobs: the tenant's jobs of ``span_of``.
        quotas: what the tenant may use.
        now: in UTC.
    """
    running = [job for job in jobs if job.status in OPEN and job.trial_of is None]
    if 0 < quotas.trainings_at_once <= len(running):
        return Exhausted("too_many_trainings", AGAIN_SECONDS)
    if 0 < quotas.usd_per_month <= spent_usd(jobs, now):
        return Exhausted("monthly_budget_spent", seconds_of_month(now))
    return None


def spent_usd(jobs: Sequence[JobRecord], now: datetime) -> float:
    """Return what this month's jobs have cost; a job that is open counts with its estimate.

    A job without a price counts as 0; the alarm PriceUnknown tells the operator of it.
    """
    month = now.strftime("%Y-%m")
    return sum(cost_of(job) for job in jobs if job.created_at.startswith(month))


def cost_of(job: JobRecord) -> float:
    """Return a job's receipts, or its estimate if that is more and the job is open."""
    paid = sum(receipt.usd or 0.0 for receipt in job.receipts.values())
    if job.status not in OPEN or job.estimate is None:
        return paid
    return max(paid, job.estimate.usd or 0.0)


def seconds_of_month(now: datetime) -> int:
    """Return how long the month in UTC still lasts, in whole seconds.

    >>> from datetime import UTC
    >>> seconds_of_month(datetime(2026, 12, 31, 23, 59, 30, tzinfo=UTC))
    30
    """
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = (begin + timedelta(days=32)).replace(day=1)
    return int((after - now).total_seconds())
