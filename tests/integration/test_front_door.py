"""domain.ports.front_door: fakes and the tables of template.yaml behave alike."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.api.front_door import DynamoApprovals, DynamoShortMemory, DynamoTenantJobs
from aws.jobs.table import DynamoJobs
from contracts.documents.api.models import Approval
from contracts.documents.job import JobSpec
from domain.ports.front_door import Approvals, Remembered, ShortMemory
from local.cloud.server import Cloud
from tests.fakes.front_door import MemoryApprovals, MemoryShortMemory
from tests.integration.tables import table

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


def test_a_tenant_s_jobs_are_found_by_index_and_uploads_by_name(cloud: Cloud) -> None:
    rows = table(cloud, "JobsTable")
    jobs, seen = DynamoJobs(rows), DynamoTenantJobs(rows)
    for number, tenant in enumerate(["acme", "globex", "acme"]):
        spec = JobSpec(job_id=f"{number:032x}", tenant=tenant, upload=f"u{number}", base_id="base")
        jobs.claim(spec, f"arn:{number}", NOON + timedelta(minutes=number))
    jobs.record_refusal("acme/u9", "invalid_request", NOON)
    assert [job.job_id[-1] for job in seen.of_tenant("acme")] == ["2", "0"]
    assert seen.of_tenant("initech") == []
    assert seen.of_upload("acme/u2").points_to == f"{2:032x}"
    assert seen.of_upload("acme/u9").refused_code == "invalid_request"
    assert seen.of_upload("acme/u8").points_to is None
    assert seen.get(f"{1:032x}") == jobs.get(f"{1:032x}")
    assert seen.get("0" * 31 + "9") is None
