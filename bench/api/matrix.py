"""Every door with an id, tried by owner, other tenant and nobody, however the id is written."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from bench.api.gateway import Gateway
from domain.callers.keys import make_key
from http_api.services import Services
from tests.unit.runtime.api_kit import ALL
from tests.unit.runtime.test_http_api_routes import BODIES, DOORS, MINE, MISSING, with_everything

Spell = Callable[[str], str]
SPELLINGS: dict[str, Spell] = {
    "as it is": str,
    "upper case": str.upper,
    "encoded": lambda one: "".join(f"%{ord(c):02x}" for c in one),
    "encoded twice": lambda one: "".join(f"%25{ord(c):02x}" for c in one),
    "with a path": lambda one: f"..%2f..%2facme%2f{one}",
    "with a null": lambda one: f"{one}%00",
    "with a space": lambda one: f"{one}%20",
}


class Tried(NamedTuple):
    """One door, one caller, one spelling."""

    door: str
    caller: str
    spelling: str
    kept: bool
    """Whether the answer gave nothing away and changed nothing."""


def tried() -> Iterator[Tried]:
    """Yield the verdict on each door of the matrix."""
    for method, path in DOORS:
        door = f"{method} {path}"
        yield Tried(door, "owner", "as it is", _opens(method, path))
        for name, spell in SPELLINGS.items():
            for caller in ("other tenant", "other tenant's mock key"):
                yield Tried(door, caller, name, _same(method, path, spell, caller))
            for caller in ("nobody", "a made-up key"):
                yield Tried(door, caller, name, _refused(method, path, spell, caller))


def _opens(method: str, path: str) -> bool:
    stores = with_everything()
    return _ask(stores, method, path, MINE, _token(stores, "owner"))[0] < 300  # noqa: PLR2004


def _same(method: str, path: str, spell: Spell, caller: str) -> bool:
    """Return whether "not yours" and "not there" are one answer, and nothing has changed."""
    stores = with_everything()
    token = _token(stores, caller)
    before = _kept(stores)
    theirs, nothing = (
        _without(ids, _ask(stores, method, path, ids, token))
        for ids in ({name: spell(one) for name, one in known.items()} for known in (MINE, MISSING))
    )
    made_up = {200, 202} if "mock" in caller else set()
    return theirs == nothing and theirs[0] in {403, 404, 422} | made_up and before == _kept(stores)


def _without(ids: dict[str, str], answer: tuple[int, str]) -> tuple[int, str]:
    """Return an answer without the ids that were asked for: what is made up repeats them."""
    status, body = answer
    for one in ids.values():
        body = body.replace(json.dumps(unquote(one)), '"ID"')
    return status, re.sub(r'"erasure_id":"[0-9a-f]{32}"', '"ID"', body)


def _refused(method: str, path: str, spell: Spell, caller: str) -> bool:
    stores = with_everything()
    before = _kept(stores)
    ids = {name: spell(one) for name, one in MINE.items()}
    status, _body = _ask(stores, method, path, ids, _token(stores, caller))
    return status == 401 and before == _kept(stores)  # noqa: PLR2004


def _token(stores: Services, caller: str) -> str:
    """Return the key of a caller, after it was added to the stores."""
    if caller in {"nobody", "a made-up key"}:
        return "" if caller == "nobody" else f"lk_live_{'1' * 16}_{'0' * 64}"
    tenant, mode = (
        ("acme" if caller == "owner" else "globex"),
        "mock" if "mock" in caller else "live",
    )
    made = make_key(tenant, "matrix", ALL, stores.now(), mode="mock" if mode == "mock" else "live")
    stores.keys.add(made.stored)
    return made.token


def _ask(
    stores: Services, method: str, path: str, ids: dict[str, str], token: str
) -> tuple[int, str]:
    """Return status and body; API Gateway decodes a path once."""
    real = unquote(re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "0"), path))
    headers = {"content-type": "application/json"} | (
        {"authorization": f"Bearer {token}"} if token else {}
    )
    event: dict[str, Any] = {
        "version": "2.0",
        "rawPath": real,
        "headers": headers,
        "queryStringParameters": {},
        "requestContext": {
            "requestId": "request",
            "http": {"method": method, "path": real},
            "stage": "$default",
        },
    }
    if path in BODIES:
        event["body"] = json.dumps(BODIES[path])
    answer = Gateway(stores).answer(event)
    return int(answer["statusCode"]), str(answer["body"])


def _kept(stores: Any) -> str:  # noqa: ANN401 - the fakes behind the ports
    """Return what a stranger might have changed, as text."""
    keys = {
        name: row.model_copy(update={"last_used_at": None})
        for name, row in stores.keys.rows.items()
    }
    hooks = stores.webhooks.webhooks
    return repr((stores.uploads.objects, keys, stores.approvals.rows, hooks.of("acme")))
