"""Data exports over the HTTP API: asked for, looked at, and downloaded."""

from typing import Literal

from contracts.document import Document, OpaqueId, Sha256
from contracts.documents.api.jobs import JobFailure
from contracts.documents.export import ExportId, ExportKind, ExportRow


class NewExport(Document):
    """Body of ``POST /v1/exports``; with neither field everything of the tenant."""

    given_by: OpaqueId | None = None
    """Only what one person has agreed to: the ``given_by`` of their consents."""

    upload_id: OpaqueId | None = None
    """Only one upload, its models and what they have drawn."""


class ExportView(Document):
    """How an export stands."""

    object: Literal["export"] = "export"

    id: ExportId

    kind: ExportKind

    given_by: OpaqueId | None

    upload_id: OpaqueId | None

    status: Literal["processing", "succeeded", "failed", "expired"]
    """``expired``: the archive is gone, by its age or by an erasure; ask for another one."""

    failure: JobFailure | None

    size: int
    """Bytes of the archive."""

    files: int
    """Files in it."""

    created_at: str

    updated_at: str

    @classmethod
    def of(cls, row: ExportRow, *, gone: bool = False) -> "ExportView":
        """Return a row as its tenant sees it; ``gone``: its archive is not there any more."""
        return cls(
            id=row.export_id,
            kind=row.subject.kind,
            given_by=row.subject.given_by,
            upload_id=row.subject.upload,
            status="expired" if gone and row.status == "succeeded" else row.status,
            failure=JobFailure.of(row.code),
            size=row.size,
            files=row.files,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class ExportPage(Document):
    """Some exports, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[ExportView, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""


class ExportFile(Document):
    """A link to the archive of an export."""

    object: Literal["export_file"] = "export_file"

    id: ExportId

    url: str
    """Address to download the zip from, until ``expires_at``."""

    size: int

    sha256: Sha256

    expires_at: str
    """When the link ends; ask again for a new one."""
