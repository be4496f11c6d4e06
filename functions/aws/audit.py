"""The audit table: implements domain.ports.audit.AuditTrail.

The functions' roles may put rows and not change or delete one, and the table's own policy refuses
both to everybody in the account. A put has a condition, so it replaces no row.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Attr, Key

from aws import settings
from aws.tables import open_table, rows_of, write_if
from contracts.documents.audit import OWNER, PLACE, AuditEntry, owner_of, row_of


class DynamoAudit:
    """See the Protocol AuditTrail for what each method promises."""

    def __init__(self, table: Any, kept_days: int) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table
        self._kept_days = kept_days

    @classmethod
    def from_env(cls) -> "DynamoAudit":
        """Open the table that AUDIT_TABLE names."""
        return cls(open_table("AUDIT_TABLE"), settings.number("AUDIT_RETENTION_DAYS"))

    def add(self, tenant: str, entry: AuditEntry) -> None:
        """Store an entry of a tenant; an entry that is there stays as it is."""
        row = row_of(tenant, entry, self._kept_days)
        write_if(self._table.put_item, Item=row, ConditionExpression=Attr(PLACE).not_exists())

    def of(self, tenant: str, limit: int, before: str | None) -> Sequence[AuditEntry]:
        """Return at most ``limit`` entries of a tenant, the newest first."""
        condition = Key(OWNER).eq(owner_of(tenant))
        if before is not None:
            condition &= Key(PLACE).lt(before)
        rows = rows_of(
            self._table.query, KeyConditionExpression=condition, ScanIndexForward=False, Limit=limit
        )
        return [AuditEntry.model_validate(_document(row)) for row in islice(rows, limit)]


def _document(row: dict[str, Any]) -> dict[str, Any]:
    own = {OWNER, PLACE, "delete_at"}
    return {name: value for name, value in row.items() if name not in own} | {
        "schema_version": int(row["schema_version"])
    }
