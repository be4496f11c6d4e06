"""The ``models`` table as domain.notices.Models."""

from typing import Any

import boto3

from aws import environment
from aws.clients import CONFIG
from contracts.model import ModelRecord


class DynamoModels:
    """One row for each model of a tenant."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoModels":
        """Open the table that MODELS_TABLE names."""
        dynamodb = boto3.resource("dynamodb", config=CONFIG)
        return cls(dynamodb.Table(environment.text("MODELS_TABLE")))

    def record(self, model: ModelRecord) -> None:
        """Remember a model; the same one again changes nothing."""
        self._table.put_item(Item=model.model_dump())
