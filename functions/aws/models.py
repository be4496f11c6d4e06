"""The ``models`` table as domain.notices.notices.Models."""

from typing import Any

import boto3
from boto3.dynamodb.conditions import Key

from aws import settings
from aws.clients import CONFIG
from contracts.documents.model import ModelRecord


class DynamoModels:
    """One row for each model of a tenant."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoModels":
        """Open the table that MODELS_TABLE names."""
        dynamodb = boto3.resource("dynamodb", config=CONFIG)
        return cls(dynamodb.Table(settings.text("MODELS_TABLE")))

    def record(self, model: ModelRecord) -> None:
        """Remember a model; the same one again changes nothing."""
        self._table.put_item(Item=model.model_dump())

    def of(self, tenant: str, model_id: str | None = None) -> list[ModelRecord]:
        """Return a tenant's models, the newest first; one of them, or none, when one is named."""
        condition = Key("tenant").eq(tenant)
        if model_id is not None:
            condition &= Key("model_id").eq(model_id)
        question: dict[str, Any] = {"KeyConditionExpression": condition}
        page = self._table.query(**question)
        items = page["Items"]
        while "LastEvaluatedKey" in page:
            page = self._table.query(**question, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        models = [ModelRecord.model_validate(item) for item in items]
        return sorted(models, key=lambda model: model.created_at, reverse=True)
