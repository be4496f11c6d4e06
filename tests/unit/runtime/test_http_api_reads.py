"""What a request costs in reads: none of a list's grow with its entries."""

from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest

from contracts.documents.api.aliases import Alias, Version
from http_api.front import OPEN
from http_api.services import Services
from tests.unit.runtime.api_kit import ALL, call, context, job
from tests.unit.runtime.everything_kit import MINE, with_everything
from tests.unit.runtime.test_http_api_routes import DOCUMENT, MAKERS

STORES = (
    *(
        "aliases",
        "appeals",
        "approvals",
        "audit",
        "consents",
        "documents",
        "exports",
        "jobs",
        "keys",
    ),
    *("memory", "models", "people", "takedowns", "tombstones", "uploads"),
)
FREE = frozenset({"uri"})
"""Methods that ask nobody."""
MANY = 7
LISTS = sorted(
    path
    for path, methods in DOCUMENT["paths"].items()
    if "get" in methods and "{" not in path and f"GET {path}" not in OPEN
)
OF_ONE = ["/v1/uploads/u1/photos", f"/v1/models/{MINE['model_id']}", "/v1/aliases/a1"]


class Counted:
    """A store that counts the calls of its methods."""

    def __init__(self, name: str, store: Any, calls: Counter[str]) -> None:
        self._name, self._store, self._calls = name, store, calls

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._store, method)
        if callable(found) and method not in FREE:
            self._calls[f"{self._name}.{method}"] += 1
        return found


def counted(stores: Services) -> tuple[Services, Counter[str]]:
    """Return the stores as routes may use them, and what they count."""
    calls: Counter[str] = Counter()
    changed: dict[str, Any] = {name: Counted(name, getattr(stores, name), calls) for name in STORES}
    hooks: Any = Counted("webhooks", stores.webhooks.webhooks, calls)
    orders: Any = Counted("pictures", stores.pictures.pictures, calls)
    nested: dict[str, Any] = {
        "webhooks": stores.webhooks._replace(webhooks=hooks),
        "pictures": stores.pictures._replace(pictures=orders),
    }
    return replace(stores, **changed, **nested), calls


def with_many(count: int) -> Services:
    """Return stores in which acme has that many more of everything that a list shows."""
    stores = with_everything()
    (model,) = stores.models.of("acme")
    (consent,) = stores.consents.of("acme")
    (order,) = stores.pictures.pictures.of("acme", 9, None)
    for number in range(2, count + 2):
        one, at = f"{number:032x}", f"2026-11-20T12:00:{number:02d}+00:00"
        stores.jobs.records[one] = job(number, plan_id=one)  # type: ignore[attr-defined]
        stores.models.record(model.model_copy(update={"model_id": one, "created_at": at}))
        stores.consents.record(consent.model_copy(update={"model_id": one, "recorded_at": at}))
        picture = {"picture_id": f"pic_{number:024x}", "created_at": at}
        stores.pictures.pictures.add(order.model_copy(update=picture))
        stores.uploads.write(f"tenants/acme/uploads/u1/{number:03d}.jpg", b"x" * 10)
        times = {"created_at": at, "updated_at": at}
        version = Version(model_id=one, weight=1)
        stores.aliases.put(Alias(tenant="acme", name=f"b{number}", versions=(version,), **times))
        make_by_the_api(stores, number)
    return stores


def make_by_the_api(stores: Services, number: int) -> None:
    changes = {"/v1/members": {"email": f"p{number}@example.org"}}
    for path in ("/v1/keys", "/v1/members", "/v1/exports", "/v1/webhooks"):
        body = {**MAKERS["POST", path], **changes.get(path, {})}  # type: ignore[dict-item]
        assert call(stores, "POST", path, body).status < 300


def reads(path: str, stores: Services) -> tuple[Counter[str], Any]:
    """Return the calls of one request, and how many entries its answer has; None: no list."""
    watched, calls = counted(stores)
    answer = call(watched, "GET", path, who=context("acme", *ALL, "operate"))
    assert answer.status == 200, answer.body
    data = answer.body.get("data")
    return calls, None if data is None else len(data)


@pytest.mark.parametrize("path", [*LISTS, *OF_ONE])
def test_a_request_reads_no_more_where_there_is_more(path: str) -> None:
    few, _ = reads(path, with_everything())
    many, shown = reads(path, with_many(MANY))
    assert many == few
    assert shown in {None, 1} or shown >= MANY  # only operators' reports are one


@pytest.mark.parametrize(
    ("path", "most"),
    [("/v1/models", 2), ("/v1/jobs", 2), ("/v1/aliases", 4), (f"/v1/models/{MINE['model_id']}", 8)],
)
def test_a_request_makes_few_calls(path: str, most: int) -> None:
    calls, _ = reads(path, with_many(MANY))
    assert 0 < calls.total() <= most, calls


def test_every_store_is_counted() -> None:
    nobody = {"links", "forms", "hub", "eraser", "inspector", "bases", "canceller", "redriver"}
    rest = {
        "photo_versions",
        "decider",
        "decoder",
        "pricing",
        "consent",
        "exporter",
        "limits",
        "verifier",
        "appeal_decider",
    }
    inner = {"webhooks", "pictures", "now", "sleep"}
    assert {one.name for one in fields(Services)} == {*STORES, *nobody, *rest, *inner}
