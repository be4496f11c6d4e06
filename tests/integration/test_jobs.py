"""domain.ports.jobs.Jobs: the fake and the table of template.yaml behave alike."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from ministack.services.lambda_svc import _match_esm_filter

from aws.jobs.table import DynamoJobs
from contracts.documents.capacity import CapacityChoice
from contracts.documents.job import JobSpec
from contracts.documents.record import JobRecord
from contracts.documents.status import StatusChange
from contracts.documents.sweep import SweepTrial
from contracts.documents.upload.run import RunOptions
from domain.ports.jobs import Attempt, Jobs, UnknownJobError
from likeness_client.jobs import Jobs as ClientJobs
from likeness_client.jobs import RefusedUpload
from local.cloud.server import Cloud
from tests.contract.files import functions
from tests.fakes.jobs import MemoryJobs
from tests.integration.tables import table

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "cloud", "moto"])
def jobs(request: pytest.FixtureRequest) -> Jobs:
    if request.param == "memory":
        return MemoryJobs()
    return dynamo_jobs(request.getfixturevalue(request.param))


@pytest.fixture(params=["memory", "cloud"])
def atomic(request: pytest.FixtureRequest) -> Jobs:
    """moto compares and writes in two steps, between which another thread may write."""
    if request.param == "memory":
        return MemoryJobs()
    return dynamo_jobs(request.getfixturevalue(request.param))


def dynamo_jobs(cloud: Cloud) -> DynamoJobs:
    return DynamoJobs(table(cloud, "JobsTable"))


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def spec(number: int = 1) -> JobSpec:
    return JobSpec(job_id=f"{number:032x}", tenant="acme", upload="u1", base_id="base")


def job_id(number: int = 1) -> str:
    return spec(number).job_id


def found(jobs: Jobs, number: int = 1) -> JobRecord:
    record = jobs.get(job_id(number))
    assert record is not None
    return record


def queue(jobs: Jobs, number: int = 1, minute: int = 0) -> None:
    jobs.claim(spec(number), f"arn:{number}", at(minute))
    jobs.enqueue(job_id(number), f"token-{number}", at(minute))


def train(jobs: Jobs, number: int = 1) -> bool:
    first = Attempt(job_id(number), f"training-{number}", 1)
    return jobs.start_training(job_id(number), first, at(5))


def attempt(number: int) -> Attempt:
    return Attempt(job_id(), f"training-{number}", number)


def test_an_unknown_job_is_none(jobs: Jobs) -> None:
    assert jobs.get(job_id()) is None
    assert jobs.by_execution("arn:nobody") is None


def test_a_job_keeps_the_machine_that_its_request_asks_for(jobs: Jobs) -> None:
    asked = spec().model_copy(
        update={"run": RunOptions(instance_type="ml.g5.2xlarge", max_run=600)}
    )
    jobs.claim(asked, "arn:1", NOON)
    assert found(jobs).spec() == asked
    jobs.finish(job_id(), "failed", "training_failed", at(1))
    jobs.claim(asked, "arn:2", at(2))
    assert found(jobs).run == asked.run


def test_a_job_keeps_that_it_is_an_import(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON, "import")
    jobs.claim(spec(2), "arn:2", NOON)
    jobs.finish(job_id(), "failed", "import_unreadable", at(1))
    assert (found(jobs).kind, found(jobs, 2).kind) == ("import", "training")


def test_the_first_execution_gets_the_job_and_keeps_it(jobs: Jobs) -> None:
    assert jobs.claim(spec(), "arn:1", NOON) == "accepted"
    assert jobs.claim(spec(), "arn:1", at(1)) == "accepted"
    assert jobs.claim(spec(), "arn:2", at(2)) == "repeat"
    assert found(jobs) == JobRecord(
        **spec().model_dump(),
        execution_arn="arn:1",
        status="starting",
        stage="AcceptRequest",
        percent=1,
        created_at=NOON.isoformat(),
        updated_at=NOON.isoformat(),
    )


def test_many_deliveries_of_one_upload_are_one_job(atomic: Jobs) -> None:
    with ThreadPoolExecutor(max_workers=10) as pool:
        answers = pool.map(lambda n: atomic.claim(spec(), f"arn:{n}", NOON), range(100))
    assert sorted(answers).count("accepted") == 1


@pytest.mark.parametrize(
    ("status", "again"),
    [("failed", "accepted"), ("canceled", "accepted"), ("succeeded", "repeat")],
)
def test_only_what_failed_may_be_claimed_anew(jobs: Jobs, status: str, again: str) -> None:
    queue(jobs)
    train(jobs)
    jobs.finish(job_id(), status, "training_failed", at(6))  # type: ignore[arg-type]
    jobs.record_notice("notice-1", job_id(), at(6))
    assert jobs.claim(spec(), "arn:2", at(7)) == again
    record = found(jobs)
    if again == "accepted":
        assert (record.execution_arn, record.status) == ("arn:2", "starting")
        assert (record.code, record.notice_id, record.attempt) == (None, None, 1)
        assert record.training_job_name == "training-1"
        assert record.created_at == NOON.isoformat()


def test_an_ended_job_does_not_advance(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    jobs.advance(job_id(), "InspectPhotos", at(1))
    assert (found(jobs).status, found(jobs).stage) == ("processing", "InspectPhotos")
    jobs.finish(job_id(), "canceled", "canceled", at(2))
    jobs.advance(job_id(), "TrainAdapter", at(3))
    jobs.advance(job_id(2), "TrainAdapter", at(3))
    assert (found(jobs).status, found(jobs).stage) == ("canceled", "InspectPhotos")
    assert jobs.get(job_id(2)) is None


def test_the_queue_is_in_order_of_arrival(jobs: Jobs) -> None:
    for number, minute in ((1, 3), (2, 1), (3, 2)):
        queue(jobs, number, minute)
    assert [record.job_id for record in jobs.queued()] == [job_id(n) for n in (2, 3, 1)]
    assert jobs.in_training() == []


def test_a_queued_job_that_queues_again_keeps_its_place(jobs: Jobs) -> None:
    queue(jobs, 1, 0)
    queue(jobs, 2, 1)
    jobs.enqueue(job_id(1), "token-new", at(2))
    assert [record.job_id for record in jobs.queued()] == [job_id(1), job_id(2)]
    assert found(jobs).task_token == "token-new"


def test_a_job_in_training_takes_the_new_token_and_stays(jobs: Jobs) -> None:
    queue(jobs)
    train(jobs)
    jobs.enqueue(job_id(), "token-new", at(6))
    assert jobs.queued() == []
    assert [record.task_token for record in jobs.in_training()] == ["token-new"]


def test_a_job_waits_for_captions_first_and_then_for_its_training(jobs: Jobs) -> None:
    queue(jobs)
    jobs.advance(job_id(), "CaptionPhotos", at(1))
    jobs.enqueue(job_id(), "captions", at(2), "CaptionPhotos")
    assert (found(jobs).is_captioning, found(jobs).captioned) == (True, False)
    jobs.record_captions(job_id(), at(3))
    jobs.enqueue(job_id(), "training", at(4))
    assert (found(jobs).is_captioning, found(jobs).captioned) == (False, True)
    jobs.finish(job_id(), "failed", "training_failed", at(5))
    jobs.claim(spec(), "arn:execution:new", at(6))
    assert not found(jobs).captioned, "another execution inspects the photos anew"
    jobs.finish(job_id(), "failed", "training_failed", at(7))
    jobs.record_captions(job_id(), at(8))
    assert not found(jobs).captioned, "it has ended"


def test_a_job_that_is_unknown_or_ended_cannot_queue(jobs: Jobs) -> None:
    with pytest.raises(UnknownJobError):
        jobs.enqueue(job_id(), "token", NOON)
    queue(jobs)
    jobs.finish(job_id(), "failed", "training_failed", at(1))
    with pytest.raises(UnknownJobError):
        jobs.enqueue(job_id(), "token", at(2))


def test_of_two_launchers_one_gets_the_job(jobs: Jobs) -> None:
    queue(jobs)
    assert train(jobs)
    assert not train(jobs)
    record = found(jobs)
    assert (record.queue, record.attempt, record.plan_id) == ("training", 1, job_id())


def test_what_a_training_job_runs_on_is_remembered_to_the_cent(jobs: Jobs) -> None:
    choice = CapacityChoice(
        capacity="spot",
        reason="cheapest",
        users=20,
        users_per_step=4,
        instances=2,
        work_seconds=3600,
        warm_hit_rate=0.25,
        spot_usd=0.7561,
        warm_usd=1.6223,
    )
    queue(jobs)
    jobs.start_training(job_id(), attempt(1)._replace(capacity=choice), at(5))
    assert found(jobs).capacity == choice
    jobs.requeue(job_id(), "training-1", at(6))
    jobs.start_training(job_id(), attempt(2), at(7))
    assert found(jobs).capacity == choice, "nobody said otherwise"


def test_a_launcher_with_an_old_plan_gets_no_job_that_has_been_trained_since(jobs: Jobs) -> None:
    queue(jobs)
    train(jobs)
    assert not jobs.start_training(job_id(), attempt(2), at(6)), "it is in training"
    jobs.requeue(job_id(), "training-1", at(7))
    assert not train(jobs), "the name of its first attempt is taken for ever"
    assert jobs.start_training(job_id(), attempt(2), at(8))
    jobs.leave_queue(job_id(), "token-1", at(9))
    assert not jobs.start_training(job_id(), attempt(3), at(10)), "nobody waits"
    assert found(jobs).attempt == 2


def test_only_the_training_job_that_lost_it_gives_a_job_back(jobs: Jobs) -> None:
    queue(jobs)
    assert not jobs.requeue(job_id(), "training-1", at(4))
    train(jobs)
    assert not jobs.requeue(job_id(), "training-0", at(6))
    assert jobs.requeue(job_id(), "training-1", at(6))
    assert not jobs.requeue(job_id(), "training-1", at(7))
    assert [record.queued_at for record in jobs.queued()] == [NOON.isoformat()]


def test_only_what_waits_for_a_slot_calls_the_launcher(jobs: Jobs) -> None:
    queue(jobs)
    assert calls_the_launcher(found(jobs))
    train(jobs)
    assert not calls_the_launcher(found(jobs))
    assert not jobs.wait_for_capacity(job_id(), "training-0", at(6))
    assert jobs.wait_for_capacity(job_id(), "training-1", at(6), "AWS's own sentence")
    assert found(jobs).refusal == "AWS's own sentence"
    assert not calls_the_launcher(found(jobs)), "or a refusal would follow a refusal"
    jobs.start_training(job_id(), attempt(2), at(7))
    assert found(jobs).refusal is None
    jobs.requeue(job_id(), "training-2", at(8))
    assert calls_the_launcher(found(jobs))


def calls_the_launcher(record: JobRecord) -> bool:
    """Ask the template's own filter of the table's stream, as the embedded AWS reads it."""
    (event_filter,) = functions()["launch_training"]["Events"]["Queued"]["Properties"][
        "FilterCriteria"
    ]["Filters"]
    row = {
        name: {"S": value}
        for name, value in record.model_dump(mode="json", exclude_none=True).items()
        if isinstance(value, str)
    }
    event = {"dynamodb": {"NewImage": row}}
    return bool(_match_esm_filter(event, json.loads(event_filter["Pattern"])))


def test_what_is_being_delivered_or_has_ended_cannot_be_canceled(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    jobs.advance(job_id(), "WarmModel", at(1))
    assert jobs.request_cancel(job_id(), at(2))
    jobs.claim(spec(2), "arn:2", NOON)
    jobs.advance(job_id(2), "NotifyOwner", at(1))
    assert not jobs.request_cancel(job_id(2), at(2))
    assert not found(jobs, 2).cancel_requested
    jobs.finish(job_id(), "canceled", "canceled", at(3))
    assert not jobs.request_cancel(job_id(), at(4))
    assert not jobs.request_cancel(job_id(9), at(4))


def test_an_answered_token_leaves_the_queue_once(jobs: Jobs) -> None:
    queue(jobs)
    train(jobs)
    assert not jobs.leave_queue(job_id(), "token-other", at(6))
    assert jobs.leave_queue(job_id(), "token-1", at(6))
    assert not jobs.leave_queue(job_id(), "token-1", at(7))
    record = found(jobs)
    assert (record.queue, record.task_token, record.status) == (None, None, "processing")
    assert jobs.in_training() == []


def test_an_ending_clears_the_queue_and_success_stays(jobs: Jobs) -> None:
    queue(jobs)
    jobs.finish(job_id(), "succeeded", None, at(1))
    jobs.finish(job_id(), "failed", "internal_error", at(2))
    record = found(jobs)
    assert (record.status, record.code, record.queue) == ("succeeded", None, None)
    assert jobs.queued() == []


def test_a_redrive_reopens_its_own_job_only(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    jobs.finish(job_id(), "failed", "internal_error", at(1))
    jobs.record_notice("notice-1", job_id(), at(1))
    assert not jobs.reopen(job_id(), "arn:2", "InspectPhotos", at(2))
    assert not jobs.reopen(job_id(2), "arn:2", "InspectPhotos", at(2))
    assert jobs.reopen(job_id(), "arn:1", "InspectPhotos", at(2))
    record = found(jobs)
    assert (record.status, record.stage) == ("processing", "InspectPhotos")
    assert (record.code, record.notice_id) == (None, None)


def test_success_is_not_reopened(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    jobs.finish(job_id(), "succeeded", None, at(1))
    assert jobs.reopen(job_id(), "arn:1", "NotifyOwner", at(2))
    assert found(jobs).status == "succeeded"


def test_a_job_is_found_by_its_execution(jobs: Jobs) -> None:
    queue(jobs, 1)
    queue(jobs, 2)
    record = jobs.by_execution("arn:2")
    assert record == found(jobs, 2)


def test_notices_are_remembered_with_and_without_a_job(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    assert not jobs.notice_sent("notice-1")
    jobs.record_notice("notice-1", job_id(), at(1))
    jobs.record_notice("notice-2", None, at(1))
    jobs.record_notice("notice-3", job_id(9), at(1))
    assert all(jobs.notice_sent(f"notice-{n}") for n in (1, 2, 3))
    assert found(jobs).notice_id == "notice-1"
    assert jobs.get(job_id(9)) is None


def trials(*numbers: int) -> list[SweepTrial]:
    return [SweepTrial(name=f"rank{number}", job=spec(number)) for number in numbers]


def test_trials_become_jobs_that_their_upload_does_not_lead_to(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    jobs.add_trials(job_id(), trials(2, 3), "arn:child", at(1))
    assert found(jobs).trials == (job_id(2), job_id(3))
    trial = found(jobs, 2)
    assert (trial.trial_of, trial.trial, trial.execution_arn) == (job_id(), "rank2", "arn:child")
    assert (trial.status, trial.stage) == ("starting", "TrainAdapter")
    owner = jobs.by_execution("arn:1")
    assert owner is not None
    assert owner.job_id == job_id()


def test_the_trials_of_a_later_rung_come_after_those_before(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    jobs.add_trials(job_id(), trials(2, 3), "arn:child", at(1))
    jobs.finish(job_id(2), "succeeded", None, at(2))
    jobs.add_trials(job_id(), trials(4), "arn:child", at(3))
    jobs.add_trials(job_id(), trials(2, 3), "arn:redriven", at(4))
    assert found(jobs).trials == (job_id(2), job_id(3), job_id(4))


def test_a_trial_that_failed_begins_anew_and_one_under_way_goes_on(jobs: Jobs) -> None:
    jobs.add_trials(job_id(), trials(2, 3), "arn:child", NOON)
    jobs.enqueue(job_id(2), "token", at(1))
    jobs.request_cancel(job_id(2), at(2))
    jobs.finish(job_id(3), "failed", "gate_failed", at(2))
    jobs.add_trials(job_id(), trials(2, 3), "arn:again", at(3))
    assert (found(jobs, 2).queue, found(jobs, 2).cancel_requested) == ("queued", False)
    assert (found(jobs, 3).status, found(jobs, 3).code) == ("starting", None)
    jobs.finish(job_id(3), "succeeded", None, at(4))
    jobs.add_trials(job_id(), trials(2, 3), "arn:again", at(5))
    assert found(jobs, 3).status == "succeeded"


def test_a_percent_is_raised_and_never_lowered(jobs: Jobs) -> None:
    jobs.claim(spec(), "arn:1", NOON)
    for percent in (30, 20):
        jobs.raise_percent(job_id(), percent, at(1))
    assert found(jobs).percent == 30
    jobs.finish(job_id(), "failed", "gate_failed", at(2))
    jobs.raise_percent(job_id(), 40, at(3))
    assert found(jobs).percent == 30
    jobs.raise_percent(job_id(9), 40, at(3))
    assert jobs.get(job_id(9)) is None


def test_a_refused_upload_is_found_by_the_client_until_it_is_accepted(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    rows = table(cloud, "JobsTable")
    jobs, client = DynamoJobs(rows), ClientJobs(rows.name)
    assert client.find("acme/u1") is None
    jobs.record_refusal("acme/u1", "invalid_request", NOON)
    assert client.find("acme/u1") == RefusedUpload("acme/u1", "invalid_request")
    jobs.claim(spec(), "arn:1", at(1))
    accepted = client.find("acme/u1")
    assert isinstance(accepted, StatusChange)
    assert accepted.job_id == job_id()
    jobs.record_refusal("acme/u1", "too_many_photos", at(2))
    assert client.find("acme/u1") == RefusedUpload("acme/u1", "too_many_photos")
    jobs.claim(spec(), "arn:2", at(3))  # a repeat
    assert client.find("acme/u1") == accepted
