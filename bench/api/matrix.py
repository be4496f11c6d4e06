"""Every door of the API, tried by owner, stranger, operator and nobody, however an id is written.

Doors have an id in the address or in the body, or list things, or make things; reports of pictures
belong to no tenant. A door is kept when its answer tells a stranger nothing and
nothing of the owner's has changed.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from bench.api.gateway import Gateway
from contracts.documents.takedown import TakedownView
from domain.callers.keys import make_key
from http_api.aws_callers import SCOPES
from http_api.front import OPEN
from http_api.services import Services
from tests.unit.runtime.api_kit import ALL
from tests.unit.runtime.everything_kit import MINE, with_everything
from tests.unit.runtime.test_http_api_routes import (
    BODIES,
    DOORS,
    MAKERS,
    MISSING,
    OPERATIONS,
    REQUEST,
)

Spell = Callable[[str], str]
Ids = dict[str, str]
SPELLINGS: dict[str, Spell] = {
    "as it is": str,
    "upper case": str.upper,
    "encoded": lambda one: "".join(f"%{ord(c):02x}" for c in one),
    "encoded twice": lambda one: "".join(f"%25{ord(c):02x}" for c in one),
    "with a path": lambda one: f"..%2f..%2facme%2f{one}",
    "with a signed path": lambda one: f"..%2f..%2f..%2facme%2fv1%2fmodels%2f{one}",
    "with a null": lambda one: f"{one}%00",
    "with a space": lambda one: f"{one}%20",
}
CASE = f"td_{1:032x}"
"""The case that ``with_everything`` has."""
KEY = "matrix"
"""The name of the keys that callers get here."""

PERSON = "person@example.org"
"""The address of the person whom it has invited."""
OPERATORS = [
    ("GET", "/v1/takedowns/{case_id}/evidence", None),
    ("POST", "/v1/takedowns/{case_id}:accept", {"models": [MINE["model_id"]]}),
    ("POST", "/v1/takedowns/{case_id}:refuse", {"why": "no_mark"}),
    ("POST", "/v1/takedowns/{case_id}:restore", None),
    ("GET", "/v1/appeals/{appeal_id}/evidence", None),
    ("POST", "/v1/appeals/{appeal_id}:grant", None),
    ("POST", "/v1/appeals/{appeal_id}:refuse", {"why": "rule_is_right"}),
]
LISTS = [(method, path) for method, path in OPERATIONS if method == "GET" and "{" not in path]
OPERATOR_LISTS = {"/v1/takedowns", "/v1/appeals"}


def _training(ids: Ids) -> object:
    return {"upload_id": ids["upload_id"], "request": REQUEST}


def _openai(ids: Ids) -> object:
    return {"model": ids["model_id"], "prompt": "a photo of sks person"}


def _alias(ids: Ids) -> object:
    return {"name": "b1", "versions": [{"model_id": ids["model_id"], "weight": 1}]}


IN_BODIES: dict[str, Callable[[Ids], object]] = {
    "/v1/models": _training,
    "/v1/aliases": _alias,
    "/v1/images/generations": _openai,
}
"""Doors whose body names a thing of the tenant."""


class Caller(NamedTuple):
    """Somebody who tries a door."""

    name: str
    tenant: str = ""
    scopes: tuple[Any, ...] = ALL
    mode: Any = "live"
    token: str | None = None
    """Sent instead of a key of the tenant; empty: no credential."""
    signs: bool = False
    """Whether the request is signed with AWS credentials, and goes to the tenant's own address."""
    believed: bool = True
    """Whether API Gateway has checked the signature, as the route demands."""


OWNER = Caller("owner", "acme")
SIGNED_OWNER = Caller("owner, signed", "acme", SCOPES, signs=True)
STRANGERS = (
    Caller("other tenant", "globex"),
    Caller("other tenant's mock key", "globex", mode="mock"),
    Caller("other tenant, signed", "globex", SCOPES, signs=True),
    Caller("operator", "stack", ("operate",)),
)
NOBODIES = (
    Caller("nobody", token=""),
    Caller("a made-up key", token=f"lk_live_{'1' * 16}_{'0' * 64}"),
    Caller("nobody at the signed address", "acme", token="", signs=True, believed=False),
    Caller("a key at the signed address", "acme", signs=True, believed=False),
)


class Tried(NamedTuple):
    """One door, one caller, one spelling."""

    door: str
    caller: str
    spelling: str
    kept: bool
    """Whether the owner got in; of others, whether they learnt and changed nothing."""


def tried() -> Iterator[Tried]:
    """Yield the verdict on each door of the matrix."""
    for method, path in (*DOORS, *(("POST", path) for path in IN_BODIES)):
        door = f"{method} {path}"
        yield Tried(door, OWNER.name, "as it is", _opens(method, path, OWNER))
        yield Tried(door, SIGNED_OWNER.name, "as it is", _as_a_key(method, path))
        for name, spell in SPELLINGS.items():
            for caller in STRANGERS:
                yield Tried(door, caller.name, name, _same(method, path, spell, caller))
            for caller in NOBODIES:
                yield Tried(door, caller.name, name, _refused(method, path, spell, caller))
    yield from _lists()
    yield from _makers()
    yield from _invitations()
    yield from _reports()


def _lists() -> Iterator[Tried]:
    """Yield the verdict on each list: the owner's things stand in the owner's list alone."""
    for method, path in LISTS:
        if f"{method} {path}" in OPEN:
            continue
        opener = STRANGERS[-1] if path in OPERATOR_LISTS else OWNER
        yield Tried(f"{method} {path}", opener.name, "as it is", _opens(method, path, opener))
        for caller in (*STRANGERS, *NOBODIES):
            if caller != opener:
                kept = _tells_nothing(method, path, caller)
                yield Tried(f"{method} {path}", caller.name, "as it is", kept)


def _makers() -> Iterator[Tried]:
    """Yield the verdict on doors that name nothing: what a stranger makes is the stranger's own."""
    for (method, path), body in MAKERS.items():
        for caller in (*STRANGERS, *NOBODIES):
            stores = with_everything()
            before = _kept(stores)
            status, _ = _ask(stores, method, path, MINE, caller, body)
            expected = {401} if caller in NOBODIES else {200, 202, 403, 404}
            kept = status in expected and before == _kept(stores)
            yield Tried(f"{method} {path}", caller.name, "as it is", kept)


def _invitations() -> Iterator[Tried]:
    """Yield the verdict on addresses: whether one signs in for another tenant, nobody learns."""
    for caller in STRANGERS:
        theirs, nothing = (_invited(caller, email) for email in (PERSON, "nobody@example.org"))
        yield Tried("POST /v1/members", caller.name, "another tenant's person", theirs == nothing)


def _invited(caller: Caller, email: str) -> list[tuple[int, str]]:
    """Return what a caller sees of an invitation: its answer, a second one's, and the list."""
    stores, body = with_everything(), {"email": email}
    asked = [("POST", body), ("POST", body), ("GET", None)]
    answers = [_ask(stores, method, "/v1/members", {}, caller, sent) for method, sent in asked]
    return [(status, text.replace(email, "ADDRESS")) for status, text in answers]


def _tells_nothing(method: str, path: str, caller: Caller) -> bool:
    stores = with_everything()
    status, body = _ask(stores, method, path, MINE, caller)
    if caller in NOBODIES:
        return status == 401  # noqa: PLR2004
    mock = caller.mode == "mock"
    words = set() if mock else {*MINE.values(), CASE, "acme", PERSON}
    return status in {200, 403} and not any(f'"{word}' in body for word in words)


def _reports() -> Iterator[Tried]:
    """Yield the verdict on reports: operators decide, and anybody with its id asks for a case."""
    known = {"case_id": CASE, "appeal_id": MINE["appeal_id"]}
    unknown = {name: ident.replace("1", "9") for name, ident in known.items()}
    others = (OWNER, *STRANGERS[:-1], *NOBODIES[:2])
    for method, path, body in OPERATORS:
        door, operator = f"{method} {path}", STRANGERS[-1]
        status, _ = _ask(with_everything(), method, path, known, operator, body)
        yield Tried(door, operator.name, "as it is", status in {200, 409})
        for caller in others:
            stores = with_everything()
            before = _kept(stores)
            theirs, nothing = (
                _ask(stores, method, path, ids, caller, body) for ids in (known, unknown)
            )
            refused = theirs[0] == (401 if caller in NOBODIES else 403)
            kept = refused and theirs == nothing and before == _kept(stores)
            yield Tried(door, caller.name, "as it is", kept)
    method, path = "GET", "/v1/takedowns/{case_id}"
    for caller in others:
        status, text = _ask(with_everything(), method, path, known, caller)
        shown = status == 200 and set(json.loads(text)) == set(TakedownView.model_fields)  # noqa: PLR2004
        absent = _ask(with_everything(), method, path, unknown, caller)[0] == 404  # noqa: PLR2004
        yield Tried(f"{method} {path}", caller.name, "as it is", shown and absent)


def _opens(method: str, path: str, caller: Caller) -> bool:
    """Return whether the door opens; OpenAI's waits in vain, because nothing draws here."""
    status, body = _ask(with_everything(), method, path, MINE, caller)
    return status < 300 or "picture_not_in_time" in body  # noqa: PLR2004


def _as_a_key(method: str, path: str) -> bool:
    """Return whether a signed request is answered as one with a key of the same scopes."""
    keyed = SIGNED_OWNER._replace(signs=False)
    signed, plain = (
        _without(MINE, _ask(with_everything(), method, path, MINE, caller))
        for caller in (SIGNED_OWNER, keyed)
    )
    return signed == plain and signed[0] not in {401, 404, 422}


def _same(method: str, path: str, spell: Spell, caller: Caller) -> bool:
    """Return whether "not yours" and "not there" are one answer, and nothing has changed."""
    stores = with_everything()
    before = _kept(stores)
    theirs, nothing = (
        _without(ids, _ask(stores, method, path, ids, caller))
        for ids in ({name: spell(one) for name, one in known.items()} for known in (MINE, MISSING))
    )
    made_up = {200, 202} if caller.mode == "mock" else set()
    return theirs == nothing and theirs[0] in {403, 404, 422} | made_up and before == _kept(stores)


def _without(ids: Ids, answer: tuple[int, str]) -> tuple[int, str]:
    """Return an answer without the ids that were asked for, and without those that were drawn."""
    status, body = answer
    for one in ids.values():
        body = body.replace(json.dumps(unquote(one)), '"ID"').replace(f"/{unquote(one)}/", "/ID/")
    drawn = r'"(lk_live_\w+|whsec_[^"]+|pic_[0-9a-f]{24}|msg_[0-9a-f]+|[0-9a-f]{16}|[0-9a-f]{32})"'
    body = re.sub(r'"seed":\d+', '"seed":0', body)
    return status, re.sub(drawn, '"ID"', body)


def _refused(method: str, path: str, spell: Spell, caller: Caller) -> bool:
    stores = with_everything()
    before = _kept(stores)
    ids = {name: spell(one) for name, one in MINE.items()}
    status, _body = _ask(stores, method, path, ids, caller)
    return status == 401 and before == _kept(stores)  # noqa: PLR2004


def _token(stores: Services, caller: Caller) -> str:
    """Return what a caller sends; a key is added to the stores."""
    if caller.token is not None:
        return caller.token
    made = make_key(caller.tenant, KEY, caller.scopes, stores.now(), mode=caller.mode)
    stores.keys.add(made.stored)
    return made.token


def _ask(  # noqa: PLR0913, PLR0917 - the parts of a request
    stores: Services, method: str, path: str, ids: Ids, caller: Caller, body: object = None
) -> tuple[int, str]:
    """Return status and body; API Gateway decodes a path once."""
    filled = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "0"), path)
    real = unquote(f"/iam/{caller.tenant}{filled}" if caller.signs else filled)
    token = "" if caller.signs and caller.believed else _token(stores, caller)
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
    sent = IN_BODIES[path](ids) if method == "POST" and path in IN_BODIES else BODIES.get(path)
    if body is not None or sent is not None:
        event["body"] = json.dumps(sent if body is None else body)
    answer = Gateway(stores).answer(event, signed=caller.signs and caller.believed)
    return int(answer["statusCode"]), str(answer["body"])


def _kept(stores: Any) -> str:  # noqa: ANN401 - the fakes behind the ports
    """Return what a stranger might have changed, as text."""
    keys = {
        name: row.model_copy(update={"last_used_at": None})
        for name, row in stores.keys.rows.items()
        if row.tenant == "acme" and row.name != KEY
    }
    hooks, pictures = stores.webhooks.webhooks, stores.pictures.pictures
    strangers = [one for one in stores.eraser.asked if one.tenant != "acme"]
    return repr(
        (
            stores.uploads.objects, stores.documents.objects, keys, stores.approvals.rows,
            hooks.of("acme"), stores.webhooks.queue.messages, stores.jobs.records,
            stores.canceller.canceled, stores.redriver.redriven, pictures.of("acme", 99, None),
            stores.consents.records, stores.takedowns.cases, stores.appeals.rows,
            stores.audit.of("acme", 99, None),
            len(stores.eraser.asked) - len(strangers), stores.people.of("acme"),
            stores.exports.of("acme", 99, None),
        )
    )  # fmt: skip
