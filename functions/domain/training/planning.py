"""Which queued jobs are trained next, and which of them together: pure rules, easy to simulate.

One launch order becomes one SageMaker training job. Its first job is the leader. Launchers claim
the leader first, so of two launchers with the same order one gets all of it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import heapify, heappop, heapreplace
from itertools import islice
from typing import NamedTuple

from contracts.documents.record import JobRecord
from contracts.documents.upload.run import RunOptions
from contracts.shared.names import build_training_job_name, captions_plan_id
from domain.pricing.estimating import START_SECONDS

SMALL_JOBS_AT_ONCE = 40
"""Small jobs that can run at the same time: SageMaker takes about one request per second, and a
warm training job of one quick user lasts about 40 seconds."""


MAX_USERS = 200
"""Users of one training job on all its instances: a launcher claims them one by one within the time
of its Lambda function."""

UsersPerStep = Callable[[JobRecord], int]
"""Returns how many users like this job's may be trained in one step, memory and gain considered."""


@dataclass(frozen=True)
class PlanningRules:
    """The stack's limits."""

    quota: int
    """Instances that training jobs may use at once."""
    max_batch: int = 1
    """Users that one instance may train in one training job."""
    max_instances: int = 1
    """Instances that one training job may have."""
    users_per_step: UsersPerStep = lambda _: 1


@dataclass(frozen=True)
class LaunchOrder:
    """One training job to start."""

    plan_id: str
    attempt: int
    jobs: tuple[JobRecord, ...]
    """Leader first."""
    shares: tuple[int, ...] = ()
    """Number of jobs of each instance, in the order of ``jobs``; empty: all are of one instance."""
    users_per_step: int = 1
    """Users that are trained in one step."""

    @property
    def training_job_name(self) -> str:
        """The training job's name; a new attempt has a new name, since SageMaker's are unique."""
        return build_training_job_name(self.plan_id, self.attempt, parameters_in_name(self.jobs))

    @property
    def run(self) -> RunOptions:
        """The machine of the training job; all its jobs ask for the same."""
        return self.jobs[0].run or RunOptions()

    @property
    def instances(self) -> int:
        """Number of instances of the training job."""
        return max(1, len(self.shares))


def parameters_in_name(jobs: Sequence[JobRecord]) -> list[str]:
    """Return what a training job's name says of its jobs: steps if they agree, and the users."""
    if any(job.is_captioning for job in jobs):
        return ["captions"]
    steps = {None if job.estimate is None else job.estimate.steps for job in jobs}
    (same,) = steps if len(steps) == 1 else (None,)
    users = [f"{len(jobs)}users"] if len(jobs) > 1 else []
    return users if not same else [f"{same}steps", *users]


def choose_launches(
    queued: Sequence[JobRecord], running: Sequence[JobRecord], rules: PlanningRules
) -> list[LaunchOrder]:
    """Return the training jobs to start now, the most urgent first.

    Args:
        queued: jobs that wait, in any order.
        running: jobs in training; several may share one training job.
        rules: the stack's limits.
    """
    free = rules.quota - instances_in_use(running)
    if free <= 0:
        return []
    cluster = cluster_size(len(queued), rules, mean_seconds(queued))
    size = batch_size(len(queued), rules, largest_step(queued, rules), cluster)
    in_order = fair_order(queued, Counter(job.tenant for job in running))
    next_jobs = list(islice(in_order, free * size))
    orders: list[LaunchOrder] = []
    for jobs in batches(next_jobs, size * min(cluster, free)):
        instances = min(free, -(-len(jobs) // size))
        if instances == 0:
            break
        orders.append(order_of(jobs[: instances * size], instances, rules.users_per_step))
        free -= instances
    return orders


def instances_in_use(running: Iterable[JobRecord]) -> int:
    """Return the number of instances of all training jobs."""
    return sum(
        {
            job.training_job_name: 1 if job.capacity is None else job.capacity.instances
            for job in running
        }.values()
    )


def batch_size(waiting: int, rules: PlanningRules, in_one_step: int = 1, cluster: int = 1) -> int:
    """Return how many users an instance trains in one training job: more when more of them wait.

    The start of a training job is paid once for all its users. No user waits for a batch to fill.
    Half of the queue goes into the first round, so that the last jobs are small and all instances
    finish at about the same time. Users that can share a step may come together in the first round:
    a step of several takes little longer than a step of one. A quota above SMALL_JOBS_AT_ONCE makes
    batches no smaller, unless training jobs have several instances.

    >>> [batch_size(n, PlanningRules(quota=20, max_batch=50)) for n in (1, 40, 41, 10_000)]
    [1, 1, 2, 50]
    >>> [batch_size(n, PlanningRules(quota=2, max_batch=50), in_one_step=4) for n in (2, 6, 8, 40)]
    [1, 3, 4, 10]
    """
    instances = min(rules.quota, SMALL_JOBS_AT_ONCE * cluster)
    half, all_of_them = -(-waiting // (2 * instances)), -(-waiting // instances)
    return max(1, min(rules.max_batch, max(half, min(in_one_step, all_of_them))))


def largest_step(queued: Iterable[JobRecord], rules: PlanningRules) -> int:
    """Return the largest number of queued users that can share one step."""
    groups: dict[StepKey, list[JobRecord]] = {}
    for job in queued:
        groups.setdefault(step_key(job), []).append(job)
    return max(
        (min(len(jobs), rules.users_per_step(jobs[0])) for jobs in groups.values()), default=1
    )


def cluster_size(waiting: int, rules: PlanningRules, user_seconds: float = 0) -> int:
    """Return how many instances a training job has.

    One, as long as single training jobs can use the whole quota, because the instances of a job
    are paid until the last of them has ended, and a warm pool fits jobs of its own size only. At
    one request per second, as many jobs can run at the same time as a job lasts seconds. Above
    that, with a large backlog, a request starts several instances at once.

    Args:
        waiting: queued jobs.
        rules: the stack's limits.
        user_seconds: mean estimated seconds of training of a queued job; 0: not known.

    >>> rules = PlanningRules(quota=400, max_batch=100, max_instances=10)
    >>> [cluster_size(waiting, rules, 10) for waiting in (799, 800, 8000, 80_000)]
    [1, 10, 4, 1]
    """
    if waiting < 2 * rules.quota:
        return 1
    users = min(rules.max_batch, -(-waiting // (2 * rules.quota)))
    jobs = max(SMALL_JOBS_AT_ONCE, int(users * user_seconds))
    return min(rules.max_instances, -(-rules.quota // jobs))


def batches(jobs: Sequence[JobRecord], size: int) -> list[list[JobRecord]]:
    """Return groups of at most ``size`` jobs, the group of the most urgent job first.

    All jobs of a group have the same base and the same machine, because a training job has one of
    each. Those are sorted by length, so that jobs of like length come together and jobs that can
    share a step stand side by side. A job that is marked ``alone``, has a largest runtime or waits
    for captions gets a group of its own.

    Args:
        jobs: the most urgent first; all of them belong to this round.
        size: the largest number of jobs in a group.
    """
    rank = {job.job_id: number for number, job in enumerate(jobs)}
    alone = [[job] for job in jobs if group_key(job) is None]
    together: dict[GroupKey, list[JobRecord]] = {}
    for job in jobs:
        if (key := group_key(job)) is not None:
            together.setdefault(key, []).append(job)
    size = min(size, MAX_USERS)
    groups = [*alone, *(part for group in together.values() for part in by_length(group, size))]
    return sorted(groups, key=lambda group: min(rank[job.job_id] for job in group))


def by_length(jobs: Sequence[JobRecord], size: int) -> list[list[JobRecord]]:
    """Return the jobs in parts of ``size``, sorted by length; equal steps stand side by side."""
    shortest: dict[StepKey, int] = {}
    for job in jobs:
        key = step_key(job)
        shortest[key] = min(work_seconds(job), shortest.get(key, work_seconds(job)))
    ordered = sorted(jobs, key=lambda job: (shortest[step_key(job)], *step_key(job)))
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]


class StepKey(NamedTuple):
    """What the users of one step have in common; the job's id for a job that shares no step."""

    group: str
    job_id: str


def step_key(job: JobRecord) -> StepKey:
    """Return the key of the jobs that may share a step with this one."""
    group = None if job.step_shape is None or job.is_captioning else job.step_shape.group
    return StepKey("", job.job_id) if group is None else StepKey(group, "")


def mean_seconds(jobs: Sequence[JobRecord]) -> float:
    """Return the mean estimated seconds of training of the jobs; 0: none is known."""
    return sum(work_seconds(job) for job in jobs) / max(1, len(jobs))


def work_seconds(job: JobRecord) -> int:
    """Return the estimated seconds of a job's next training job without its start; 0: unknown."""
    if job.estimate is None:
        return 0
    captioning, seconds = job.estimate.captioning_seconds, job.estimate.seconds
    next_one = captioning if job.is_captioning else seconds - captioning
    return max(0, next_one - START_SECONDS)


class GroupKey(NamedTuple):
    """What the jobs of one training job have in common."""

    base_id: str
    instance_type: str | None
    use_spot_instances: bool | None
    volume_size: int | None


def group_key(job: JobRecord) -> GroupKey | None:
    """Return the key of the jobs that may share a training job with this one; None: no job may."""
    run = job.run or RunOptions()
    if job.alone or run.max_run is not None or job.is_captioning:
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


def order_of(
    jobs: Sequence[JobRecord], instances: int = 1, users_per_step: UsersPerStep = lambda _: 1
) -> LaunchOrder:
    """Return the order that trains these jobs together, as a new attempt for each of them.

    Args:
        jobs: sorted by length, so that each instance gets jobs of like length.
        instances: of the training job; their shares differ by at most one job.
        users_per_step: how many users like a job's may be trained in one step.
    """
    attempt = 1 + max(job.attempt for job in jobs)
    plan_id = plan_id_of(jobs)
    shares = () if instances == 1 else even_shares(len(jobs), instances)
    return LaunchOrder(plan_id, attempt, tuple(jobs), shares, step_size(jobs, users_per_step))


def even_shares(jobs: int, instances: int) -> tuple[int, ...]:
    """Return how many jobs each instance gets.

    >>> even_shares(10, 4)
    (3, 3, 2, 2)
    """
    small, more = divmod(jobs, instances)
    return tuple(small + (number < more) for number in range(instances))


def step_size(jobs: Iterable[JobRecord], users_per_step: UsersPerStep) -> int:
    """Return how many users are trained in one step: as many as every group of equal jobs may."""
    groups: dict[StepKey, list[JobRecord]] = {}
    for job in jobs:
        groups.setdefault(step_key(job), []).append(job)
    shared = [group for group in groups.values() if len(group) > 1]
    allowed = min((users_per_step(group[0]) for group in shared), default=1)
    return min(allowed, max((len(group) for group in shared), default=1))


def plan_id_of(jobs: Sequence[JobRecord]) -> str:
    """Return the plan's id; a single job's own id, so that its next attempt finds checkpoints.

    Captioning has a plan of its own, since the training's plan comes after it.
    """
    if len(jobs) == 1:
        return captions_plan_id(jobs[0].job_id) if jobs[0].is_captioning else jobs[0].job_id
    return sha256("\n".join(job.job_id for job in jobs).encode()).hexdigest()[:32]
