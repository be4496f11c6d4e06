"""domain.ports.takedown: the fake and the tables of template.yaml behave alike."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.api.takedowns import DynamoModelIds, DynamoTakedowns
from contracts.documents.takedown import TakedownCase
from domain.ports.takedown import TakedownCases, place_of
from local.cloud.server import Cloud
from tests.fakes.takedown import MemoryTakedowns
from tests.integration.tables import table

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def case(number: int) -> TakedownCase:
    at = (NOON + timedelta(minutes=number)).isoformat()
    return TakedownCase(
        case_id=f"td_{number:032x}", reason="other", received_at=at, due_at=at, models=("1" * 32,)
    )


@pytest.fixture(params=["memory", "cloud", "moto"])
def cases(request: pytest.FixtureRequest) -> TakedownCases:
    if request.param == "memory":
        return MemoryTakedowns()
    return DynamoTakedowns(table(request.getfixturevalue(request.param), "ApiTable"), 400)


def test_cases_are_listed_newest_first_and_page_by_page(cases: TakedownCases) -> None:
    rows = [case(number) for number in range(4)]
    for row in rows:
        cases.add(row)
    assert list(cases.newest(9, None)) == rows[::-1]
    assert list(cases.newest(2, None)) == [rows[3], rows[2]]
    assert list(cases.newest(9, place_of(rows[2]))) == [rows[1], rows[0]]
    assert cases.get(rows[1].case_id) == rows[1]
    assert cases.get("td_" + "f" * 32) is None


def test_of_two_decisions_the_first_counts(cases: TakedownCases) -> None:
    cases.add(case(1))
    yes = case(1).model_copy(update={"status": "accepted"})
    no = case(1).model_copy(update={"status": "refused", "why": "duplicate"})
    assert cases.replace(case(1), yes) is True
    assert cases.replace(case(1), no) is False
    assert cases.get(yes.case_id) == yes


def test_a_sweep_s_trial_stands_for_its_model(cloud: Cloud) -> None:
    models, jobs = table(cloud, "ModelsTable"), table(cloud, "JobsTable")
    for ident in ("1" * 32, "2" * 32):
        models.put_item(Item={"tenant": "acme", "model_id": ident})
    jobs.put_item(Item={"job_id": "3" * 32, "point_of": "2" * 32})
    jobs.put_item(Item={"job_id": "4" * 32, "point_of": "9" * 32})
    jobs.put_item(Item={"job_id": "1" * 32})
    assert DynamoModelIds(models, jobs).by_adapter() == {
        "1" * 32: "1" * 32,
        "2" * 32: "2" * 32,
        "3" * 32: "2" * 32,
    }
