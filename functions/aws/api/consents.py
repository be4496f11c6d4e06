"""Records of consents in the ``api`` table: implements domain.ports.consents.Consents."""

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from aws.api.table import (
    DOCUMENT,
    NewRow,
    add_document,
    newest_first,
    open_api_table,
    read_text,
    replace_document,
)
from aws.conditional import was_refused
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.erasure import ErasureSubject
from contracts.shared.consent_texts import EVIDENCE_DAYS
from contracts.shared.layout import consent_row, consents_index
from domain.requests.consent import concerns


class DynamoConsents:
    """One row for each job, with the document as JSON text."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoConsents":
        """Open the table that API_TABLE names."""
        return cls(open_api_table())

    def record(self, record: ConsentRecord) -> None:
        """Store a record; the first one of a job stays."""
        row = consent_row(record.model_id)
        owner, end = consents_index(record.tenant), kept_until(ends_of(record))
        try:
            add_document(self._table, NewRow(row, owner, record.recorded_at, record, end))
        except ClientError as error:
            if not was_refused(error):
                raise

    def get(self, model_id: str) -> ConsentRecord | None:
        """Return a job's record as last written; None when there is none."""
        found = read_text(self._table, consent_row(model_id))
        return None if found is None else ConsentRecord.model_validate_json(found)

    def of(self, tenant: str) -> list[ConsentRecord]:
        """Return the tenant's records, the newest first."""
        rows = newest_first(self._table, consents_index(tenant))
        return [ConsentRecord.model_validate_json(row[DOCUMENT]) for row in rows]

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
