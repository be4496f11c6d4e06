"""Operators hear of each new appeal once, by ids, and a metric says how long the oldest waits."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.documents.appeal import AppealRow
from contracts.documents.takedown import TakedownCase
from domain.appeals.watching import WatchServices, watch
from tests.fakes.appeals import MemoryAppeals
from tests.fakes.takedown import MemoryOperators, MemoryTakedowns

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def row(number: int, **changes: Any) -> AppealRow:
    facts = {
        "appeal_id": f"ap_{number:032x}", "refusal_id": "birthday-of-anna", "tenant": "acme",
        "code": "unsafe_picture", "hashes": ("0" * 64,),
        "asked_at": (NOON + timedelta(hours=number)).isoformat(),
    }  # fmt: skip
    return AppealRow.model_validate(facts | changes)


def world(*rows: AppealRow) -> tuple[WatchServices, MemoryOperators]:
    appeals, operators = MemoryAppeals(), MemoryOperators()
    for one in rows:
        appeals.add(one)
    return WatchServices(appeals, MemoryTakedowns(), operators), operators


def test_each_new_appeal_is_announced_once_and_by_ids() -> None:
    services, operators = world(row(1), row(2), row(3, status="granted"))
    watch(services, NOON)
    watch(services, NOON)
    ((subject, text),) = operators.published
    assert subject == "Likeness: an appeal waits for a decision"
    assert [line[:38] for line in text.splitlines() if line.startswith("ap_")] == [
        f"ap_{2:032x}  u", f"ap_{1:032x}  u",
    ]  # fmt: skip
    assert "acme" not in text
    assert "anna" not in text
    services.appeals.add(row(4))
    watch(services, NOON)
    assert f"ap_{4:032x}" in operators.published[1][1]
    assert f"ap_{1:032x}" not in operators.published[1][1]


def test_the_oldest_open_appeal_is_counted_announced_or_not() -> None:
    services, _ = world()
    assert watch(services, NOON) == timedelta()
    services, _ = world(row(0, status="refused", why="other"), row(1), row(2))
    for _ in range(2):
        assert watch(services, NOON + timedelta(hours=40)) == timedelta(hours=39)


def test_a_long_list_is_named_in_part_and_all_of_it_counts_as_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("domain.operating.orders.LISTED", 2)
    services, operators = world(*(row(number) for number in range(25)))
    for _ in range(2):
        watch(services, NOON)
    ((_, text),) = operators.published
    assert text.count("ap_") == 20
    assert "and 5 more" in text


def test_a_message_that_fails_is_sent_at_the_next_look() -> None:
    services, operators = world(row(1))
    publish = operators.publish

    def fail(_subject: str, _text: str) -> None:
        raise ConnectionError

    operators.publish = fail  # type: ignore[method-assign,assignment]
    with pytest.raises(ConnectionError):
        watch(services, NOON)
    operators.publish = publish  # type: ignore[method-assign]
    watch(services, NOON)
    assert len(operators.published) == 1


def test_the_owner_of_a_disabled_model_is_announced_too_and_once() -> None:
    services, operators = world()
    case = TakedownCase(
        case_id=f"td_{1:032x}", reason="other", received_at=NOON.isoformat(),
        due_at=(NOON + timedelta(days=2)).isoformat(), status="accepted",
    )  # fmt: skip
    services.cases.add(case)
    watch(services, NOON)
    assert operators.published == []
    services.cases.replace(case, case.model_copy(update={"appealed_at": NOON.isoformat()}))
    for _ in range(2):
        watch(services, NOON)
    ((_, text),) = operators.published
    assert f"td_{1:032x}" in text
