"""Cursor lists: a page, and the opaque text with which the next one is asked for."""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Query

from contracts.documents.api.problem import FieldProblem
from http_api.problems import ApiError

T = TypeVar("T")

PLACE = re.compile(r"20[0-9T:.+-]{8,38}#[\w-]{1,64}")
"""The key of a row in an index of DynamoDB, which refuses a key without a value."""

Limit = Annotated[int, Query(ge=1, le=100, description="Largest number of entries on the page.")]
After = Annotated[
    str | None,
    Query(max_length=200, description="`next` of the page before; absent: from the start."),
]


def page(
    rows: Sequence[T], key: Callable[[T], str], limit: int, after: str | None
) -> tuple[Sequence[T], str | None]:
    """Return at most ``limit`` rows behind the cursor, and the cursor of the rest.

    Args:
        rows: sorted, the newest first, so that ``key`` falls.
        key: unique, and falling along ``rows``.
        limit: 1 to 100.
        after: a cursor that this function made.

    Raises:
        ApiError: the cursor is not one of ours.
    """
    place = None if after is None else read_cursor(after)
    rest = rows if place is None else [row for row in rows if key(row) < place]
    shown = rest[:limit]
    return shown, urlsafe_b64encode(key(shown[-1]).encode()).decode() if len(rest) > limit else None


def newest_page(
    newest: Callable[[int, str | None], Sequence[T]],
    key: Callable[[T], str],
    limit: int,
    after: str | None,
) -> tuple[Sequence[T], str | None]:
    """Return a page of a store's rows, the newest first, and the cursor of the rest.

    Args:
        newest: takes a limit and a key; returns at most that many rows behind this key, the newest
            first; None in place of a key: from the start.
        key: a row's time and id, as ``PLACE`` has it.
        limit: 1 to 100.
        after: a cursor that this module made.

    Raises:
        ApiError: the cursor is not one of ours.
    """
    before = None if after is None else read_cursor(after)
    return page(newest(limit + 1, before), key, limit, None)


def read_cursor(cursor: str) -> str:
    """Return the key of the last entry of the page before.

    Raises:
        ApiError: the cursor is not one of ours.
    """
    try:
        place = b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise _no_cursor() from None
    if PLACE.fullmatch(place) is None:
        raise _no_cursor()
    return place


def _no_cursor() -> ApiError:
    words = "is not the `next` of a page of this list"
    return ApiError("invalid_call", errors=[FieldProblem(field="query.after", message=words)])
