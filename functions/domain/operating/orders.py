"""What an operator's orders have in common: list the rows, or look one up and act on it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

Row_co = TypeVar("Row_co", covariant=True)
Row = TypeVar("Row")
Answer = TypeVar("Answer")

LISTED = 100

OPERATORS = "#operators"
"""Name under which the audit trail has the operators' decisions; no tenant can have it."""


class Rows(Protocol[Row_co]):
    """The rows on which operators decide."""

    def get(self, ident: str, /) -> Row_co | None:
        """Return a row as last written; None when there is none."""
        ...

    def newest(self, limit: int, before: str | None) -> Sequence[Row_co]:
        """Return at most ``limit`` rows, the newest first; ``before`` is where they begin."""
        ...


class Orders(NamedTuple, Generic[Row, Answer]):
    """What is answered to an operator."""

    listed: Callable[[Sequence[Row]], Answer]
    unknown: Answer
    waits: Callable[[Row], bool]
    """Whether a row waits for an operator: a list has all of these, however many came since."""
    place: Callable[[Row], str]
    """What rows are sorted by."""
    actions: Mapping[str, Callable[[Row], Answer]]
    """What each order does with a row, but for ``list``."""


def carry_out(
    action: str, ident: str | None, rows: Rows[Row], orders: Orders[Row, Answer]
) -> Answer:
    """Answer one order; ``list`` without an id lists the newest rows, and all that wait."""
    if action == "list" and ident is None:
        found = enumerate(every_row(rows, orders.place))
        return orders.listed([row for at, row in found if at < LISTED or orders.waits(row)])
    row = None if ident is None else rows.get(ident)
    if row is None:
        return orders.unknown
    return orders.listed([row]) if action == "list" else orders.actions[action](row)


def every_row(rows: Rows[Row], place: Callable[[Row], str]) -> Iterator[Row]:
    """Yield all rows, the newest first."""
    before: str | None = None
    while page := rows.newest(LISTED, before):
        yield from page
        before = place(page[-1])
