"""domain.ports.front_door: fakes and the tables of template.yaml behave alike."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws.api.front_door import DynamoApprovals, DynamoShortMemory, DynamoTenantJobs
from aws.jobs.table import DynamoJobs
from contracts.documents.api.models import Approval
from contracts.documents.job import JobSpec
from contracts.documents.record import JobRecord
from domain.ports.front_door import (
    Approvals,
    Remembered,
    ShortMemory,
    TenantJobs,
    place_of,
)
from local.cloud.server import Cloud
from tests.fakes.front_door import MemoryApprovals, MemoryShortMemory, MemoryTenantJobs
from tests.integration.tables import table
from tests.unit.runtime.api_kit import job

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ANSWER = Remembered("d1", 200, '{"a": 1}')


@pytest.fixture(params=["memory", "cloud", "moto"])
def memory(request: pytest.FixtureRequest) -> ShortMemory:
    if request.param == "memory":
        return MemoryShortMemory()
    return DynamoShortMemory(table(request.getfixturevalue(request.param), "ApiTable"))


@pytest.fixture(params=["memory", "cloud", "moto"])
def approvals(request: pytest.FixtureRequest) -> Approvals:
    if request.param == "memory":
        return MemoryApprovals()
    return DynamoApprovals(table(request.getfixturevalue(request.param), "ApiTable"))


def test_a_key_is_answered_once_for_a_day(memory: ShortMemory) -> None:
    assert memory.begin("idem#1", "d1", NOON) == "new"
    assert memory.begin("idem#1", "d2", NOON) == "busy"
    memory.answered("idem#1", ANSWER, NOON)
    assert memory.begin("idem#1", "d2", NOON + timedelta(hours=23)) == ANSWER
    assert memory.begin("idem#2", "d2", NOON) == "new"
    assert memory.begin("idem#1", "d3", NOON + timedelta(hours=25)) == "new"


def test_a_request_that_died_or_had_no_effect_gives_its_key_back(memory: ShortMemory) -> None:
    assert memory.begin("idem#1", "d1", NOON) == "new"
    assert memory.begin("idem#1", "d1", NOON + timedelta(seconds=61)) == "new"
    memory.forget("idem#1")
    memory.forget("idem#1")
    assert memory.begin("idem#1", "d1", NOON + timedelta(seconds=62)) == "new"


def test_each_window_counts_for_itself(memory: ShortMemory) -> None:
    assert [memory.count("rate#a", 60, NOON + timedelta(seconds=s)) for s in (0, 59, 60)] == [
        1, 2, 1,
    ]  # fmt: skip
    assert memory.count("rate#b", 60, NOON) == 1


def test_the_newest_decision_about_a_model_counts(approvals: Approvals) -> None:
    yes = Approval(approved=True, by="key:1", at=NOON.isoformat())
    no = yes.model_copy(update={"approved": False, "by": "person:2"})
    assert approvals.get("acme", "m1") is None
    approvals.put("acme", "m1", yes)
    approvals.put("acme", "m1", no)
    assert approvals.get("acme", "m1") == no
    assert approvals.get("globex", "m1") is None


class Known:
    """The jobs of a store, and how a test puts one in."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.seen: TenantJobs = MemoryTenantJobs() if rows is None else DynamoTenantJobs(rows)

    def put(self, job: JobRecord) -> JobRecord:
        if isinstance(self.seen, MemoryTenantJobs):
            self.seen.records[job.job_id] = job
        else:
            self.rows.put_item(Item=json.loads(job.model_dump_json(exclude_none=True)))
        return job

    def drop(self, job: JobRecord) -> None:
        if isinstance(self.seen, MemoryTenantJobs):
            del self.seen.records[job.job_id]
        else:
            self.rows.delete_item(Key={"job_id": job.job_id})

    def pages(self, limit: int, before: str | None = None) -> list[list[JobRecord]]:
        found: list[list[JobRecord]] = []
        while shown := self.seen.newest("acme", limit, before):
            found.append(shown)
            before = place_of(shown[-1])
        return found


@pytest.fixture(params=["memory", "cloud", "moto"])
def known(request: pytest.FixtureRequest) -> Known:
    if request.param == "memory":
        return Known(None)
    return Known(table(request.getfixturevalue(request.param), "JobsTable"))


def test_jobs_are_read_page_by_page_without_trials_and_without_other_tenants(known: Known) -> None:
    jobs = [known.put(job(number)) for number in range(7)]
    for number in range(10, 20):
        known.put(job(number, trial_of=jobs[3].job_id, created_at=jobs[3].created_at))
    known.put(job(30, "globex"))
    assert known.pages(3) == [jobs[6:3:-1], jobs[3:0:-1], jobs[:1]]
    assert known.seen.newest("acme", 99, None) == jobs[::-1]
    assert known.seen.newest("initech", 9, None) == []


def test_a_cursor_holds_when_its_job_goes_and_others_come(known: Known) -> None:
    jobs = [known.put(job(number)) for number in range(5)]
    (first, *_) = known.pages(2)
    known.drop(first[-1])
    known.put(job(9))
    assert known.pages(2, place_of(first[-1])) == [jobs[2:0:-1], jobs[:1]]


def test_no_job_is_lost_where_two_began_at_the_same_time(known: Known) -> None:
    at = job(1).created_at
    jobs = [known.put(job(number, created_at=at)) for number in range(5)]
    pages = known.pages(2)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {one.job_id for page in pages for one in page} == {one.job_id for one in jobs}


def test_only_jobs_of_the_time_that_is_asked_are_read(known: Known) -> None:
    times = (
        "2026-10-31T23:59:59",
        "2026-11-01T00:00:00",
        "2026-11-30T23:59:59",
        "2026-12-01T00:00:00",
    )
    jobs = [known.put(job(n, created_at=f"{at}+00:00")) for n, at in enumerate(times)]
    trial = known.put(job(9, trial_of=jobs[1].job_id, created_at="2026-11-02T00:00:00+00:00"))
    assert known.seen.begun("acme", "2026-11", "2026-11~") == [jobs[2], trial, jobs[1]]
    assert known.seen.begun("globex", "2026-11", "2026-11~") == []


def test_a_tenant_s_job_and_upload_are_found_by_name(cloud: Cloud) -> None:
    rows = table(cloud, "JobsTable")
    jobs, seen = DynamoJobs(rows), DynamoTenantJobs(rows)
    for number, tenant in enumerate(["acme", "globex", "acme"]):
        spec = JobSpec(job_id=f"{number:032x}", tenant=tenant, upload=f"u{number}", base_id="base")
        jobs.claim(spec, f"arn:{number}", NOON + timedelta(minutes=number))
    jobs.record_refusal("acme/u9", "invalid_request", NOON)
    assert [one.job_id[-1] for one in seen.newest("acme", 9, None)] == ["2", "0"]
    assert seen.of_upload("acme/u2").points_to == f"{2:032x}"
    assert seen.of_upload("acme/u9").refused_code == "invalid_request"
    assert seen.of_upload("acme/u8").points_to is None
    assert seen.get(f"{1:032x}") == jobs.get(f"{1:032x}")
    assert seen.get("0" * 31 + "9") is None
