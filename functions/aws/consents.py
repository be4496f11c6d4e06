"""Records of consents in the ``api`` table: implements domain.ports.consents.Consents."""

from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from aws.api_table import (
    DOCUMENT,
    INDEX,
    newest_first,
    open_api_table,
    read_text,
)
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
        try:
            self._table.put_item(
                Item={
                    "row": consent_row(record.model_id),
                    INDEX: consents_index(record.tenant),
                    "created_at": record.recorded_at,
                    DOCUMENT: record.model_dump_json(),
                    "delete_at": kept_until(ends_of(record)),
                },
                ConditionExpression=Attr("row").not_exists(),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
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
                self._replace(record, changed, min(kept_until(now), kept_until(ends_of(record))))

    def _replace(self, before: ConsentRecord, after: ConsentRecord, delete_at: int) -> None:
        """Store a changed record; do nothing if somebody else has changed it."""
        try:
            self._table.update_item(
                Key={"row": consent_row(before.model_id)},
                UpdateExpression="SET #document = :after, delete_at = :end",
                ConditionExpression=Attr(DOCUMENT).eq(before.model_dump_json()),
                ExpressionAttributeNames={"#document": DOCUMENT},
                ExpressionAttributeValues={":after": after.model_dump_json(), ":end": delete_at},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def ends_of(record: ConsentRecord) -> datetime:
    """Return when the consent ends by itself."""
    return record.consent.expires_at or datetime.fromisoformat(record.recorded_at)


def kept_until(ends: datetime) -> int:
    """Return the second after which the record of a consent may go."""
    return int((ends + timedelta(days=EVIDENCE_DAYS)).timestamp())
