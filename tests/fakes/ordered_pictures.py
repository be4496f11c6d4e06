"""domain.ports.pictures in memory: rows, and a queue that remembers."""

from typing import NamedTuple

from contracts.documents.api.pictures import PictureRow, PictureTask
from domain.ports.pictures import place_of


class MemoryPictures:
    def __init__(self) -> None:
        self.rows: dict[str, PictureRow] = {}

    def add(self, row: PictureRow) -> None:
        assert row.picture_id not in self.rows
        self.rows[row.picture_id] = row

    def get(self, picture_id: str) -> PictureRow | None:
        return self.rows.get(picture_id)

    def of(self, tenant: str, limit: int, before: str | None) -> list[PictureRow]:
        found = [
            row
            for row in self.rows.values()
            if row.tenant == tenant and (before is None or place_of(row) < before)
        ]
        return sorted(found, key=place_of, reverse=True)[:limit]

    def replace(self, before: PictureRow, after: PictureRow) -> bool:
        if self.rows.get(before.picture_id) != before:
            return False
        self.rows[before.picture_id] = after
        return True


class Queued(NamedTuple):
    task: PictureTask
    delay_seconds: int


class MemoryPictureQueue:
    def __init__(self) -> None:
        self.messages: list[Queued] = []

    def send(self, task: PictureTask, delay_seconds: int = 0) -> None:
        assert 0 <= delay_seconds <= 900
        self.messages.append(Queued(task, delay_seconds))
