"""The records of consents, which outlive what was consented to."""

from datetime import datetime
from typing import Protocol

from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject


class Consents(Protocol):
    """One record for each accepted request with a consent. Every method may be called again."""

    def record(self, record: ConsentRecord) -> None:
        """Store a record; the first one of a job stays."""
        ...

    def get(self, model_id: str) -> ConsentRecord | None:
        """Return a job's record as last written; None when there is none."""
        ...

    def of(self, tenant: str) -> list[ConsentRecord]:
        """Return the tenant's records, the newest first."""
        ...

    def withdraw(self, subject: ErasureSubject, now: datetime) -> None:
        """Store that the consents to a tenant's, an upload's or a model's use were taken back.

        A consent that was withdrawn before keeps its time.
        """
        ...
