"""What exporting data needs: rows, objects that are read in parts, and an archive that grows."""

from collections.abc import Iterator
from typing import Protocol

from contracts.documents.export import ExportInput, ExportRow


class Exports(Protocol):
    """One row for each export."""

    def add(self, row: ExportRow) -> None:
        """Store a new row; a row that is there stays as it is."""
        ...

    def get(self, export_id: str) -> ExportRow | None:
        """Return the row as last written; None when there is none."""
        ...

    def of(self, tenant: str, limit: int, before: str | None) -> list[ExportRow]:
        """Return at most ``limit`` of the tenant's rows, the newest first.

        Args:
            tenant: whose.
            limit: 1 or more.
            before: only rows whose ``place_of`` is smaller; None: from the newest.
        """
        ...

    def replace(self, before: ExportRow, after: ExportRow) -> bool:
        """Store the change; False: somebody else has changed or removed the row."""
        ...


class ObjectReader(Protocol):
    """One bucket, whose objects may be larger than the memory."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """Yield the object's bytes, at most some MB at a time.

        Raises:
            ObjectMissingError: the object does not exist.
        """
        ...


class ArchiveFile(Protocol):
    """An object under construction: nobody sees it before ``finish``."""

    def write(self, data: bytes, /) -> int:
        """Add bytes; return how many."""
        ...

    def flush(self) -> None:
        """Do nothing: what was added is kept until ``finish``."""
        ...

    def finish(self) -> None:
        """Make the object whole."""
        ...

    def abort(self) -> None:
        """Throw away what was added."""
        ...


class Archives(Protocol):
    """Where archives are written."""

    def open(self, key: str) -> ArchiveFile:
        """Begin an object."""
        ...


class Exporter(Protocol):
    """Who may read what is exported."""

    def start(self, given: ExportInput) -> None:
        """Begin to write an archive; return at once."""
        ...


def place_of(row: ExportRow) -> str:
    """Return where a row stands among its tenant's, the oldest first."""
    return f"{row.created_at}#{row.export_id}"
