"""Consents over the HTTP API: what was agreed to, and its withdrawal."""

from typing import Literal

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureAnswer
from contracts.documents.upload.consent import Consent


class ConsentView(Document):
    """A consent that was given for one training."""

    object: Literal["consent"] = "consent"

    id: JobId
    """The id of the job and of the model."""

    upload_id: OpaqueId

    consent: Consent

    others: tuple[Consent, ...] = ()
    """Consents of the other people that the model knows; a withdrawal is that of all."""

    recorded_at: str

    withdrawn_at: str | None = None

    @classmethod
    def of(cls, record: ConsentRecord) -> "ConsentView":
        """Return a record as its tenant sees it."""
        return cls(
            id=record.model_id,
            upload_id=record.upload,
            consent=record.consent,
            others=record.others,
            recorded_at=record.recorded_at,
            withdrawn_at=record.withdrawn_at,
        )


class ConsentPage(Document):
    """A page of consents, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[ConsentView, ...]

    next: str | None = None
    """Value of ``after`` for the next page; null: this is the last one."""


class ConsentWithdrawn(Document):
    """Answer of ``POST /v1/consents/{id}:withdraw``."""

    object: Literal["withdrawal"] = "withdrawal"

    consent: ConsentView

    erasure: ErasureAnswer
    """How far the erasure of the upload and its models is; ``unknown``: nothing was left of it."""
