"""domain.ports.cost_records and the progress of a job: the fake and the table behave alike."""

import pytest

from contracts.documents.capacity import StepShape
from contracts.documents.money import Estimate, Receipt
from contracts.documents.status import TrainingProgress
from contracts.errors import JobCanceledError
from domain.ports.cost_records import RECENT_RUNS, CostRecord
from domain.ports.jobs import Jobs
from domain.ports.trainer import Run
from tests.fakes.jobs import MemoryJobs
from tests.integration.test_jobs import NOON, at, dynamo_jobs, found, job_id, queue, train

RECORD = CostRecord("likeness-x-1", "a" * 32)
ESTIMATE = Estimate(steps=100, seconds=400, usd=0.1683)
RECEIPT = Receipt(
    training_jobs=1,
    instance_type="ml.g5.2xlarge",
    billable_seconds=100,
    spot_saving=0.25,
    warm_pool_seconds=5,
    usd=0.0442,
    final=False,
)


@pytest.fixture(params=["memory", "cloud", "moto"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "memory":
        return MemoryJobs()
    return dynamo_jobs(request.getfixturevalue(request.param))


def progress(step: int, name: str = "training-1") -> TrainingProgress:
    return TrainingProgress(
        job_id=job_id(), training_job_name=name, step=step, total_steps=100, eta_seconds=7
    )


def test_money_is_remembered_to_the_cent(jobs: Jobs) -> None:
    queue(jobs)
    jobs.record_estimate(job_id(), ESTIMATE, None)
    assert (found(jobs).estimate, found(jobs).alone) == (ESTIMATE, False)
    jobs.record_estimate(job_id(), ESTIMATE, 900)
    assert (found(jobs).max_runtime_seconds, found(jobs).alone) == (900, True)
    final = RECEIPT.model_copy(update={"final": True})
    for name, receipt in (("one", RECEIPT), ("two", RECEIPT), ("one", final)):
        jobs.record_receipt(job_id(), name, receipt)
    assert found(jobs).receipts == {"one": final, "two": RECEIPT}
    jobs.record_receipt(job_id(9), "one", RECEIPT)
    assert jobs.get(job_id(9)) is None


def test_what_a_step_takes_is_remembered_with_the_estimate(jobs: Jobs) -> None:
    shape = StepShape(
        group="0" * 16, tflop=28.6, base_bytes=2**33, user_bytes=2**30, launch_seconds=0.12
    )
    queue(jobs)
    jobs.record_estimate(job_id(), ESTIMATE, None, shape)
    assert (found(jobs).estimate, found(jobs).step_shape) == (ESTIMATE, shape)


def test_a_cost_record_is_open_until_it_is_closed(jobs: Jobs) -> None:
    for _ in range(2):
        jobs.open_cost_record(RECORD, NOON)
    assert jobs.open_cost_records() == [RECORD]
    assert (jobs.queued(), jobs.in_training()) == ([], [])
    assert [jobs.close_cost_record(RECORD) for _ in range(2)] == [True, False]
    jobs.open_cost_record(RECORD, at(1))
    assert jobs.open_cost_records() == []


def test_the_cost_record_of_a_job_that_never_was_is_forgotten(jobs: Jobs) -> None:
    jobs.open_cost_record(RECORD, NOON)
    for _ in range(2):
        jobs.drop_cost_record(RECORD)
    assert (jobs.open_cost_records(), jobs.recent_runs(), jobs.close_cost_record(RECORD)) == (
        [],
        [],
        False,
    )


def test_runs_are_remembered_beyond_their_cost_records(jobs: Jobs) -> None:
    first, second, spot, lost = (
        CostRecord(f"likeness-{n}-1", "a" * 32, spot=n == 3) for n in (1, 2, 3, 4)
    )
    jobs.record_run(first, Run(NOON, at(1)))
    for minute, cost_record in enumerate((second, first, spot, lost)):
        jobs.open_cost_record(cost_record, at(minute))
    assert jobs.recent_runs() == [Run(at(0), None), Run(at(1), None), Run(at(3), None)]
    jobs.record_run(first, Run(NOON, None))
    jobs.record_run(first, Run(at(2), at(5)))
    jobs.record_run(spot, Run(at(2), at(5)))
    for cost_record in (first, spot, lost):
        jobs.close_cost_record(cost_record)
    assert jobs.recent_runs() == [Run(at(0), None), Run(at(2), at(5))]


def test_runs_are_known_by_the_warm_pool_that_they_could_leave(jobs: Jobs) -> None:
    for minute, pool in enumerate(("small/50", "large/50", "small/50")):
        jobs.open_cost_record(CostRecord(f"likeness-{minute}-1", "a" * 32, pool=pool), at(minute))
    assert jobs.recent_runs("small/50") == [Run(at(0), None), Run(at(2), None)]
    assert [record.pool for record in jobs.open_cost_records()] == [
        "small/50",
        "large/50",
        "small/50",
    ]


def test_only_the_newest_runs_are_reported(jobs: Jobs) -> None:
    for minute in range(RECENT_RUNS + 2):
        cost_record = CostRecord(f"likeness-{minute}-1", "a" * 32)
        jobs.open_cost_record(cost_record, at(minute))
        jobs.record_run(cost_record, Run(at(minute), at(minute + 1)))
        if minute % 2:
            jobs.close_cost_record(cost_record)
    runs = jobs.recent_runs()
    assert runs == [Run(at(m), at(m + 1)) for m in range(2, RECENT_RUNS + 2)]


def test_progress_only_rises_and_only_for_its_own_training(jobs: Jobs) -> None:
    queue(jobs)
    jobs.record_progress(progress(10), at(1))
    assert found(jobs).step is None
    train(jobs)
    for step, name in ((50, "training-1"), (40, "training-1"), (90, "training-0")):
        jobs.record_progress(progress(step, name), at(6))
    record = found(jobs)
    assert (record.step, record.total_steps, record.eta_seconds) == (50, 100, 7)
    jobs.leave_queue(job_id(), "token-1", at(7))
    jobs.advance(job_id(), "PublishAdapter", at(7))
    assert (found(jobs).percent, found(jobs).eta_seconds) == (90, None)
    jobs.advance(job_id(), "TrainAdapter", at(8))
    assert found(jobs).percent == 90
    jobs.finish(job_id(), "succeeded", None, at(9))
    assert found(jobs).percent == 100


def test_only_a_queued_job_has_a_place(jobs: Jobs) -> None:
    queue(jobs)
    jobs.record_queue_place(job_id(), 3, "capacity")
    assert (found(jobs).queue_place, found(jobs).waiting_for) == (3, "capacity")
    train(jobs)
    assert (found(jobs).queue_place, found(jobs).waiting_for) == (None, None)
    jobs.record_queue_place(job_id(), 1, "slot")
    assert found(jobs).queue_place is None


def test_a_canceled_job_neither_advances_nor_queues_nor_trains(jobs: Jobs) -> None:
    queue(jobs)
    assert jobs.request_cancel(job_id(), at(1))
    assert jobs.request_cancel(job_id(), at(1))
    assert not train(jobs)
    with pytest.raises(JobCanceledError):
        jobs.advance(job_id(), "PublishAdapter", at(2))
    with pytest.raises(JobCanceledError):
        jobs.enqueue(job_id(), "token-2", at(2))
    jobs.finish(job_id(), "canceled", "canceled", at(3))
    assert not jobs.request_cancel(job_id(), at(4))
    jobs.reopen(job_id(), "arn:1", "TrainAdapter", at(5))
    jobs.advance(job_id(), "TrainAdapter", at(5))
    assert not found(jobs).cancel_requested


def test_faults_are_counted_until_a_redrive(jobs: Jobs) -> None:
    queue(jobs)
    train(jobs)
    jobs.requeue(job_id(), "training-1", at(6), faults=("capacity_error",))
    assert found(jobs).faults == ("capacity_error",)
    jobs.finish(job_id(), "failed", "training_failed", at(7))
    jobs.reopen(job_id(), "arn:1", "TrainAdapter", at(8))
    assert found(jobs).faults == ()


def test_a_new_execution_begins_at_the_beginning(jobs: Jobs) -> None:
    queue(jobs)
    train(jobs)
    jobs.record_progress(progress(50), at(6))
    jobs.record_receipt(job_id(), "training-1", RECEIPT)
    jobs.finish(job_id(), "failed", "training_failed", at(7))
    jobs.claim(found(jobs).spec(), "arn:2", at(8))
    record = found(jobs)
    assert (record.percent, record.step, record.faults) == (1, None, ())
    assert record.receipts, "what was spent stays spent"
