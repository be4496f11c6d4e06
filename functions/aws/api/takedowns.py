"""Takedowns in AWS: implements domain.ports.takedown."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from boto3.dynamodb.conditions import Attr

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
from aws.tables import open_table, rows_of
from contracts.documents.takedown import TakedownAnswer, TakedownCase, TakedownOrder
from contracts.shared.layout.rows import TAKEDOWNS_INDEX, takedown_row
from domain.ports.takedown import place_of


class DynamoTakedowns:
    """One row of the api table for each case, with the document as JSON text."""

    def __init__(self, table: Any, kept_days: int) -> None:  # noqa: ANN401 - a boto3 Table
        self._table, self._kept_days = table, kept_days

    @classmethod
    def from_env(cls) -> "DynamoTakedowns":
        """Open the table that API_TABLE names; cases are kept as long as audit entries."""
        return cls(open_table("API_TABLE"), settings.number("AUDIT_RETENTION_DAYS"))

    def add(self, case: TakedownCase) -> None:
        """Store a new case."""
        end = datetime.fromisoformat(case.received_at) + timedelta(days=self._kept_days)
        row, place = takedown_row(case.case_id), place_of(case)
        add_document(self._table, NewRow(row, TAKEDOWNS_INDEX, place, case, int(end.timestamp())))

    def get(self, case_id: str) -> TakedownCase | None:
        """Return the case as last written; None when there is none."""
        return read_document(TakedownCase, self._table, takedown_row(case_id))

    def newest(self, limit: int, before: str | None) -> Sequence[TakedownCase]:
        """Return at most ``limit`` cases, the newest first."""
        return newest_documents(TakedownCase, self._table, TAKEDOWNS_INDEX, limit, before)

    def replace(self, before: TakedownCase, after: TakedownCase) -> bool:
        """Store the change; False: somebody else has changed the case."""
        return replace_document(self._table, takedown_row(before.case_id), before, after)


class DynamoModelIds:
    """Reads both tables whole: a report is rare, and the watermark's id is no key of theirs."""

    def __init__(self, models: Any, jobs: Any) -> None:  # noqa: ANN401 - boto3 Tables
        self._models, self._jobs = models, jobs

    @classmethod
    def from_env(cls) -> "DynamoModelIds":
        """Open the tables that MODELS_TABLE and JOBS_TABLE name."""
        return cls(open_table("MODELS_TABLE"), open_table("JOBS_TABLE"))

    def by_adapter(self) -> Mapping[str, str]:
        """Return the id of each model, by the id in its pictures' marks."""
        models = {row["model_id"]: row["model_id"] for row in rows_of(self._models.scan)}
        trials = rows_of(self._jobs.scan, FilterExpression=Attr("point_of").exists())
        found = {row["job_id"]: row["point_of"] for row in trials if row["point_of"] in models}
        return models | found


class SnsOperators:
    """The topic of the stack's alarms: its subscribers are told of reports too."""

    def __init__(self, topic_arn: str, sns: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._topic_arn, self._sns = topic_arn, sns

    @classmethod
    def from_env(cls) -> "SnsOperators":
        """Use the topic that OPERATIONS_TOPIC_ARN names."""
        return cls(settings.text("OPERATIONS_TOPIC_ARN"), client("sns"))

    def publish(self, subject: str, text: str) -> None:
        """Send a message."""
        self._sns.publish(TopicArn=self._topic_arn, Subject=subject, Message=text)


class LambdaDecider:
    """Calls decide_takedown: the permission to disable models lies with it alone."""

    def __init__(self, function: str, functions: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._function, self._functions = function, functions

    @classmethod
    def from_env(cls) -> "LambdaDecider":
        """Call the function that DECIDE_FUNCTION names."""
        return cls(settings.text("DECIDE_FUNCTION"), client("lambda"))

    def decide(self, order: TakedownOrder) -> TakedownAnswer:
        """Carry out an operator's order.

        Raises:
            FunctionFailedError: the function has failed.
        """
        return ask(self._functions, self._function, order, TakedownAnswer)
