"""domain.ports.appeals: the fake and the table of template.yaml behave alike."""

from datetime import UTC, datetime, timedelta

import pytest

from aws.api.appeals import DynamoAppeals
from contracts.documents.appeal import AppealRow
from domain.ports.appeals import Appeals, place_of
from tests.fakes.appeals import MemoryAppeals
from tests.integration.tables import table

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def row(number: int) -> AppealRow:
    return AppealRow(
        appeal_id=f"ap_{number:032x}",
        refusal_id=f"pic_{number:024x}",
        tenant="acme",
        code="prompt_refused",
        hashes=("0" * 64,),
        asked_at=(NOON + timedelta(minutes=number)).isoformat(),
    )


@pytest.fixture(params=["memory", "cloud", "moto"])
def appeals(request: pytest.FixtureRequest) -> Appeals:
    if request.param == "memory":
        return MemoryAppeals()
    return DynamoAppeals(table(request.getfixturevalue(request.param), "ApiTable"), 400)


def test_appeals_are_listed_newest_first_and_page_by_page(appeals: Appeals) -> None:
    rows = [row(number) for number in range(4)]
    assert [appeals.add(one) for one in rows] == [True] * 4
    assert list(appeals.newest(9, None)) == rows[::-1]
    assert list(appeals.newest(2, None)) == [rows[3], rows[2]]
    assert list(appeals.newest(9, place_of(rows[2]))) == [rows[1], rows[0]]
    assert appeals.get(rows[1].appeal_id) == rows[1]
    assert appeals.get("ap_" + "f" * 32) is None


def test_a_second_appeal_of_one_id_changes_nothing(appeals: Appeals) -> None:
    assert appeals.add(row(1)) is True
    assert appeals.add(row(1).model_copy(update={"tenant": "globex"})) is False
    assert appeals.get(row(1).appeal_id) == row(1)


def test_of_two_decisions_on_one_state_the_first_counts(appeals: Appeals) -> None:
    appeals.add(row(1))
    yes, no = (row(1).model_copy(update={"status": one}) for one in ("granted", "refused"))
    assert appeals.replace(row(1), yes) is True
    assert appeals.replace(row(1), no) is False
    assert appeals.get(yes.appeal_id) == yes
    assert appeals.replace(row(2), yes) is False, "what was erased comes back by no decision"
