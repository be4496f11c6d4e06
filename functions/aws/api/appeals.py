"""Appeals in AWS: implements domain.ports.appeals."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aws import settings
from aws.api.table import (
    NewRow,
    add_document,
    newest_documents,
    read_document,
    replace_document,
)
from aws.clients import client
from aws.functions import ask
from aws.tables import open_table, write_if
from contracts.documents.appeal import AppealAnswer, AppealOrder, AppealRow
from contracts.shared.layout.rows import APPEALS_INDEX, appeal_row
from domain.ports.appeals import place_of


class DynamoAppeals:
    """One row of the api table for each appeal, with the document as JSON text."""

    def __init__(self, table: Any, kept_days: int) -> None:  # noqa: ANN401 - a boto3 Table
        self._table, self._kept_days = table, kept_days

    @classmethod
    def from_env(cls) -> "DynamoAppeals":
        """Open the table that API_TABLE names; appeals are kept as long as audit entries."""
        return cls(open_table("API_TABLE"), settings.number("AUDIT_RETENTION_DAYS"))

    def add(self, row: AppealRow) -> bool:
        """Store a new appeal; False: there is one of this id, which stays as it is."""
        end = datetime.fromisoformat(row.asked_at) + timedelta(days=self._kept_days)
        key = appeal_row(row.appeal_id)
        new = NewRow(key, APPEALS_INDEX, place_of(row), row, int(end.timestamp()))
        return write_if(lambda: add_document(self._table, new))

    def get(self, appeal_id: str) -> AppealRow | None:
        """Return the appeal as last written; None when there is none."""
        return read_document(AppealRow, self._table, appeal_row(appeal_id))

    def newest(self, limit: int, before: str | None) -> Sequence[AppealRow]:
        """Return at most ``limit`` appeals, the newest first."""
        return newest_documents(AppealRow, self._table, APPEALS_INDEX, limit, before)

    def replace(self, before: AppealRow, after: AppealRow) -> bool:
        """Store the change; False: somebody else has changed the appeal, or it was erased."""
        return replace_document(self._table, appeal_row(before.appeal_id), before, after)


class LambdaAppealDecider:
    """Calls decide_appeal: the permission to let texts through lies with it alone."""

    def __init__(self, function: str, functions: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._function, self._functions = function, functions

    @classmethod
    def from_env(cls) -> "LambdaAppealDecider":
        """Call the function that APPEAL_FUNCTION names."""
        return cls(settings.text("APPEAL_FUNCTION"), client("lambda"))

    def decide(self, order: AppealOrder) -> AppealAnswer:
        """Carry out an operator's order.

        Raises:
            FunctionFailedError: the function has failed.
        """
        return ask(self._functions, self._function, order, AppealAnswer)
