"""Which queued jobs are trained next, and which of them together: pure rules, easy to simulate.

One launch order becomes one SageMaker training job. Its first job is the leader. Launchers claim
the leader first, so of two launchers with the same order one gets all of it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import Literal, NamedTuple

from contracts.documents.record import JobRecord
from contracts.documents.upload.run import RunOptions
from contracts.shared.names import build_training_job_name

Lane = Literal["interactive", "backlog"]

SMALL_JOBS_AT_ONCE = 40
"""Small jobs that can run at the same time: SageMaker takes about one request per second, and a
warm training job of one quick user lasts about 40 seconds."""


@dataclass(frozen=True)
class PlanningRules:
    """The stack's limits."""

    quota: int
    """Training jobs that may run at once."""
    max_batch: int = 1
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
        """The training job's name; a new attempt has a new name, since SageMaker's are unique."""
        return build_training_job_name(self.plan_id, self.attempt)

    @property
    def run(self) -> RunOptions:
        """The machine of the training job; all its jobs ask for the same."""
        return self.jobs[0].run or RunOptions()

    @property
    def lane(self) -> Lane:
        """Interactive for a single user (as soon as possible), backlog for many (cheap)."""
        return "interactive" if len(self.jobs) == 1 else "backlog"


def choose_launches(
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
    next_jobs = islice(fair_order(queued, Counter(job.tenant for job in running)), free * size)
    return [order_of(tuple(jobs)) for jobs in batches(next_jobs, size)[:free]]


def batch_size(waiting: int, rules: PlanningRules) -> int:
    """Return how many users share a training job: more users when more of them wait.

    The start of a training job is paid once for all its users. No user waits for a batch to fill.
    Half of the queue goes into the first round, so that the last jobs are small and all instances
    finish at about the same time. A quota above SMALL_JOBS_AT_ONCE makes batches no smaller.

    >>> [batch_size(n, PlanningRules(quota=20, max_batch=50)) for n in (1, 40, 41, 10_000)]
    [1, 1, 2, 50]
    """
    instances = min(rules.quota, SMALL_JOBS_AT_ONCE)
    return max(1, min(rules.max_batch, -(-waiting // (2 * instances))))


def batches(jobs: Iterable[JobRecord], size: int) -> list[list[JobRecord]]:
    """Return groups of at most ``size`` jobs, in the order of their leaders.

    All jobs of a group have the same base and the same machine, because a training job has one of
    each. A job that is marked ``alone`` or has a largest runtime gets a group of its own.
    """
    groups: list[list[JobRecord]] = []
    filling: dict[GroupKey, list[JobRecord]] = {}
    for job in jobs:
        key = group_key(job)
        group = [] if key is None else filling.setdefault(key, [])
        if not group:
            groups.append(group)
        group.append(job)
        if key is not None and len(group) == size:
            filling.pop(key, None)
    return groups


class GroupKey(NamedTuple):
    """What the jobs of one training job have in common."""

    base_id: str
    instance_type: str | None
    use_spot_instances: bool | None
    volume_size: int | None


def group_key(job: JobRecord) -> GroupKey | None:
    """Return the key of the jobs that may share a training job with this one; None: no job may."""
    run = job.run or RunOptions()
    if job.alone or run.max_run is not None:
        return None
    return GroupKey(job.base_id, run.instance_type, run.use_spot_instances, run.volume_size)


def fair_order(queued: Iterable[JobRecord], in_training: Counter[str]) -> Iterator[JobRecord]:
    """Yield every queued job: the tenant with the fewest jobs in training first, then by age.

    One upload does not wait behind another tenant's eight hundred.
    """
    queues = by_tenant(queued)
    tenants = [(in_training[tenant], age_key(jobs[0]), tenant) for tenant, jobs in queues.items()]
    heapify(tenants)
    while tenants:
        chosen, _, tenant = tenants[0]
        jobs = queues[tenant]
        yield jobs.popleft()
        if jobs:
            heapreplace(tenants, (chosen + 1, age_key(jobs[0]), tenant))
        else:
            heappop(tenants)


def by_tenant(queued: Iterable[JobRecord]) -> dict[str, deque[JobRecord]]:
    """Return each tenant's jobs, the oldest first."""
    queues: dict[str, deque[JobRecord]] = {}
    for job in sorted(queued, key=age_key):
        queues.setdefault(job.tenant, deque()).append(job)
    return queues


class AgeKey(NamedTuple):
    """Sort key: the longest waiting job first; the id makes the order unambiguous."""

    queued_at: str
    job_id: str


def age_key(job: JobRecord) -> AgeKey:
    """Return the job's sort key."""
    return AgeKey(job.queued_at or job.created_at, job.job_id)


def order_of(jobs: tuple[JobRecord, ...]) -> LaunchOrder:
    """Return the order that trains these jobs together, as a new attempt for each of them."""
    attempt = 1 + max(job.attempt for job in jobs)
    return LaunchOrder(plan_id_of([job.job_id for job in jobs]), attempt, jobs)


def plan_id_of(job_ids: Sequence[str]) -> str:
    """Return the plan's id; a single job's own id, so that its next attempt finds checkpoints."""
    if len(job_ids) == 1:
        return job_ids[0]
    return sha256("\n".join(job_ids).encode()).hexdigest()[:32]
