"""domain.ports.appeals in memory."""

from collections.abc import Sequence
from datetime import datetime

from contracts.documents.appeal import AppealAnswer, AppealOrder, AppealRow
from domain.appeals.deciding import AppealServices, decide
from domain.ports.appeals import place_of


class MemoryAppeals:
    def __init__(self) -> None:
        self.rows: dict[str, AppealRow] = {}

    def add(self, row: AppealRow) -> bool:
        return self.rows.setdefault(row.appeal_id, row) is row

    def get(self, appeal_id: str) -> AppealRow | None:
        return self.rows.get(appeal_id)

    def newest(self, limit: int, before: str | None) -> Sequence[AppealRow]:
        rows = sorted(self.rows.values(), key=place_of, reverse=True)
        return [row for row in rows if before is None or place_of(row) < before][:limit]

    def replace(self, before: AppealRow, after: AppealRow) -> bool:
        if self.rows.get(before.appeal_id) != before:
            return False
        self.rows[before.appeal_id] = after
        return True


class DirectAppealDecider:
    """The function decide_appeal without Lambda."""

    def __init__(self, services: AppealServices, now: datetime) -> None:
        self.services, self.now = services, now

    def decide(self, order: AppealOrder) -> AppealAnswer:
        return decide(order, self.services, self.now)
