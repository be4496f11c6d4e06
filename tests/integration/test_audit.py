"""domain.ports.audit: the fake and the table of template.yaml behave alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aws.audit import DynamoAudit
from contracts.documents.audit import AuditEntry
from domain.ports.audit import AuditTrail
from tests.fakes.audit import MemoryAudit
from tests.integration.tables import table

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def entry(number: int, **changes: Any) -> AuditEntry:
    at = (NOON + timedelta(seconds=number)).isoformat()
    found = AuditEntry(
        entry_id=f"{number:024x}", at=at, who="key:1", action="job.cancelled", about=("job_id:a",)
    )
    return found.model_copy(update=changes)


@pytest.fixture(params=["memory", "cloud", "moto"])
def trail(request: pytest.FixtureRequest) -> AuditTrail:
    if request.param == "memory":
        return MemoryAudit()
    return DynamoAudit(table(request.getfixturevalue(request.param), "AuditTable"), 400)


def test_entries_are_read_newest_first_and_page_by_page(trail: AuditTrail) -> None:
    rows = [entry(number) for number in range(5)]
    for row in rows:
        trail.add("acme", row)
    trail.add("globex", entry(9))
    assert list(trail.of("acme", 99, None)) == rows[::-1]
    assert list(trail.of("acme", 2, None)) == [rows[4], rows[3]]
    assert list(trail.of("acme", 2, rows[3].place)) == [rows[2], rows[1]]
    assert list(trail.of("acme", 2, rows[0].place)) == []


def test_an_entry_that_is_there_is_not_replaced(trail: AuditTrail) -> None:
    trail.add("acme", entry(1))
    trail.add("acme", entry(1, who="somebody:else"))
    assert list(trail.of("acme", 9, None)) == [entry(1)]
