"""Start training jobs for the queue, one order at a time, and never one job twice.

A launcher claims a job with a conditional write before it creates the training job, so only one of
two launchers gets the job. A launcher that dies in between leaves a claim without a training job;
reconcile puts that job back into the queue.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache, partial
from itertools import islice
from typing import Any, Literal

from contracts.base import BaseCard
from contracts.documents.capacity import CapacityChoice
from contracts.documents.record import JobRecord, WaitingFor
from contracts.documents.training import (
    TrainingPlan,
    TrainingTask,
)
from contracts.errors import TrainingFailedError
from contracts.shared import layout
from contracts.shared.weights.pipeline_files import REFINER_FOLDER
from domain.ports.cost_records import CostRecord
from domain.ports.jobs import Attempt, Jobs
from domain.ports.storage import read_document
from domain.ports.trainer import NoCapacity, Refused, Run, Trainer
from domain.pricing.step_sharing import users_per_step
from domain.training.capacity import (
    Market,
    Work,
    choose_capacity,
    is_own_choice_of_spot,
)
from domain.training.class_images import find_class_images
from domain.training.following import (
    LAUNCH_GRACE,
    find_trained,
    settle,
)
from domain.training.inputs import find_states, write_inputs
from domain.training.keep_alive import expect_pool
from domain.training.planning import (
    LaunchOrder,
    PlanningRules,
    choose_launches,
    fair_order,
    work_seconds,
)
from domain.training.progress import record_queue_places
from domain.training.sagemaker_job import (
    EXPORT_SECONDS,
    MIN_RUNTIME,
    Inputs,
    Placement,
    TrainingSettings,
    max_runtime,
    pool_of,
    processes_of,
    training_job_request,
    with_defaults,
)
from domain.training.services import LaunchServices, TrainingServices
from domain.training.tasks import marked, task_or_failure

MAX_BASE_FILES = 10_000
"""More than a base's folder has; without this limit a wrong folder could fill the manifest."""


Start = Literal[
    "started",
    "nothing_left",
    "no_capacity",
    "no_spot",
    "quota_zero",
    "training_refused",
    "training_denied",
]

NEVER: set[Start] = {"quota_zero", "training_refused", "training_denied"}
"""Refusals that end a job, each with the code of this name: waiting would not help."""


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
    """One call of the launcher: what it started, and what each job that still waits waits for."""

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
        outcome = start(self.services, order, choice, self.now)
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
        if job is None or job.queue != "queued" or may_be_trained(job, services.trainer, now):
            continue
        trained = find_trained(services.models, job) if job.attempt > 0 else None
        if trained is None:
            free.append(job)
        else:
            settle(services, job, trained, now)
    return free


def may_be_trained(job: JobRecord, trainer: Trainer, now: datetime) -> bool:
    """Whether an earlier attempt still runs, or may still begin, although its execution ended.

    The job waits for that attempt's result: its adapter is adopted, or the job is trained again.
    """
    if job.training_job_name is None:
        return False
    state = trainer.describe(job.training_job_name)
    if state is None:
        return now - datetime.fromisoformat(job.updated_at) <= LAUNCH_GRACE
    return not state.ended


def start(
    services: LaunchServices, order: LaunchOrder, choice: CapacityChoice, now: datetime
) -> Start:
    """Claim an order's jobs and start their training job on what was chosen."""
    training, base_id = services.training, order.jobs[0].base_id
    # Before anything is claimed: without a card nothing starts, and the jobs stay in the queue.
    card = read_document(services.bases, layout.base_prefix(base_id) + layout.BASE_FILE, BaseCard)
    tasks = claimed_tasks(services, order, choice, now)
    if not tasks:
        return "nothing_left"
    request = prepare(services, order, choice, card, tasks)
    cost_record = cost_record_of(order, choice, request)
    training.jobs.open_cost_record(cost_record, now)
    outcome = training.trainer.create(request)
    if not isinstance(outcome, NoCapacity | Refused):
        return "started"
    training.jobs.drop_cost_record(cost_record)
    refused = refusal_of(outcome, choice)
    sentence = outcome.sentence if isinstance(outcome, NoCapacity) else ""
    for task in tasks:
        training.jobs.wait_for_capacity(task.job_id, order.training_job_name, now, sentence)
        if refused in NEVER:
            give_up(training, task.job_id, error_of(refused, sentence), now)
    return refused


def claimed_tasks(
    services: LaunchServices, order: LaunchOrder, choice: CapacityChoice, now: datetime
) -> list[TrainingTask]:
    """Claim an order's jobs, and return the tasks of those that can be trained."""
    training = services.training
    tasks = [
        task
        for record in claim(training.jobs, order, choice, now)
        if (task := task_or_failure(training, record, now)) is not None
    ]
    if services.marks is None or order.jobs[0].is_captioning:  # it draws nothing
        return tasks
    return [marked(task, services.marks) for task in tasks]


def prepare(
    services: LaunchServices,
    order: LaunchOrder,
    choice: CapacityChoice,
    card: BaseCard,
    tasks: Sequence[TrainingTask],
) -> dict[str, Any]:
    """Write what the training job reads; return the arguments of CreateTrainingJob."""
    training = services.training
    captions_only = order.jobs[0].is_captioning
    plan = TrainingPlan(
        plan_id=order.plan_id,
        base_sha256=card.sha256,
        tasks=tuple(tasks),
        shares=shares_of(order, tasks),
        deadline_seconds=runtime_of(order, services.settings) - EXPORT_SECONDS,
        captions_only=captions_only,
        safety=None if captions_only else services.settings.safety.of_plan(),
    )
    trained = () if captions_only else plan.tasks
    class_images = find_class_images(training.models, trained, card)
    states = find_states(training, trained)
    write_inputs(services, plan, class_images, states)
    base_manifest = card.refiner is not None and not captions_only
    if base_manifest:
        write_base_manifest(services, plan.plan_id, order.jobs[0].base_id)
    captions = any(task.request.autocaption and task.captions is None for task in plan.tasks)
    inputs = Inputs(
        order.jobs[0].base_id,
        class_images=bool(class_images),
        captioner=captions,
        base_manifest=base_manifest,
        states=bool(states),
    )
    return training_job_request(
        order.training_job_name, plan, inputs, Placement(choice, order.run), services.settings
    )


def cost_record_of(
    order: LaunchOrder, choice: CapacityChoice, request: dict[str, Any]
) -> CostRecord:
    """Return the record by which a training job's cost is found, and its instances' warm pool."""
    pool = pool_of(order.run, request["ResourceConfig"]["InstanceCount"])
    spot = choice.capacity == "spot"
    return CostRecord(order.training_job_name, order.plan_id, spot=spot, pool=pool)


def refusal_of(refusal: NoCapacity | Refused, choice: CapacityChoice) -> Start:
    """Return what a refusal means: wait, do without spot instances, or never."""
    if isinstance(refusal, Refused):
        return "training_denied" if refusal.denied else "training_refused"
    if is_own_choice_of_spot(choice):
        return "no_spot"
    return "quota_zero" if refusal.is_final else "no_capacity"


def error_of(refused: Start, sentence: str) -> TrainingFailedError:
    """Return the failure of a job that can never start; AWS's sentence where owners may read it."""
    if not sentence:
        return TrainingFailedError(code=refused)
    return TrainingFailedError(code=refused, sentence=sentence)


def give_up(
    services: TrainingServices, job_id: str, error: TrainingFailedError, now: datetime
) -> None:
    """End a job that SageMaker will never start: ``NEVER`` has the reasons.

    A redrive continues the job once an operator has mended the reason.
    """
    record = services.jobs.get(job_id)
    if record is not None:
        settle(services, record, error, now)


def runtime_of(order: LaunchOrder, settings: TrainingSettings) -> int:
    """Return the training job's runtime in seconds, or less if less is paid.

    It is what the request asks for, or else what the stack gives. Captioning has a time of its own.
    """
    paid = [seconds for job in order.jobs if (seconds := paid_seconds(job)) is not None]
    users = max(order.shares, default=len(order.jobs))
    limit = order.run.max_run or max_runtime(users, settings)
    if order.jobs[0].is_captioning:
        limit = min(limit, settings.max_captioning_seconds)
    return max(MIN_RUNTIME, min([limit, *paid]))


def paid_seconds(job: JobRecord) -> int | None:
    """Return the seconds that ``max_cost_usd`` pays for of the job's next training job.

    With captioning before the training, each of the two gets its share of the estimate.
    """
    paid, estimate = job.max_runtime_seconds, job.estimate
    if paid is None or estimate is None or not estimate.captioning_seconds:
        return paid
    share = estimate.captioning_seconds / estimate.seconds
    return int(paid * (share if job.is_captioning else 1 - share))


def shares_of(order: LaunchOrder, tasks: Sequence[TrainingTask]) -> tuple[int, ...]:
    """Return how many of the order's tasks each instance has, without those that others took."""
    if not order.shares:
        return ()
    left, jobs = {task.job_id for task in tasks}, iter(order.jobs)
    counts = [sum(job.job_id in left for job in islice(jobs, share)) for share in order.shares]
    return tuple(count for count in counts if count)


def claim(jobs: Jobs, order: LaunchOrder, choice: CapacityChoice, now: datetime) -> list[JobRecord]:
    """Return the order's jobs that this launcher claimed; none if another one has the leader."""
    attempt = Attempt(order.plan_id, order.training_job_name, order.attempt, choice)
    claimed: list[JobRecord] = []
    for job in order.jobs:
        ours = jobs.start_training(job.job_id, attempt, now)
        record = jobs.get(job.job_id) if ours else None
        if record is not None:
            claimed.append(record)
        elif not claimed:
            break
    return claimed


def write_base_manifest(services: LaunchServices, plan_id: str, base_id: str) -> None:
    """Write which files of the base a training needs: all but the refiner's 4.5 GB."""
    prefix = layout.base_prefix(base_id)
    stored = [one.key for one in services.bases.list(prefix, MAX_BASE_FILES)]
    files = [key.removeprefix(prefix) for key in stored if not key.endswith("/")]
    needed = [file for file in files if not file.startswith(f"{REFINER_FOLDER}/")]
    body = json.dumps([{"prefix": services.bases.uri(prefix)}, *needed]).encode()
    models = services.training.models
    models.write(layout.base_manifest_key(plan_id), body, "application/json")
