"""Records of consents in the ``api`` table: implements domain.ports.consents.Consents."""

from datetime import datetime, timedelta

from aws.api.table import (
    ApiStore,
    NewRow,
    add_document,
    newest_documents,
    read_document,
    replace_document,
)
from aws.tables import write_if
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.shared.layout.rows import consent_row, consents_index
from contracts.shared.people.consent_texts import EVIDENCE_DAYS
from domain.requests.consent import concerns


class DynamoConsents(ApiStore):
    """One row for each job, with the document as JSON text."""

    def record(self, record: ConsentRecord) -> None:
        """Store a record; the first one of a job stays."""
        row = consent_row(record.model_id)
        owner, end = consents_index(record.tenant), kept_until(ends_of(record))
        new = NewRow(row, owner, record.recorded_at, record, end)
        write_if(add_document, table=self._table, new=new)

    def get(self, model_id: str) -> ConsentRecord | None:
        """Return a job's record as last written; None when there is none."""
        return read_document(ConsentRecord, self._table, consent_row(model_id))

    def of(self, tenant: str) -> list[ConsentRecord]:
        """Return the tenant's records, the newest first."""
        return newest_documents(ConsentRecord, self._table, consents_index(tenant))

    def withdraw(self, subject: ErasureSubject, now: datetime) -> None:
        """Store that the consents to the subject's use were taken back."""
        for record in self.of(subject.tenant):
            if concerns(record, subject) and record.withdrawn_at is None:
                changed = record.model_copy(update={"withdrawn_at": now.isoformat()})
                end = min(kept_until(now), kept_until(ends_of(record)))
                replace_document(self._table, consent_row(record.model_id), record, changed, end)


def ends_of(record: ConsentRecord) -> datetime:
    """Return when the consent ends by itself."""
    return record.ends or datetime.fromisoformat(record.recorded_at)


def kept_until(ends: datetime) -> int:
    """Return the second after which the record of a consent may go."""
    return int((ends + timedelta(days=EVIDENCE_DAYS)).timestamp())
