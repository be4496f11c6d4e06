"""Data export (GDPR, Article 15): whose data, how its archive stands, and the list inside it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from contracts.document import Document, OpaqueId, RelativePath, Sha256
from contracts.documents.erasure import ExpiringStore

ExportId = Annotated[str, StringConstraints(pattern=r"^exp_[0-9a-f]{24}$")]

ExportStatus = Literal["processing", "succeeded", "failed"]

ExportCode = Literal["not_found", "export_too_large", "erased", "internal_error"]
"""Why there is no archive: nothing is held; it would be too large; an erasure came in between."""

ExportKind = Literal["tenant", "person", "upload"]


class ExportSubject(Document):
    """Whose data: a tenant's, of one person among its consents, or of one upload."""

    tenant: OpaqueId

    given_by: OpaqueId | None = None
    """The person, as the field ``given_by`` of their consents names them."""

    upload: OpaqueId | None = None

    @model_validator(mode="after")
    def _names_one_thing(self) -> "ExportSubject":
        if self.given_by is not None and self.upload is not None:
            message = "name a person or an upload, not both"
            raise ValueError(message)
        return self

    @property
    def kind(self) -> ExportKind:
        """Whose data.

        >>> ExportSubject(tenant="acme", given_by="person-1").kind
        'person'
        """
        if self.given_by is not None:
            return "person"
        return "tenant" if self.upload is None else "upload"


class ExportRow(Document):
    """How an export stands, in the ``api`` table. Times are ISO 8601 in UTC."""

    schema_version: Literal[1] = 1

    export_id: ExportId

    subject: ExportSubject

    status: ExportStatus = "processing"

    code: ExportCode | None = None
    """Why it has failed."""

    created_at: str

    updated_at: str

    busy_until: str | None = None
    """End of the lease of a run that writes the archive; an erasure waits for it."""

    size: Annotated[int, Field(ge=0)] = 0
    """Bytes of the archive."""

    sha256: Sha256 | None = None

    files: Annotated[int, Field(ge=0)] = 0
    """Files in the archive, without its manifest."""

    delete_at: Annotated[int, Field(ge=0)]
    """Second of the epoch at which the row may go; the archive expires at about that time."""


class ExportInput(Document):
    """Input of export_data."""

    export_id: ExportId

    subject: ExportSubject

    step: Literal["write", "look"] = "write"
    """``look``: only say how it stands."""

    door: Literal["operator", "api"] = "operator"
    """Who asks: the HTTP API, which writes its callers into the audit trail itself, or an
    operator."""


class ExportAnswer(Document):
    """Answer of export_data."""

    export_id: ExportId

    status: ExportStatus

    code: ExportCode | None = None

    uri: str | None = None
    """Place of the archive, once it is whole."""

    size: int = 0

    sha256: Sha256 | None = None


class ExportedFile(Document):
    """One file of the archive."""

    path: RelativePath
    """Its name in the archive: ours, because names of uploads are anybody's text."""

    store: str

    name: str
    """Its key in the bucket, with the name under which it was uploaded; empty for records."""

    size: Annotated[int, Field(ge=0)]

    sha256: Sha256


class ExportedStore(Document):
    """What one store holds, and what of it is in the archive."""

    store: str
    """As in the receipt of an erasure, or a kind of records."""

    held: Annotated[int, Field(ge=0)] | None
    """Objects with their older versions, unfinished uploads, or rows; null: nobody can count it."""

    exported: Annotated[int, Field(ge=0)]

    why: str | None = None
    """Why the rest is not in the archive; null: all of it is."""


class ExportManifest(Document):
    """``manifest.json`` in the archive: each store, and each file."""

    schema_version: Literal[1] = 1

    export_id: ExportId

    subject: ExportSubject

    made_at: str

    stores: tuple[ExportedStore, ...]

    files: tuple[ExportedFile, ...]

    kept_by_aws: tuple[ExpiringStore, ...]
    """What AWS keeps beside the stores, without photos, names and prompts; ``gone_at`` holds for an
    erasure that ends now."""
