"""The ``api`` table: what its stores share. A row may be a document as JSON text."""

from itertools import islice
from typing import Any, NamedTuple, Self, TypeVar

from boto3.dynamodb.conditions import Attr, Key

from aws.tables import open_table, rows_of, write_if
from contracts.document import Document

INDEX = "tenant"
"""Index by owner, sorted by ``created_at``; the jobs table has one of the same name and form."""

DOCUMENT = "document"
"""Attribute with a row's document."""

Kind = TypeVar("Kind", bound=Document)


class ApiStore:
    """A store whose rows are in the ``api`` table."""

    def __init__(self, table: Any) -> None:  # noqa: ANN401 - a boto3 Table
        self._table = table

    @classmethod
    def from_env(cls) -> Self:
        """Open the table that API_TABLE names."""
        return cls(open_table("API_TABLE"))


class NewRow(NamedTuple):
    """A row whose document is stored for the first time."""

    row: str
    owner: str
    """The index's key."""
    created_at: str
    document: Document
    delete_at: int | None = None
    """Second in which DynamoDB may delete it; None: it stays."""

    def item(self) -> dict[str, str | int]:
        """Return the row's attributes."""
        found: dict[str, str | int] = {
            "row": self.row,
            INDEX: self.owner,
            "created_at": self.created_at,
            DOCUMENT: self.document.model_dump_json(),
        }
        return found if self.delete_at is None else {**found, "delete_at": self.delete_at}


def newest_first(
    table: Any,  # noqa: ANN401 - a boto3 Table
    owner: str,
    limit: int | None = None,
    before: str | None = None,
) -> list[dict[str, Any]]:
    """Return the rows under a key of the index, the newest first.

    Args:
        table: the api table.
        owner: the index's key.
        limit: largest number of rows; None: all.
        before: only rows whose ``created_at`` is smaller; None: from the newest.
    """
    condition = Key(INDEX).eq(owner)
    if before is not None:
        condition &= Key("created_at").lt(before)
    query = {"IndexName": INDEX, "KeyConditionExpression": condition, "ScanIndexForward": False}
    found = rows_of(table.query, **query, **({} if limit is None else {"Limit": limit}))
    return list(islice(found, limit))


def under(table: Any, owner: str, start: str) -> list[dict[str, Any]]:  # noqa: ANN401 - a boto3 Table
    """Return the rows under a key of the index whose ``created_at`` begins so."""
    condition = Key(INDEX).eq(owner) & Key("created_at").begins_with(start)
    return list(rows_of(table.query, IndexName=INDEX, KeyConditionExpression=condition))


def newest_documents(
    kind: type[Kind],
    table: Any,  # noqa: ANN401 - a boto3 Table
    owner: str,
    limit: int | None = None,
    before: str | None = None,
) -> list[Kind]:
    """Return the documents of ``newest_first``."""
    rows = newest_first(table, owner, limit, before)
    return [kind.model_validate_json(row[DOCUMENT]) for row in rows]


def read_document(
    kind: type[Kind],
    table: Any,  # noqa: ANN401 - a boto3 Table
    row: str,
) -> Kind | None:
    """Return a row's document as last written; None when there is no such row."""
    item = table.get_item(Key={"row": row}, ConsistentRead=True).get("Item")
    return None if item is None else kind.model_validate_json(item[DOCUMENT])


def add_document(table: Any, new: NewRow) -> None:  # noqa: ANN401 - a boto3 Table
    """Store a new row.

    Raises:
        ClientError: there is one of this key, which stays as it is (``write_if`` answers False).
    """
    table.put_item(Item=new.item(), ConditionExpression=Attr("row").not_exists())


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
    return write_if(
        table.update_item,
        Key={"row": row},
        UpdateExpression=change,
        ConditionExpression="#document = :before",
        ExpressionAttributeNames={"#document": DOCUMENT},
        ExpressionAttributeValues=values,
    )
