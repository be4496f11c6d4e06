"""A tenant's exports: asked for and looked at."""

from datetime import datetime, timedelta
from secrets import token_hex

from contracts.documents.export import ExportInput, ExportRow, ExportSubject
from contracts.shared.people.retention import EXPORTS
from domain.ports.exports import Exporter, Exports

OVERDUE = timedelta(hours=1)
"""Age at which an open export is abandoned: a run takes 15 minutes and is tried twice."""


class UnknownExportError(Exception):
    """There is no such export of this tenant."""


def ask(subject: ExportSubject, exports: Exports, exporter: Exporter, now: datetime) -> ExportRow:
    """Store an export and start it."""
    row = new_row(f"exp_{token_hex(12)}", subject, now)
    exports.add(row)
    exporter.start(ExportInput(export_id=row.export_id, subject=subject, door="api"))
    return row


def new_row(export_id: str, subject: ExportSubject, now: datetime) -> ExportRow:
    """Return the row of an export that begins now."""
    return ExportRow(
        export_id=export_id,
        subject=subject,
        created_at=now.isoformat(),
        updated_at=now.isoformat(),
        delete_at=int((now + EXPORTS).timestamp()),
    )


def own_export(exports: Exports, tenant: str, export_id: str, now: datetime) -> ExportRow:
    """Return how an export of this tenant stands; an abandoned one has failed.

    Raises:
        UnknownExportError: it is somebody else's, or there is none.
    """
    found = exports.get(export_id)
    if found is None or found.subject.tenant != tenant:
        raise UnknownExportError
    return judged(found, now)


def judged(row: ExportRow, now: datetime) -> ExportRow:
    """Return a row as failed when it is open for too long."""
    open_for = now - datetime.fromisoformat(row.created_at)
    if row.status != "processing" or open_for < OVERDUE:
        return row
    return row.model_copy(update={"status": "failed", "code": "internal_error"})
