"""The ``api`` table: what its stores share. A row may be a document as JSON text."""

from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from aws import settings
from aws.clients import CONFIG
from contracts.document import Document

INDEX = "tenant"
"""Index by owner, sorted by ``created_at``; the jobs table has one of the same name and form."""

DOCUMENT = "document"
"""Attribute with a row's document."""


def open_api_table() -> Any:  # noqa: ANN401 - a boto3 Table
    """Return the table that API_TABLE names."""
    dynamodb = boto3.resource("dynamodb", config=CONFIG)
    return dynamodb.Table(settings.text("API_TABLE"))


def newest_first(
    table: Any,  # noqa: ANN401 - a boto3 Table
    owner: str,
    limit: int | None = None,
    before: str | None = None,
) -> list[dict[str, Any]]:
    """Return the rows under a key of the index, the newest first.

    Args:
        table: the api table or the jobs table.
        owner: the index's key.
        limit: largest number of rows; None: all.
        before: only rows whose ``created_at`` is smaller; None: from the newest.
    """
    condition = Key(INDEX).eq(owner)
    if before is not None:
        condition &= Key("created_at").lt(before)
    query: dict[str, Any] = {
        "IndexName": INDEX,
        "KeyConditionExpression": condition,
        "ScanIndexForward": False,
    }
    if limit is not None:
        query["Limit"] = limit
    page = table.query(**query)
    rows: list[dict[str, Any]] = page["Items"]
    while "LastEvaluatedKey" in page and (limit is None or len(rows) < limit):
        page = table.query(**query, ExclusiveStartKey=page["LastEvaluatedKey"])
        rows += page["Items"]
    return rows[:limit]


def read_text(table: Any, row: str) -> str | None:  # noqa: ANN401 - a boto3 Table
    """Return a row's document as last written; None when there is no such row."""
    item = table.get_item(Key={"row": row}, ConsistentRead=True).get("Item")
    return None if item is None else str(item[DOCUMENT])


def replace_document(
    table: Any,  # noqa: ANN401 - a boto3 Table
    row: str,
    before: Document,
    after: Document,
) -> bool:
    """Store a changed document; False: somebody else has changed or removed the row."""
    try:
        table.update_item(
            Key={"row": row},
            UpdateExpression="SET #document = :after",
            ConditionExpression="#document = :before",
            ExpressionAttributeNames={"#document": DOCUMENT},
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
