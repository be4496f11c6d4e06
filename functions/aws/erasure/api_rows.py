"""The kinds of rows in the ``api`` table: whose they are, and what an erasure does with them.

A kind that is not here stops an erasure, so that no row of a person stays because its kind is
new. The keys themselves come from contracts.shared.layout.rows.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from contracts.documents.erasure import ApiStore

Owner = Literal["key", "index", "attribute", "document", "counter", "nobody"]
"""Where the tenant stands: second in the row's key; behind the name of the index; in an attribute;
in the document; third in the key of a counter; or nowhere."""


class RowKind(NamedTuple):
    """One kind of row."""

    begins: str
    """What stands before the first ``#`` of the row's key."""
    store: ApiStore | None
    """Its line in the receipt; None: an erasure leaves it."""
    owner: Owner
    of_model: bool = False
    """Whether the erasure of a model ends the rows that name it."""
    why: str = ""
    """Why an erasure leaves it."""


KINDS = (
    RowKind("key", "API keys", "attribute"),
    RowKind("webhook", "webhooks", "index"),
    RowKind("delivery", "webhook deliveries", "document", of_model=True),
    RowKind("approval", "approvals", "key", of_model=True),
    RowKind("idem", "remembered answers", "key", of_model=True),
    RowKind("picture", "picture orders", "index", of_model=True),
    RowKind("alias", "aliases", "key"),
    RowKind("version", "aliases", "key", of_model=True),
    RowKind("export", "export rows", "index"),
    RowKind("appeal", "appeals", "document"),
    RowKind("rate", "counted calls", "counter"),
    RowKind("consent", None, "nobody", why="proof that somebody had agreed: ids and times"),
    RowKind("takedown", None, "nobody", why="proof of how a report was decided: ids and times"),
)
"""An alias keeps an erased model's id until its versions are set again (decision 0075)."""

_BY_BEGINNING = {kind.begins: kind for kind in KINDS}


class UnknownRowError(Exception):
    """A row is of no kind that is known here; its key is no part of the message."""

    def __init__(self) -> None:
        super().__init__("a row of the api table is of a kind that aws/erasure/api_rows.py lacks")


def kind_of(row: Mapping[str, Any]) -> RowKind:
    """Return a row's kind.

    Raises:
        UnknownRowError: there is no such kind.
    """
    kind = _BY_BEGINNING.get(str(row["row"]).partition("#")[0])
    if kind is None:
        raise UnknownRowError
    return kind


def tenant_of(row: Mapping[str, Any]) -> str | None:
    """Return the tenant of a row; None: it belongs to no tenant.

    >>> tenant_of({"row": "alias#acme#globex"})
    'acme'
    >>> tenant_of({"row": "rate#requests#acme#1"}), tenant_of({"row": "rate#takedowns#1"})
    ('acme', None)
    """
    parts = str(row["row"]).split("#")
    found: dict[Owner, str | None] = {
        "key": parts[1],
        "index": str(row.get("tenant", "")).partition("#")[2],
        "attribute": row.get("tenant"),
        "document": json.loads(str(row.get("document", "{}"))).get("tenant"),
        "counter": parts[2] if len(parts) > len(("rate", "name", "window")) else None,
    }
    return found.get(kind_of(row).owner)


def names_model(row: Mapping[str, Any], model_ids: set[str]) -> bool:
    """Return whether a row goes with one of these models: its id stands anywhere in the row."""
    if not kind_of(row).of_model:
        return False
    text = " ".join(map(str, row.values()))
    return any(model_id in text for model_id in model_ids)
