"""domain.ports.erasure.UnusedModels: the fake and the table of template.yaml behave alike."""

from datetime import timedelta

import pytest

from aws.erasure.expiries import DynamoUnusedModels
from domain.ports.erasure import UnusedModel, UnusedModels
from tests.fakes.erasure import MemoryUnusedModels
from tests.integration.tables import table
from tests.unit.training_kit import NOON, job_id, spec

DAY = timedelta(days=1)


@pytest.fixture(params=["memory", "cloud", "moto"])
def rows(request: pytest.FixtureRequest) -> UnusedModels:
    if request.param == "memory":
        return MemoryUnusedModels()
    return DynamoUnusedModels(table(request.getfixturevalue(request.param), "JobsTable"))


def test_a_model_is_due_at_its_time_and_remembers_that_its_owner_was_announced(
    rows: UnusedModels,
) -> None:
    rows.add(spec(1), NOON + DAY)
    rows.add(spec(1), NOON)
    rows.add(spec(2), NOON + 2 * DAY)
    assert rows.due(NOON) == []
    assert rows.due(NOON + DAY) == [UnusedModel(job_id(1), "acme", "u1", None)]
    assert [one.job_id for one in rows.due(NOON + 3 * DAY)] == [job_id(1), job_id(2)]
    rows.was_announced(job_id(1), NOON + DAY, NOON + 4 * DAY)
    (one,) = [one for one in rows.due(NOON + 4 * DAY) if one.job_id == job_id(1)]
    assert one.announced_at == (NOON + DAY).isoformat()
    rows.look_again(job_id(1), NOON + 5 * DAY)
    assert [one.job_id for one in rows.due(NOON + 4 * DAY)] == [job_id(2)]
    assert {one.announced_at for one in rows.due(NOON + 9 * DAY)} == {None}


def test_the_row_of_an_erased_model_does_not_come_back(rows: UnusedModels) -> None:
    rows.add(spec(1), NOON)
    rows.forget(job_id(1))
    rows.look_again(job_id(1), NOON)
    rows.was_announced(job_id(1), NOON, NOON)
    assert rows.due(NOON + DAY) == []
