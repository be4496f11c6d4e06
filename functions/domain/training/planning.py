"""Which queued jobs are trained next, and together: pure rules, so that they can be simulated.

A plan is one SageMaker training job. Its first job is its leader: launchers claim the leader
first, so of two launchers with the same plan one wins whole.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import Literal, NamedTuple

from contracts.documents.record import JobRecord

Lane = Literal["interactive", "backlog"]

SMALL_JOBS_AT_ONCE = 40
"""SageMaker takes one request a second, and a warm job of one quick user lasts 40 seconds."""


@dataclass(frozen=True)
class PlanningRules:
    """What the stack allows."""

    quota: int
    """Training jobs that may run at once."""
    largest_batch: int = 1
    """Users that one training job may train."""


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

    @property
    def lane(self) -> Lane:
        """A user alone is served as soon as possible; many together as cheaply as possible."""
        return "interactive" if len(self.jobs) == 1 else "backlog"


def plan(
    queued: Sequence[JobRecord], running: Sequence[JobRecord], rules: PlanningRules
) -> list[LaunchOrder]:
    """Return the training jobs to start now, the most urgent first.

    Args:
        queued: jobs that wait, in any order.
        running: jobs in training; several may share one training job.
        rules: the stack's limits.
    """
    free = rules.quota - len({job.training_job_name for job in running})
    if free <= 0:
        return []
    size = batch_size(len(queued), rules)
    turns = fair_order(queued, Counter(job.tenant for job in running))
    return [order_of(tuple(jobs)) for jobs in batches(islice(turns, free * size), size)[:free]]


def batch_size(waiting: int, rules: PlanningRules) -> int:
    """Return how many users share a training job: more when more wait; nobody waits to fill one.

    A job's start and load are paid once for all its users. Half of the queue goes in the first
    round, so that the last jobs are small and all instances finish together. A large quota does
    not make batches smaller for ever, since only so many small jobs can run at once.

    >>> [batch_size(n, PlanningRules(quota=20, largest_batch=50)) for n in (1, 40, 41, 10_000)]
    [1, 1, 2, 50]
    """
    instances = min(rules.quota, SMALL_JOBS_AT_ONCE)
    return max(1, min(rules.largest_batch, -(-waiting // (2 * instances))))


def batches(turns: Iterable[JobRecord], size: int) -> list[list[JobRecord]]:
    """Return groups that fit together, in the order of their leaders' turns.

    One base for all, since a training job has one; and nobody with a job that broke a batch.
    """
    groups: list[list[JobRecord]] = []
    filling: dict[str, list[JobRecord]] = {}
    for job in turns:
        group = [] if job.alone else filling.setdefault(job.base_id, [])
        if not group:
            groups.append(group)
        group.append(job)
        if len(group) == size:
            filling.pop(job.base_id, None)
    return groups


def fair_order(queued: Iterable[JobRecord], in_training: Counter[str]) -> Iterator[JobRecord]:
    """Yield every queued job: next comes the tenant with the fewest jobs under way, then age.

    So one upload does not wait for another tenant's eight hundred.
    """
    lines = by_tenant(queued)
    turns = [(in_training[tenant], age_key(line[0]), tenant) for tenant, line in lines.items()]
    heapify(turns)
    while turns:
        under_way, _, tenant = turns[0]
        line = lines[tenant]
        yield line.popleft()
        if line:
            heapreplace(turns, (under_way + 1, age_key(line[0]), tenant))
        else:
            heappop(turns)


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
