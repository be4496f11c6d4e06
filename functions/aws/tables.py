"""DynamoDB tables: how every store opens one, reads all pages, and writes under a condition."""

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from aws import settings
from aws.clients import table


def open_table(variable: str) -> Any:  # noqa: ANN401 - a boto3 Table
    """Return the table that this environment variable names."""
    return table(settings.text(variable))


def rows_of(read: Callable[..., Any], **request: object) -> Iterator[dict[str, Any]]:
    """Yield the rows of every page; a page is read when its first row is asked for.

    Args:
        read: ``query`` or ``scan`` of a table.
        request: what to call it with; an ``ExclusiveStartKey`` says where to begin.
    """
    page = read(**request)
    yield from page["Items"]
    while "LastEvaluatedKey" in page:
        page = read(**{**request, "ExclusiveStartKey": page["LastEvaluatedKey"]})
        yield from page["Items"]


def write_if(write: Callable[..., object], **request: object) -> bool:
    """Make a conditional write; return False when its condition does not hold.

    Args:
        write: ``put_item`` or ``update_item`` of a table, or what calls one of them.
        request: what to call it with; ``ConditionExpression`` is part of it.

    Raises:
        ClientError: the write has failed for another reason.
    """
    try:
        write(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            return False
        raise
    return True
