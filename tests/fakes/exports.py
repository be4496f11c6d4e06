"""domain.ports.exports in memory."""

from collections.abc import Callable, Iterator

from contracts.documents.export import ExportInput, ExportRow
from domain.ports.exports import place_of
from domain.ports.storage import ObjectMissingError
from tests.fakes.storage import MemoryStorage

PART = 1000
"""Bytes that are read at a time."""


class MemoryExports:
    def __init__(self) -> None:
        self.rows: dict[str, ExportRow] = {}

    def add(self, row: ExportRow) -> None:
        self.rows.setdefault(row.export_id, row)

    def get(self, export_id: str) -> ExportRow | None:
        return self.rows.get(export_id)

    def of(self, tenant: str, limit: int, before: str | None) -> list[ExportRow]:
        own = [row for row in self.rows.values() if row.subject.tenant == tenant]
        rows = sorted(own, key=place_of, reverse=True)
        return [row for row in rows if before is None or place_of(row) < before][:limit]

    def replace(self, before: ExportRow, after: ExportRow) -> bool:
        if self.rows.get(before.export_id) != before:
            return False
        self.rows[before.export_id] = after
        return True


class MemoryReader:
    """Reads the objects of a MemoryStorage in parts."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage

    def chunks(self, key: str) -> Iterator[bytes]:
        body = self._storage.objects.get(key)
        if body is None:
            raise ObjectMissingError
        yield from (body[at : at + PART] for at in range(0, len(body), PART))


class MemoryArchive:
    def __init__(self, storage: MemoryStorage, key: str, open_keys: list[str]) -> None:
        self._storage, self._key, self._open = storage, key, open_keys
        self._parts: list[bytes] = []
        open_keys.append(key)

    def write(self, data: bytes, /) -> int:
        self._parts.append(data)
        return len(data)

    def flush(self) -> None:
        pass

    def finish(self) -> None:
        self._storage.write(self._key, b"".join(self._parts))
        self._open.remove(self._key)

    def abort(self) -> None:
        self._open.remove(self._key)


class MemoryArchives:
    """``unfinished`` has the keys of archives that are neither whole nor thrown away."""

    def __init__(self, storage: MemoryStorage) -> None:
        self._storage = storage
        self.unfinished: list[str] = []

    def open(self, key: str) -> MemoryArchive:
        return MemoryArchive(self._storage, key, self.unfinished)


class MemoryExporter:
    """Remembers what was started; ``run`` writes it at once where a test gives it."""

    def __init__(self, run: Callable[[ExportInput], object] | None = None) -> None:
        self.started: list[ExportInput] = []
        self._run = run

    def start(self, given: ExportInput) -> None:
        self.started.append(given)
        if self._run is not None:
            self._run(given)
