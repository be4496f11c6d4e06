"""The ``models`` table: implements domain.ports.models.Models."""

from typing import Any

from boto3.dynamodb.conditions import Key

from aws.tables import open_table, rows_of
from contracts.documents.model import ModelRecord


class DynamoModels:
    """One row for each model of a tenant."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoModels":
        """Open the table that MODELS_TABLE names."""
        return cls(open_table("MODELS_TABLE"))

    def record(self, model: ModelRecord) -> None:
        """Store a model's record; storing the same record again changes nothing."""
        self._table.put_item(Item=model.model_dump())

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        """Return the tenant's models, newest first; with ``model_id`` only that one, if any."""
        condition = Key("tenant").eq(tenant)
        if model_id is not None:
            condition &= Key("model_id").eq(model_id)
        rows = rows_of(self._table.query, KeyConditionExpression=condition)
        models = [ModelRecord.model_validate(row) for row in rows]
        return sorted(models, key=lambda model: model.created_at, reverse=True)
