"""Every few minutes: tell the operators of new appeals, and say how long the oldest has waited.

Appeals are of two kinds: against a content rule, and of the owner of a model that a takedown has
disabled. A message is sent before that is stored: a crash in between repeats it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.operating.orders import every_row
from domain.ports.appeals import Appeals, place_of
from domain.ports.takedown import Operators, TakedownCases
from domain.takedown.deciding import in_force

NAMED = 20
"""Appeals that one message names."""

SUBJECT = "Likeness: an appeal waits for a decision"

HOW_TO_DECIDE = "Decide: likeness appeals list; docs/runbooks/appeal_hours.md"
HOW_TO_DECIDE_TAKEDOWN = "Decide: likeness takedown list; docs/runbooks/takedown_hours.md"


class WatchServices(NamedTuple):
    """What watching needs."""

    appeals: Appeals
    cases: TakedownCases
    operators: Operators


def watch(services: WatchServices, now: datetime) -> timedelta:
    """Tell the operators of new appeals; return how long the oldest one to a rule has waited."""
    waiting = [row for row in every_row(services.appeals, place_of) if row.status == "open"]
    if new := [row for row in waiting if row.announced_at is None]:
        lines = [f"{row.appeal_id}  {row.code}" for row in new]
        services.operators.publish(SUBJECT, words_of(lines, HOW_TO_DECIDE))
    for row in new:
        services.appeals.replace(row, row.model_copy(update={"announced_at": now.isoformat()}))
    announce_owners(services, now)
    ages = [now - datetime.fromisoformat(row.asked_at) for row in waiting]
    return max(ages, default=timedelta())


def announce_owners(services: WatchServices, now: datetime) -> None:
    """Announce the owners of disabled models who ask an operator to look again."""
    new = [
        case
        for case in in_force(services.cases)
        if case.appealed_at is not None and case.appeal_announced_at is None
    ]
    if new:
        lines = [f"{case.case_id}  the owner of a disabled model" for case in new]
        services.operators.publish(SUBJECT, words_of(lines, HOW_TO_DECIDE_TAKEDOWN))
    for case in new:
        announced = {"appeal_announced_at": now.isoformat()}
        services.cases.replace(case, case.model_copy(update=announced))


def words_of(lines: Sequence[str], how: str) -> str:
    """Return what operators are told: ids and codes."""
    more = [f"and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    return "\n".join([*lines[:NAMED], *more, how, ""])
