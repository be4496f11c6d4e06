"""What an adapter did cost: each training job's bill, split by steps among its users.

A bill is opened when a training job is created, and closed when it and its warm pool are gone, so
nothing is forgotten when the events are. Whoever closes it tells the dashboard what it came to.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from contracts.documents.money import Receipt
from contracts.documents.record import JobRecord
from contracts.documents.stages import TrainingJobDetail, TrainingNews
from contracts.documents.training import TrainingPlan, TrainingResult
from contracts.shared import layout
from domain.ports.ledger import Bill
from domain.ports.storage import Storage, find_document, find_readable
from domain.pricing.prices import cost_usd
from domain.training.following import TrainingRoom
from domain.training.sagemaker_job import TrainingState

OVER = {"succeeded", "failed", "canceled"}
Results = dict[str, TrainingResult | None]


class Settled(NamedTuple):
    """What one training job came to, once that is final."""

    adapters_usd: tuple[float, ...]
    """Of each adapter that it finished, with all that was spent on it before."""
    billable_seconds: int
    spot_saving: float | None
    """Share of the time that was not billed; None: on demand."""
    pool_seconds: int
    pool_reused: bool | None
    """Whether another training job took the warm instance; None: there was none."""


def settle_bills(
    room: TrainingRoom, now: datetime, has_time: Callable[[], bool] = lambda: True
) -> list[Settled]:
    """Look at the bills that are open; return what has become final.

    Every minute begins with another one: where there are more than a round has time for, each has
    its turn.
    """
    found: list[Settled] = []
    for bill in in_turn(room.jobs.open_bills(), int(now.timestamp() // 60)):
        if not has_time():
            break
        settled = settle_bill(room, bill, now)
        if settled is not None:
            found.append(settled)
    return found


def in_turn(bills: list[Bill], turn: int) -> list[Bill]:
    """Return the bills in their order, from another one at each turn.

    >>> bills = [Bill(name, "plan") for name in "abc"]
    >>> ["".join(bill.training_job_name for bill in in_turn(bills, n)) for n in (0, 1, 5)]
    ['abc', 'bca', 'cab']
    """
    start = turn % max(1, len(bills))
    return bills[start:] + bills[:start]


def settle_bill(room: TrainingRoom, bill: Bill, now: datetime) -> Settled | None:
    """Write each user's receipt as soon as the training job has ended; close what is final."""
    state = room.trainer.describe(bill.training_job_name)
    plan = find_document(room.models, layout.plan_key(bill.plan_id), TrainingPlan)
    if plan is None or state is None:
        forget_never_created(room, bill, now)
    elif not state.ended:
        stop_unwanted(room, bill, plan)
    else:
        return settle_end(room, bill, plan, state)
    return None


def settle_end(
    room: TrainingRoom, bill: Bill, plan: TrainingPlan, state: TrainingState
) -> Settled | None:
    """Write the receipts of a training job that has ended, and when it had its instance."""
    results = results_of(room.models, plan)
    for job_id, share in shares(results).items():
        room.jobs.note_receipt(job_id, bill.training_job_name, receipt(state, share))
    if state.run is not None:
        room.jobs.note_run(bill, state.run)
    if state.keeps_pool or not room.jobs.close_bill(bill):
        return None
    return settled_of(room, state, results)


def settled_of(room: TrainingRoom, state: TrainingState, results: Results) -> Settled:
    """Return what a training job came to."""
    finished = [
        job_id
        for job_id, result in results.items()
        if result is not None
        and (result.status, result.training_job_name) == ("succeeded", state.name)
    ]
    costs = [cost_of(room.jobs.get(job_id)) for job_id in finished]
    return Settled(
        adapters_usd=tuple(usd for usd in costs if usd is not None),
        billable_seconds=state.billable_seconds,
        spot_saving=saving(state) if state.spot else None,
        pool_seconds=state.pool_seconds,
        pool_reused=None if state.pool is None else state.pool == "Reused",
    )


def cost_of(record: JobRecord | None) -> float | None:
    """Return what was spent on an adapter, or None when its record or a price is not known."""
    spent = total(record.receipts.values()) if record is not None else None
    return None if spent is None else spent.usd


def settle_so_far(room: TrainingRoom, training_job_name: str, job_id: str, now: datetime) -> None:
    """Write one user's receipt now, for the notice: what goes on is billed up to this moment."""
    state, plan_id = room.trainer.describe(training_job_name), plan_of(training_job_name)
    plan = find_document(room.models, layout.plan_key(plan_id), TrainingPlan) if plan_id else None
    if state is None or plan is None or state.started_at is None:
        return
    if not state.ended:
        seconds = round((now - state.started_at).total_seconds())
        state = replace(state, training_seconds=seconds, billable_seconds=seconds, pool="InUse")
    share = shares(results_of(room.models, plan)).get(job_id, 0.0)
    room.jobs.note_receipt(job_id, training_job_name, receipt(state, share))


def settle_ended(room: TrainingRoom, news: TrainingNews, now: datetime) -> Settled | None:
    """Write the receipts of a training job that changed, before its users are told."""
    if isinstance(news.detail, TrainingJobDetail):
        name = news.detail.training_job_name
        plan_id = plan_of(name)
        if plan_id is not None:
            return settle_bill(room, Bill(name, plan_id), now)
    return None


def plan_of(training_job_name: str) -> str | None:
    """Return the plan that a training job of ours does.

    >>> plan_of("likeness-" + "0" * 32 + "-2") == "0" * 32, plan_of("somebody-elses")
    (True, None)
    """
    named = re.fullmatch("likeness-([0-9a-f]{32})-[0-9]+", training_job_name)
    return named[1] if named else None


def forget_never_created(room: TrainingRoom, bill: Bill, now: datetime) -> None:
    """Close the bill of a training job that SageMaker refused, once nobody waits for it."""
    del now
    if all(r.training_job_name != bill.training_job_name for r in room.jobs.in_training()):
        room.jobs.drop_bill(bill)


def stop_unwanted(room: TrainingRoom, bill: Bill, plan: TrainingPlan) -> None:
    """Stop a training job when everybody whom it still trains is past caring."""
    results = results_of(room.models, plan)
    waiting = [job_id for job_id, result in results.items() if result is None]
    records = [room.jobs.get(job_id) for job_id in waiting]
    if waiting and all(record is None or record.status in OVER for record in records):
        room.trainer.stop(bill.training_job_name)


def results_of(models: Storage, plan: TrainingPlan) -> Results:
    """Return each task's result, None where there is none."""
    return {
        task.job_id: find_readable(
            models, layout.result_key(plan.plan_id, task.job_id), TrainingResult
        )
        for task in plan.tasks
    }


def shares(results: Results) -> dict[str, float]:
    """Return each user's share of a training job: by its steps; alike, when nobody took any."""
    steps = {job_id: steps_of(result) for job_id, result in results.items()}
    total = sum(steps.values())
    return {job_id: taken / total if total else 1 / len(steps) for job_id, taken in steps.items()}


def steps_of(result: TrainingResult | None) -> int:
    """Return the steps of a task that has a result; 0 for one that has none."""
    if result is None:
        return 0
    return max(1, result.metrics.steps if result.metrics is not None else 1)


def receipt(state: TrainingState, share: float) -> Receipt:
    """Return a share of what a training job cost.

    >>> spot = TrainingState("n", "Completed", instance_type="ml.g5.2xlarge",
    ...     training_seconds=1000, billable_seconds=300)
    >>> bill = receipt(spot, 0.5)
    >>> bill.billable_seconds, bill.spot_saving, round(bill.usd, 4)
    (150, 0.7, 0.0631)
    """
    billed, pool = round(share * state.billable_seconds), round(share * state.pool_seconds)
    return Receipt(
        training_jobs=1,
        instance_type=state.instance_type,
        billable_seconds=billed,
        spot_saving=saving(state),
        warm_pool_seconds=pool,
        usd=cost_usd(state.instance_type, share * (state.billable_seconds + state.pool_seconds)),
        final=not state.keeps_pool,
    )


def saving(state: TrainingState) -> float:
    """Return the share of the training time that was not billed."""
    took = max(state.training_seconds, state.billable_seconds)
    return round(1 - state.billable_seconds / took, 4) if took else 0.0


def total(receipts: Iterable[Receipt]) -> Receipt | None:
    """Return the sum over the training jobs that worked on one adapter; None: nothing is known."""
    found = list(receipts)
    if not found:
        return None
    seconds = sum(one.billable_seconds for one in found)
    saved = sum(one.spot_saving * one.billable_seconds for one in found)
    prices = [one.usd for one in found if one.usd is not None]
    return Receipt(
        training_jobs=len(found),
        instance_type=found[-1].instance_type,
        billable_seconds=seconds,
        spot_saving=round(saved / seconds, 4) if seconds else 0.0,
        warm_pool_seconds=sum(one.warm_pool_seconds for one in found),
        usd=sum(prices) if len(prices) == len(found) else None,
        final=all(one.final for one in found),
    )
