"""Which queued jobs are trained next, and together: pure rules, so that they can be simulated.

A plan is one SageMaker training job. Its first job is its leader: launchers claim the leader
first, so of two launchers with the same plan one wins whole.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from contracts.record import JobRecord


@dataclass(frozen=True)
class LaunchOrder:
    """One training job to start."""

    plan_id: str
    attempt: int
    jobs: tuple[JobRecord, ...]
    """Leader first."""

    @property
    def training_job_name(self) -> str:
        """Unique for ever, as SageMaker demands: a new attempt has a new name."""
        return f"likeness-{self.plan_id}-{self.attempt}"


def plan(
    queued: Sequence[JobRecord], running: Sequence[JobRecord], quota: int
) -> list[LaunchOrder]:
    """Return the training jobs to start now, the most urgent first.

    Args:
        queued: jobs that wait, in any order.
        running: jobs in training; several may share one training job.
        quota: training jobs that may run at once.
    """
    free = quota - len({job.training_job_name for job in running})
    turns = fair_order(queued, Counter(job.tenant for job in running))
    return [order_of((job,)) for job, _ in zip(turns, range(free), strict=False)]


def fair_order(queued: Iterable[JobRecord], in_training: Counter[str]) -> Iterator[JobRecord]:
    """Yield every queued job: next comes the tenant with the fewest jobs under way, then age.

    So one upload does not wait for another tenant's eight hundred.
    """
    under_way = in_training.copy()
    waiting = by_tenant(queued)
    while waiting:
        tenant = min(waiting, key=lambda name: (under_way[name], age_key(waiting[name][0])))
        yield waiting[tenant].popleft()
        under_way[tenant] += 1
        if not waiting[tenant]:
            del waiting[tenant]


def by_tenant(queued: Iterable[JobRecord]) -> dict[str, deque[JobRecord]]:
    """Return each tenant's jobs, the oldest first."""
    lines: dict[str, deque[JobRecord]] = {}
    for job in sorted(queued, key=age_key):
        lines.setdefault(job.tenant, deque()).append(job)
    return lines


class AgeKey(NamedTuple):
    """Sorts jobs by their wait; the id makes the order total."""

    queued_at: str
    job_id: str


def age_key(job: JobRecord) -> AgeKey:
    """Return what sorts the longest waiting job first."""
    return AgeKey(job.queued_at or job.created_at, job.job_id)


def order_of(jobs: tuple[JobRecord, ...]) -> LaunchOrder:
    """Return the order that trains these jobs together, under an attempt that none of them had."""
    attempt = 1 + max(job.attempt for job in jobs)
    return LaunchOrder(plan_id_of([job.job_id for job in jobs]), attempt, jobs)


def plan_id_of(job_ids: Sequence[str]) -> str:
    """Return the job's own id when it is alone, so that its next attempt finds its checkpoints."""
    if len(job_ids) == 1:
        return job_ids[0]
    return sha256("\n".join(job_ids).encode()).hexdigest()[:32]
