"""The routes of aliases: versions are set, drawn with, measured, rated, promoted and removed."""

import json

import pytest

from contracts.shared import layout
from http_api.services import Limits, Services
from tests.unit.domain.test_pictures import MODEL, WEIGHTS
from tests.unit.runtime.api_kit import call, context
from tests.unit.runtime.test_http_api_pictures import OPENAI, WANTED, stack

NEW = "2" * 32
DRAW = "/v1/models/me/pictures"


def compared(stores: Services, old: float = 1, new: float = 1) -> None:
    """Make the alias ``me`` of two models."""
    stores.models.record(MODEL.model_copy(update={"model_id": NEW}))
    body = {"name": "me", "versions": [
        {"model_id": MODEL.model_id, "weight": old}, {"model_id": NEW, "weight": new}
    ]}  # fmt: skip
    made = call(stores, "POST", "/v1/aliases", body)
    assert (made.status, made.body["id"]) == (200, "me"), made.body


def versions(stores: Services) -> list[dict[str, object]]:
    found: list[dict[str, object]] = call(stores, "GET", "/v1/aliases/me").body["versions"]
    return found


def test_a_user_of_an_alias_always_gets_one_version_and_it_is_measured() -> None:
    stores = stack()
    compared(stores)
    users = [f"user-{number}" for number in range(8)]
    drawn = [
        call(stores, "POST", DRAW, WANTED | {"user": user}).body for user in users for _ in (1, 2)
    ]
    assert {one["alias"] for one in drawn} == {"me"}
    ids = [one["model_id"] for one in drawn]
    assert ids[::2] == ids[1::2]
    assert {*ids} == {MODEL.model_id, NEW}
    assert [one["drawn"] for one in versions(stores)] == [ids.count(MODEL.model_id), ids.count(NEW)]
    assert versions(stores)[0]["most_within_seconds"] == 1
    texts = "".join(map(str, stores.uploads.objects.values()))  # type: ignore[attr-defined]
    assert "user-1" not in texts


def test_without_a_user_the_caller_is_one_and_openai_s_clients_name_theirs() -> None:
    stores = stack()
    compared(stores)
    ids = {call(stores, "POST", DRAW, WANTED).body["model_id"] for _ in range(3)}
    assert len(ids) == 1
    for number in range(8):
        asked = OPENAI | {"model": "me", "user": f"user-{number}"}
        assert call(stores, "POST", "/v1/images/generations", asked).status == 200
    assert min(int(str(one["drawn"])) for one in versions(stores)) > 0


def test_a_version_is_promoted_and_the_alias_removed() -> None:
    stores = stack()
    compared(stores, old=1, new=0)
    assert [one["share"] for one in versions(stores)] == [1, 0]
    after = call(stores, "POST", "/v1/aliases/me:promote", {"model_id": NEW})
    assert [one["share"] for one in after.body["versions"]] == [0, 1]
    assert call(stores, "POST", DRAW, WANTED).body["model_id"] == NEW
    assert [one["id"] for one in call(stores, "GET", "/v1/aliases").body["data"]] == ["me"]
    assert call(stores, "DELETE", "/v1/aliases/me").body["versions"][1]["drawn"] == 1
    for method, path, body in (
        ("GET", "/v1/aliases/me", None),
        ("DELETE", "/v1/aliases/me", None),
        ("POST", "/v1/aliases/me:promote", {"model_id": NEW}),
        ("POST", DRAW, WANTED),
    ):
        assert call(stores, method, path, body).status == 404, path
    compared(stores)
    assert [one["drawn"] for one in versions(stores)] == [0, 0]


def test_pictures_are_rated_and_the_newest_rating_counts() -> None:
    stores = stack()
    compared(stores, old=1, new=0)
    pictures = [call(stores, "POST", DRAW, WANTED).body["id"] for _ in range(2)]
    for picture, stars in ((pictures[0], 1), (pictures[1], 5), (pictures[0], 4)):
        rated = call(stores, "POST", f"/v1/pictures/{picture}:rate", {"stars": stars})
        assert (rated.status, rated.body["stars"]) == (200, stars)
    assert (versions(stores)[0]["rating"], versions(stores)[0]["ratings"]) == (4.5, 2)
    open_order = call(stores, "POST", DRAW, WANTED, query={"wait": "0"}).body["id"]
    assert call(stores, "POST", f"/v1/pictures/{open_order}:rate", {"stars": 3}).status == 422


@pytest.mark.parametrize("tenant", ["globex", "acme"])
def test_another_tenant_has_neither_the_alias_nor_its_versions(tenant: str) -> None:
    stores = stack()
    compared(stores)
    who = context(tenant, "read", "draw", "admin")
    expected = 200 if tenant == "acme" else 404
    assert call(stores, "GET", "/v1/aliases/me", who=who).status == expected
    theirs = {"name": "me", "versions": [{"model_id": MODEL.model_id, "weight": 1}]}
    made = call(stores, "POST", "/v1/aliases", theirs, who=who)
    assert made.status == (200 if tenant == "acme" else 422)


def test_who_may_draw_may_not_change_who_gets_what() -> None:
    stores = stack()
    compared(stores)
    who = context("acme", "read", "draw")
    for method, path, body in (
        ("POST", "/v1/aliases", {"name": "x", "versions": [{"model_id": NEW, "weight": 1}]}),
        ("POST", "/v1/aliases/me:promote", {"model_id": NEW}),
        ("DELETE", "/v1/aliases/me", None),
    ):
        assert call(stores, method, path, body, who=who).status == 403


def test_a_version_that_may_not_draw_gets_nobody() -> None:
    stores = stack()
    compared(stores, old=1, new=1)
    stores.documents.write(layout.models.disabled_model_key(NEW), b"")
    users = [f"user-{number}" for number in range(8)]
    drawn = [call(stores, "POST", DRAW, WANTED | {"user": user}).body for user in users]
    assert {one["model_id"] for one in drawn} == {MODEL.model_id}
    stores.documents.write(layout.models.disabled_model_key(MODEL.model_id), b"")
    refused = call(stores, "POST", DRAW, WANTED)
    assert (refused.status, refused.body["code"]) == (451, "model_disabled")


def test_only_approved_versions_get_callers_where_the_operator_demands_it() -> None:
    stores = stack(limits=Limits(approval_required=True))
    compared(stores, old=0, new=1)
    assert call(stores, "POST", DRAW, WANTED).body["code"] == "model_not_approved"
    approval = f"/v1/models/{MODEL.model_id}:approve"
    assert call(stores, "POST", approval, {"approved": True}).status == 200
    assert call(stores, "POST", DRAW, WANTED).body["model_id"] == MODEL.model_id


def test_a_version_that_was_erased_is_said_to_be_and_gets_nobody() -> None:
    stores = stack()
    compared(stores, old=0, new=1)
    stores.models.rows.pop(("acme", NEW))  # type: ignore[attr-defined]
    assert [one["present"] for one in versions(stores)] == [True, False]
    assert call(stores, "POST", DRAW, WANTED).body["model_id"] == MODEL.model_id
    assert json.dumps(WEIGHTS) not in json.dumps(versions(stores))
