"""The ``models`` table: implements domain.ports.models.Models."""

from typing import Any

from boto3.dynamodb.conditions import Key

from aws import settings
from aws.clients import table
from contracts.documents.model import ModelRecord


class DynamoModels:
    """One row for each model of a tenant."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoModels":
        """Open the table that MODELS_TABLE names."""
        return cls(table(settings.text("MODELS_TABLE")))

    def record(self, model: ModelRecord) -> None:
        """Store a model's record; storing the same record again changes nothing."""
        self._table.put_item(Item=model.model_dump())

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        """Return the tenant's models, newest first; with ``model_id`` only that one, if any."""
        condition = Key("tenant").eq(tenant)
        if model_id is not None:
            condition &= Key("model_id").eq(model_id)
        query: dict[str, Any] = {"KeyConditionExpression": condition}
        page = self._table.query(**query)
        items = page["Items"]
        while "LastEvaluatedKey" in page:
            page = self._table.query(**query, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        models = [ModelRecord.model_validate(item) for item in items]
        return sorted(models, key=lambda model: model.created_at, reverse=True)
