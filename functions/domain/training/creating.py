"""Create the training job of one order: claim its jobs, write its inputs, read a refusal.

A launcher claims a job with a conditional write before it creates the training job, so only one of
two launchers gets the job. A launcher that dies in between leaves a claim without a training job;
reconcile puts that job back into the queue.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from contracts.base import BaseCard
from contracts.documents.capacity import CapacityChoice
from contracts.documents.record import JobRecord
from contracts.documents.training import TrainingPlan, TrainingTask
from contracts.errors import TrainingFailedError
from contracts.shared import layout
from domain.ports.cost_records import CostRecord
from domain.ports.jobs import Attempt, Jobs
from domain.ports.storage import read_document
from domain.ports.trainer import NoCapacity, Refused
from domain.training.answering import settle
from domain.training.capacity import is_own_choice_of_spot
from domain.training.class_images import find_class_images
from domain.training.inputs import find_states, write_base_manifest, write_inputs
from domain.training.planning import LaunchOrder
from domain.training.sagemaker_job import (
    EXPORT_SECONDS,
    MIN_RUNTIME,
    Inputs,
    Placement,
    TrainingSettings,
    max_runtime,
    pool_of,
    training_job_request,
)
from domain.training.services import LaunchServices, TrainingServices
from domain.training.tasks import marked, task_or_failure

Outcome = Literal[
    "started",
    "nothing_left",
    "no_capacity",
    "no_spot",
    "quota_zero",
    "training_refused",
    "training_denied",
]
"""What became of an order; ``nothing_left``: no job of it could be claimed and trained."""

NEVER: set[Outcome] = {"quota_zero", "training_refused", "training_denied"}
"""Refusals that end a job, each with the code of this name: waiting would not help."""


def create_training_job(
    services: LaunchServices, order: LaunchOrder, choice: CapacityChoice, now: datetime
) -> Outcome:
    """Claim an order's jobs and create their training job on the chosen kind of instances."""
    training, base_id = services.training, order.jobs[0].base_id
    # Before anything is claimed: without a card nothing starts, and the jobs stay in the queue.
    card = read_document(services.bases, layout.bases.card_key(base_id), BaseCard)
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


def refusal_of(refusal: NoCapacity | Refused, choice: CapacityChoice) -> Outcome:
    """Return what a refusal means: wait, do without spot instances, or never."""
    if isinstance(refusal, Refused):
        return "training_denied" if refusal.denied else "training_refused"
    if is_own_choice_of_spot(choice):
        return "no_spot"
    return "quota_zero" if refusal.is_final else "no_capacity"


def error_of(refused: Outcome, sentence: str) -> TrainingFailedError:
    """Return the failure of a job that can never start; AWS's sentence where owners may read it."""
    if not sentence:
        return TrainingFailedError(code=refused)
    return TrainingFailedError(code=refused, sentence=sentence)


def give_up(
    services: TrainingServices, job_id: str, error: TrainingFailedError, now: datetime
) -> None:
    """End a job that SageMaker will never start: ``NEVER`` has the reasons.

    A redrive continues the job once an operator has removed the reason.
    """
    record = services.jobs.get(job_id)
    if record is not None:
        settle(services, record, error, now)


def runtime_of(order: LaunchOrder, settings: TrainingSettings) -> int:
    """Return the longest runtime of the training job in seconds.

    The request chooses it, or else the stack. It is shorter where ``max_cost_usd`` pays for less,
    and captioning has a limit of its own.
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
