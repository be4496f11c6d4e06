"""What appeals need: their rows, and who may decide them."""

from collections.abc import Sequence
from typing import Protocol

from contracts.documents.appeal import AppealAnswer, AppealOrder, AppealRow


class Appeals(Protocol):
    """The rows of all appeals."""

    def add(self, row: AppealRow) -> bool:
        """Store a new appeal; False: there is one of this id, which stays as it is."""
        ...

    def get(self, appeal_id: str) -> AppealRow | None:
        """Return the appeal as last written; None when there is none."""
        ...

    def newest(self, limit: int, before: str | None) -> Sequence[AppealRow]:
        """Return at most ``limit`` appeals, the newest first; ``before`` is a ``place_of``."""
        ...

    def replace(self, before: AppealRow, after: AppealRow) -> bool:
        """Store the change; False: somebody else has changed the appeal, or it was erased."""
        ...


def place_of(row: AppealRow) -> str:
    """Return what appeals are sorted by."""
    return f"{row.asked_at}#{row.appeal_id}"


class AppealDecider(Protocol):
    """Who may let texts through."""

    def decide(self, order: AppealOrder) -> AppealAnswer:
        """Carry out an operator's order; the same order again changes nothing."""
        ...
