"""What the rules of ordered pictures need: rows, and a queue."""

from typing import Protocol

from contracts.documents.api.pictures import PictureRow, PictureTask


class Pictures(Protocol):
    """One row for each order."""

    def add(self, row: PictureRow) -> None:
        """Store a new order's row."""
        ...

    def get(self, picture_id: str) -> PictureRow | None:
        """Return the row as last written; None when there is none."""
        ...

    def of(self, tenant: str, limit: int, before: str | None) -> list[PictureRow]:
        """Return at most ``limit`` of the tenant's rows, the newest first.

        Args:
            tenant: whose.
            limit: 1 or more.
            before: only rows whose ``place_of`` is smaller; None: from the newest.
        """
        ...

    def replace(self, before: PictureRow, after: PictureRow) -> bool:
        """Store the change; False: somebody else has changed the row."""
        ...


class PictureQueue(Protocol):
    """Orders that wait for a worker. A message may come twice."""

    def send(self, task: PictureTask, delay_seconds: int = 0) -> None:
        """Queue an order; no worker gets it before the delay (0 to 900) is over."""
        ...


def place_of(row: PictureRow) -> str:
    """Return where a row stands among its tenant's, the oldest first."""
    return f"{row.created_at}#{row.picture_id}"
