"""What an adapter cost: each training job's cost, split by work among its users.

A cost record is opened when a training job is created. It is closed when the training job and its
warm pool are gone, so a lost event loses no cost. Whoever closes it reports the final figures to
the dashboard.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from contracts.documents.money import Receipt
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingEvent, TrainingJobDetail
from contracts.documents.training import TrainingPlan, TrainingResult
from contracts.shared import layout
from contracts.shared.names import parse_training_job_name
from domain.ports.cost_records import CostRecord
from domain.ports.storage import Storage, find_document, find_readable
from domain.ports.trainer import TrainingState
from domain.pricing.prices import PUBLISHED, PriceTable, sum_usd
from domain.training.services import TrainingServices

OVER = {"succeeded", "failed", "canceled"}
Results = dict[str, TrainingResult | None]


class Settled(NamedTuple):
    """The final cost figures of one training job."""

    adapters_usd: tuple[float, ...]
    """USD for each adapter that the job finished, its earlier attempts included."""
    billable_seconds: int
    """Billed seconds of all instances together, like the pool's seconds."""
    spot_saving: float | None
    """Share of the training time that was not billed; None for on-demand instances."""
    pool_seconds: int
    pool_reused: bool | None
    """Whether another training job took the warm instance; None: the job kept no pool."""
    without_price: int = 0
    """Number of finished adapters whose cost is unknown, because an instance type has no price."""


def settle_cost_records(
    services: TrainingServices, now: datetime, has_time: Callable[[], bool] = lambda: True
) -> list[Settled]:
    """Look at the open cost records; return the figures that have become final.

    Every minute starts with another record. When one round has no time for all of them, the next
    rounds reach the rest.
    """
    found: list[Settled] = []
    for cost_record in rotated(services.jobs.open_cost_records(), int(now.timestamp() // 60)):
        if not has_time():
            break
        settled = settle_cost_record(services, cost_record, now)
        if settled is not None:
            found.append(settled)
    return found


def rotated(records: list[CostRecord], number: int) -> list[CostRecord]:
    """Return the records in their order, starting with another one for each number.

    >>> records = [CostRecord(name, "plan") for name in "abc"]
    >>> ["".join(each.training_job_name for each in rotated(records, n)) for n in (0, 1, 5)]
    ['abc', 'bca', 'cab']
    """
    start = number % max(1, len(records))
    return records[start:] + records[:start]


def settle_cost_record(
    services: TrainingServices, cost_record: CostRecord, now: datetime
) -> Settled | None:
    """Store each user's receipt once the training job has ended; close a record that is final."""
    state = services.trainer.describe(cost_record.training_job_name)
    plan = find_document(services.models, layout.models.plan_key(cost_record.plan_id), TrainingPlan)
    if plan is None or state is None:
        forget_never_created(services, cost_record, now)
    elif not state.ended:
        stop_unwanted(services, cost_record, plan)
    else:
        return settle_end(services, cost_record, plan, state)
    return None


def settle_end(
    services: TrainingServices, cost_record: CostRecord, plan: TrainingPlan, state: TrainingState
) -> Settled | None:
    """Store the receipts and the run of a training job that has ended."""
    results = results_of(services.models, plan)
    for job_id, share in shares(results).items():
        found = receipt(state, share, services.prices)
        services.jobs.record_receipt(job_id, cost_record.training_job_name, found)
    if state.run is not None:
        services.jobs.record_run(cost_record, state.run)
    if state.keeps_pool or not services.jobs.close_cost_record(cost_record):
        return None
    return settled_of(services, state, results)


def settled_of(services: TrainingServices, state: TrainingState, results: Results) -> Settled:
    """Return the final figures of a training job."""
    finished = [
        job_id
        for job_id, result in results.items()
        if result is not None
        and (result.status, result.training_job_name) == ("succeeded", state.name)
    ]
    costs = [cost_of(services.jobs.get(job_id)) for job_id in finished]
    return Settled(
        adapters_usd=tuple(usd for usd in costs if usd is not None),
        billable_seconds=state.billed_seconds,
        spot_saving=saving(state) if state.spot else None,
        pool_seconds=state.billed_pool_seconds,
        pool_reused=None if state.pool is None else state.pool == "Reused",
        without_price=costs.count(None),
    )


def cost_of(record: JobRecord | None) -> float | None:
    """Return the USD spent on an adapter; None when its record or a price is unknown."""
    spent = total(record.receipts.values()) if record is not None else None
    return None if spent is None else spent.usd


def settle_so_far(
    services: TrainingServices, training_job_name: str, job_id: str, now: datetime
) -> None:
    """Store one user's receipt for the notice; a running job is billed up to this moment."""
    state = services.trainer.describe(training_job_name)
    named = parse_training_job_name(training_job_name)
    if state is None or named is None or state.started_at is None:
        return
    plan = find_document(services.models, layout.models.plan_key(named.plan_id), TrainingPlan)
    if plan is None:
        return
    if not state.ended:
        seconds = round((now - state.started_at).total_seconds())
        state = replace(state, training_seconds=seconds, billable_seconds=seconds, pool="InUse")
    share = shares(results_of(services.models, plan)).get(job_id, 0.0)
    found = receipt(state, share, services.prices)
    services.jobs.record_receipt(job_id, training_job_name, found)


def settle_ended(services: TrainingServices, event: TrainingEvent, now: datetime) -> Settled | None:
    """Store the receipts of a training job that changed, before its users get their notices."""
    if isinstance(event.detail, TrainingJobDetail):
        name = event.detail.training_job_name
        named = parse_training_job_name(name)
        if named is not None:
            return settle_cost_record(services, CostRecord(name, named.plan_id), now)
    return None


def forget_never_created(
    services: TrainingServices, cost_record: CostRecord, now: datetime
) -> None:
    """Drop the cost record of a training job that SageMaker refused, once no job waits for it."""
    del now
    if all(
        r.training_job_name != cost_record.training_job_name for r in services.jobs.in_training()
    ):
        services.jobs.drop_cost_record(cost_record)


def stop_unwanted(services: TrainingServices, cost_record: CostRecord, plan: TrainingPlan) -> None:
    """Stop a training job when every job that it still trains has ended."""
    results = results_of(services.models, plan)
    waiting = [job_id for job_id, result in results.items() if result is None]
    records = [services.jobs.get(job_id) for job_id in waiting]
    if waiting and all(record is None or record.status in OVER for record in records):
        services.trainer.stop(cost_record.training_job_name)


def results_of(models: Storage, plan: TrainingPlan) -> Results:
    """Return the result of each task; None for a task without one."""
    return {
        task.job_id: find_readable(
            models, layout.models.result_key(plan.plan_id, task.job_id), TrainingResult
        )
        for task in plan.tasks
    }


def shares(results: Results) -> dict[str, float]:
    """Return each user's share of a training job, by work; equal shares when there was no work.

    Work is counted in images. A step may have 64 batches, so a share by steps would make other
    users pay. Steps count only if a result comes from a trainer that did not count images.
    """
    metrics = [one.metrics for one in results.values() if one is not None and one.metrics]
    in_images = all(one.images is not None for one in metrics)
    work = {job_id: work_of(result, in_images=in_images) for job_id, result in results.items()}
    total = sum(work.values())
    return {job_id: done / total if total else 1 / len(work) for job_id, done in work.items()}


def work_of(result: TrainingResult | None, *, in_images: bool) -> int:
    """Return the work of a task, at least 1; 0 for a task without a result."""
    if result is None:
        return 0
    if result.metrics is None:
        return 1
    return max(1, (result.metrics.images or 0) if in_images else result.metrics.steps)


def receipt(state: TrainingState, share: float, prices: PriceTable = PUBLISHED) -> Receipt:
    """Return a share of what a training job cost.

    >>> spot = TrainingState("n", "Completed", instance_type="ml.g5.2xlarge",
    ...     training_seconds=1000, billable_seconds=300)
    >>> half = receipt(spot, 0.5)
    >>> half.billable_seconds, half.spot_saving, round(half.usd, 4)
    (150, 0.7, 0.0631)
    >>> receipt(replace(spot, instances=4), 0.5).billable_seconds
    600
    """
    billed, pool = share * state.billed_seconds, share * state.billed_pool_seconds
    return Receipt(
        training_jobs=1,
        instance_type=state.instance_type,
        billable_seconds=round(billed),
        spot_saving=saving(state),
        warm_pool_seconds=round(pool),
        usd=prices.cost_usd(state.instance_type, billed + pool),
        final=not state.keeps_pool,
    )


def saving(state: TrainingState) -> float:
    """Return the share of the training time that was not billed."""
    took = max(state.training_seconds, state.billable_seconds)
    return round(1 - state.billable_seconds / took, 4) if took else 0.0


def total(receipts: Iterable[Receipt]) -> Receipt | None:
    """Return the sum over an adapter's training jobs; None when there is no receipt."""
    found = list(receipts)
    if not found:
        return None
    seconds = sum(one.billable_seconds for one in found)
    saved = sum(one.spot_saving * one.billable_seconds for one in found)
    return Receipt(
        training_jobs=len(found),
        instance_type=found[-1].instance_type,
        billable_seconds=seconds,
        spot_saving=round(saved / seconds, 4) if seconds else 0.0,
        warm_pool_seconds=sum(one.warm_pool_seconds for one in found),
        usd=sum_usd(one.usd for one in found),
        final=all(one.final for one in found),
    )
