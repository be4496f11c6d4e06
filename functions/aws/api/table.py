"""The ``api`` table: what its stores share. A row may be a document as JSON text."""

from typing import Any, NamedTuple

from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import ClientError

from aws import clients, settings
from aws.conditional import was_refused
from contracts.document import Document

INDEX = "tenant"
"""Index by owner, sorted by ``created_at``; the jobs table has one of the same name and form."""

DOCUMENT = "document"
"""Attribute with a row's document."""


class NewRow(NamedTuple):
    """A row whose document is stored for the first time."""

    row: str
    owner: str
    """The index's key."""
    created_at: str
    document: Document
    delete_at: int | None = None
    """Second in which DynamoDB may delete it; None: it stays."""


def open_api_table() -> Any:  # noqa: ANN401 - a boto3 Table
    """Return the table that API_TABLE names."""
    return clients.table(settings.text("API_TABLE"))


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
    return _rows(table, condition, limit)


def under(table: Any, owner: str, start: str) -> list[dict[str, Any]]:  # noqa: ANN401 - a boto3 Table
    """Return the rows under a key of the index whose ``created_at`` begins so."""
    return _rows(table, Key(INDEX).eq(owner) & Key("created_at").begins_with(start))


def _rows(
    table: Any,  # noqa: ANN401 - a boto3 Table
    condition: Any,  # noqa: ANN401 - boto3's
    limit: int | None = None,
) -> list[dict[str, Any]]:
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


def add_document(table: Any, new: NewRow) -> None:  # noqa: ANN401 - a boto3 Table
    """Store a new row.

    Raises:
        ClientError: there is one of this key (``was_refused``), which stays as it is.
    """
    item: dict[str, str | int] = {
        "row": new.row,
        INDEX: new.owner,
        "created_at": new.created_at,
        DOCUMENT: new.document.model_dump_json(),
    }
    if new.delete_at is not None:
        item["delete_at"] = new.delete_at
    table.put_item(Item=item, ConditionExpression=Attr("row").not_exists())


def replace_document(
    table: Any,  # noqa: ANN401 - a boto3 Table
    row: str,
    before: Document,
    after: Document,
    delete_at: int | None = None,
) -> bool:
    """Store a changed document; False: somebody else has changed or removed the row.

    Args:
        table: the api table.
        row: the row's key.
        before: the document as it was read.
        after: the document as it is to be.
        delete_at: second in which DynamoDB may delete the row; None: as before.
    """
    values: dict[str, str | int] = {
        ":before": before.model_dump_json(),
        ":after": after.model_dump_json(),
    }
    change = "SET #document = :after"
    if delete_at is not None:
        change, values[":end"] = f"{change}, delete_at = :end", delete_at
    try:
        table.update_item(
            Key={"row": row},
            UpdateExpression=change,
            ConditionExpression="#document = :before",
            ExpressionAttributeNames={"#document": DOCUMENT},
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if was_refused(error):
            return False
        raise
    return True
