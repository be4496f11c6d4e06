"""Start training jobs for the queue, one order at a time, and never train a job twice."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial

from contracts.documents.capacity import CapacityChoice
from contracts.documents.record import JobRecord, WaitingFor
from domain.ports.trainer import Run, Trainer
from domain.pricing.step_sharing import users_per_step
from domain.training.answering import settle
from domain.training.capacity import Market, Work, choose_capacity
from domain.training.creating import create_training_job
from domain.training.keep_alive import expect_pool
from domain.training.planning import (
    LaunchOrder,
    PlanningRules,
    choose_launches,
    fair_order,
    work_seconds,
)
from domain.training.progress import record_queue_places
from domain.training.sagemaker_job import TrainingSettings, pool_of, processes_of, with_defaults
from domain.training.services import LaunchServices, TrainingServices
from domain.training.verdicts import LAUNCH_GRACE, find_trained


def launch(services: LaunchServices, now: datetime, ended: str = "") -> list[str]:
    """Start what fits the quota; return the names of the training jobs that were started.

    Args:
        services: what launching needs.
        now: in UTC.
        ended: a training job that has just ended. Its slot counts as free, although
            follow_training may not have updated its jobs yet.
    """
    queued = [with_machine(job, services.settings) for job in untrained(services.training, now)]
    running = [
        job for job in services.training.jobs.in_training() if job.training_job_name != ended
    ]
    launch_round = LaunchRound(services, now, queued, running)
    launch_round.run()
    return launch_round.names


def with_machine(job: JobRecord, settings: TrainingSettings) -> JobRecord:
    """Return the job with the machine on which it would be trained now."""
    return job.model_copy(update={"run": with_defaults(job.run, settings)})


class LaunchRound:
    """One call of the launcher: what it has started, and what each waiting job waits for."""

    def __init__(
        self,
        services: LaunchServices,
        now: datetime,
        queued: Sequence[JobRecord],
        running: Sequence[JobRecord],
    ) -> None:
        self.services, self.now = services, now
        self.running = list(running)
        in_order = fair_order(queued, tenants_of(running))
        self.waiting = {job.job_id: job for job in in_order}
        self.names: list[str] = []
        self.full: set[str | None] = set()
        """Instance types for which SageMaker had no capacity."""
        self.without_spot: set[str | None] = set()
        """Instance types of which SageMaker has refused planned spot instances."""
        self.pool_runs = cache(self.recent_runs)

    def run(self) -> None:
        """Start orders until the quota, the time or the capacity of every instance type is used."""
        while orders := self.choose():
            left = len(self.waiting) - sum(len(order.jobs) for order in orders)
            if not all(self.try_start(order, more_wait=left > 0) for order in orders):
                break
        jobs = self.services.training.jobs
        record_queue_places(jobs, list(self.waiting.values()), self.waits_for)

    def choose(self) -> list[LaunchOrder]:
        """Return the next orders, of instance types that may have capacity."""
        possible = [job for job in self.waiting.values() if self.waits_for(job) == "slot"]
        return choose_launches(possible, self.running, rules_of(self.services.settings))

    def waits_for(self, job: JobRecord) -> WaitingFor:
        """Return what a job waits for."""
        chosen = None if job.run is None else job.run.instance_type
        return "capacity" if chosen in self.full else "slot"

    def try_start(self, order: LaunchOrder, *, more_wait: bool) -> bool:
        """Start an order unless its instance type is full; False: there is no time left.

        ``more_wait``: jobs are left in the queue when all orders of this round have started.
        """
        if order.run.instance_type in self.full:
            return True
        if not self.services.has_time():
            return False
        choice = self.choose_capacity(order, more_wait=more_wait)
        outcome = create_training_job(self.services, order, choice, self.now)
        if outcome == "no_capacity":
            self.full.add(order.run.instance_type)
            return True
        if outcome == "no_spot":
            self.without_spot.add(order.run.instance_type)
            tried = {"attempt": order.attempt}
            self.waiting |= {job.job_id: job.model_copy(update=tried) for job in order.jobs}
            return True
        for job in order.jobs:
            self.waiting.pop(job.job_id, None)
        if outcome == "started":
            self.names.append(order.training_job_name)
            named = {"training_job_name": order.training_job_name, "capacity": choice}
            self.running += [job.model_copy(update=named) for job in order.jobs]
        return True

    def recent_runs(self, pool: str) -> list[Run]:
        """Return the last runs that could leave this warm pool."""
        return self.services.training.jobs.recent_runs(pool)

    def choose_capacity(self, order: LaunchOrder, *, more_wait: bool) -> CapacityChoice:
        """Return on what an order's training job runs: prices, queue, gaps and request decide."""
        settings, run = self.services.settings, order.run
        limit = settings.keep_alive_seconds
        runs = self.pool_runs(pool_of(run, order.instances)) if limit else []
        market = Market(
            settings.capacity_mode,
            str(run.instance_type),
            settings.spot_discount,
            self.services.training.prices,
            has_spot=run.instance_type not in self.without_spot,
        )
        pool = expect_pool(runs, limit, more_wait=more_wait)
        choice = choose_capacity(work_of(order), pool, market)
        return choice.model_copy(update={"users_per_step": order.users_per_step})


def work_of(order: LaunchOrder) -> Work:
    """Return the work of an order's training job; its instances share it."""
    seconds = sum(work_seconds(job) for job in order.jobs) / order.instances
    users, wants_spot = len(order.jobs), order.run.use_spot_instances
    return Work(users, seconds, wants_spot, order.instances)


def tenants_of(running: Sequence[JobRecord]) -> Counter[str]:
    """Count the jobs in training by tenant."""
    return Counter(job.tenant for job in running)


def rules_of(settings: TrainingSettings) -> PlanningRules:
    """Return the limits among the settings."""
    return PlanningRules(
        quota=settings.quota,
        max_batch=settings.max_batch,
        max_instances=settings.max_instances,
        users_per_step=partial(step_users, settings),
    )


def step_users(settings: TrainingSettings, job: JobRecord) -> int:
    """Return how many users like this job's may be trained in one step on its machine."""
    run = with_defaults(job.run, settings)
    if processes_of(run, settings) > 1:  # they train one adapter together
        return 1
    return users_per_step(job.step_shape, str(run.instance_type), settings.max_users_per_step)


def untrained(services: TrainingServices, now: datetime) -> list[JobRecord]:
    """Return the queued jobs that need a training; answer those that are trained already.

    A launcher may have crashed after training finished but before the task token was answered.
    So every job that has been attempted is read again from the table before a GPU is spent on it.
    """
    free: list[JobRecord] = []
    for row in services.jobs.queued():
        job = services.jobs.get(row.job_id) if row.attempt > 0 else row
        if job is None or job.queue != "queued" or may_be_training(job, services.trainer, now):
            continue
        trained = find_trained(services.models, job) if job.attempt > 0 else None
        if trained is None:
            free.append(job)
        else:
            settle(services, job, trained, now)
    return free


def may_be_training(job: JobRecord, trainer: Trainer, now: datetime) -> bool:
    """Return whether an earlier attempt runs, or may still begin, although its execution ended.

    The job waits for that attempt's result: its adapter is adopted, or the job is trained again.
    """
    if job.training_job_name is None:
        return False
    state = trainer.describe(job.training_job_name)
    if state is None:
        return now - datetime.fromisoformat(job.updated_at) <= LAUNCH_GRACE
    return not state.ended
