"""Which requests of the API are written into the audit trail, and what an entry says.

Every request that changes something is, whatever its route, so no route can forget it.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from contracts.documents.api.callers import Caller
from domain.audit.entries import Deed, record
from http_api.services import Services

READS = frozenset(
    {
        "GET /v1/models/{model_id}/files",
        "GET /v1/exports/{export_id}/file",
        "GET /v1/takedowns/{case_id}/evidence",
        "GET /v1/appeals/{appeal_id}/evidence",
        "GET /v1/uploads/{upload_id}/photos",
    }
)
"""Addresses whose reading is recorded too: whoever has a model's files has the model, whoever has
an archive has everything, a reported picture may be intimate, a refused text is a tenant's own, and
photos show people."""

ANSWERED = ("id", "erasure_id")
"""Fields of an answer that name what was made."""


def write_down(
    services: Services, caller: Caller, door: str, ids: Iterable[tuple[str, str]], body: str
) -> None:
    """Store an entry for a request that was answered well.

    Args:
        services: the stores.
        caller: who has called.
        door: the method and the route's address, as DELETE /v1/models/{model_id}.
        ids: kind and id of what is in the address, and of what the route has touched.
        body: the answer's JSON.
    """
    if door.startswith("GET ") and door not in READS:
        return
    deed = Deed(caller.subject, door, [*ids, *_made(body)])
    record(services.audit, caller.tenant, deed, services.now())


def _made(body: str) -> Iterator[tuple[str, str]]:
    found: Any = json.loads(body)
    if isinstance(found, dict):
        for kind in ANSWERED:
            if isinstance(found.get(kind), str):
                yield kind, found[kind]
