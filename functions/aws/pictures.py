"""Ordered pictures in the ``api`` table, and their queue: implements domain.ports.pictures."""

from typing import Any

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from aws import settings
from aws.clients import CONFIG, client
from contracts.documents.api.pictures import PictureRow, PictureTask
from contracts.shared.layout import picture_row, pictures_index
from domain.ports.pictures import place_of

INDEX = "tenant"
"""The table's index; its key is a text of contracts.shared.layout."""


class DynamoPictures:
    """One row for each order, with the document as JSON text."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> "DynamoPictures":
        """Open the table that API_TABLE names."""
        dynamodb = boto3.resource("dynamodb", config=CONFIG)
        return cls(dynamodb.Table(settings.text("API_TABLE")))

    def add(self, row: PictureRow) -> None:
        """Store a new order's row."""
        self._table.put_item(
            Item={
                "row": picture_row(row.picture_id),
                INDEX: pictures_index(row.tenant),
                "created_at": place_of(row),
                "document": row.model_dump_json(),
                "delete_at": row.delete_at,
            },
            ConditionExpression=Attr("row").not_exists(),
        )

    def get(self, picture_id: str) -> PictureRow | None:
        """Return the row as last written; None when there is none."""
        key = {"row": picture_row(picture_id)}
        item = self._table.get_item(Key=key, ConsistentRead=True).get("Item")
        return None if item is None else PictureRow.model_validate_json(str(item["document"]))

    def of(self, tenant: str, limit: int, before: str | None) -> list[PictureRow]:
        """Return at most ``limit`` of the tenant's rows, the newest first."""
        condition = Key(INDEX).eq(pictures_index(tenant))
        if before is not None:
            condition &= Key("created_at").lt(before)
        query: dict[str, Any] = {
            "IndexName": INDEX,
            "KeyConditionExpression": condition,
            "ScanIndexForward": False,
            "Limit": limit,
        }
        page = self._table.query(**query)
        items = page["Items"]
        while "LastEvaluatedKey" in page and len(items) < limit:
            page = self._table.query(**query, ExclusiveStartKey=page["LastEvaluatedKey"])
            items += page["Items"]
        return [PictureRow.model_validate_json(str(item["document"])) for item in items[:limit]]

    def replace(self, before: PictureRow, after: PictureRow) -> bool:
        """Store the change; False: somebody else has changed the row."""
        try:
            self._table.update_item(
                Key={"row": picture_row(before.picture_id)},
                UpdateExpression="SET document = :after",
                ConditionExpression="document = :before",
                ExpressionAttributeValues={
                    ":before": before.model_dump_json(),
                    ":after": after.model_dump_json(),
                },
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                return False
            raise
        return True


class SqsPictureQueue:
    """The queue that PICTURES_QUEUE_URL names."""

    def __init__(self, url: str, sqs: Any) -> None:  # noqa: ANN401 - boto3
        self._url, self._sqs = url, sqs

    @classmethod
    def from_env(cls) -> "SqsPictureQueue":
        """Use the queue that PICTURES_QUEUE_URL names."""
        return cls(settings.text("PICTURES_QUEUE_URL"), client("sqs"))

    def send(self, task: PictureTask, delay_seconds: int = 0) -> None:
        """Queue an order; no worker gets it before the delay is over."""
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=task.model_dump_json(), DelaySeconds=delay_seconds
        )
