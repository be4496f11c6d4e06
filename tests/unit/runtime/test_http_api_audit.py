"""Every request that changes something leaves an entry, and a tenant reads its own."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.documents.audit import about
from contracts.documents.status import UploadRow
from http_api.services import Services
from tests.unit.domain.test_pictures import MODEL
from tests.unit.runtime.api_kit import ALL, call, context
from tests.unit.runtime.everything_kit import MINE, with_everything
from tests.unit.runtime.test_http_api_pictures import stack
from tests.unit.runtime.test_http_api_routes import DOORS, MAKERS, REQUEST, through, upload

NAMES_NOTHING = "/v1/estimates"
"""It makes and changes nothing."""

WRITES = [(method, path) for method, path in DOORS if method != "GET"]


def entries(stores: Services, who: dict[str, str] | None = None) -> list[dict[str, Any]]:
    return list(call(stores, "GET", "/v1/audit", who=who).body["data"])


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_every_door_that_changes_something_leaves_an_entry(method: str, path: str) -> None:
    stores = with_everything()
    assert through((method, path), MINE, stores, context("acme", *ALL)).status < 400
    (entry,) = entries(stores)
    assert (entry["who"], entry["action"]) == ("key:1", f"{method} {path}")
    for name in (name for name in MINE if "{" + name + "}" in path):
        assert any(one.startswith(f"{name}:") for one in entry["about"])


@pytest.mark.parametrize(("method", "path"), [door for door in MAKERS if door[1] != "/v1/me"])
def test_a_door_without_an_id_names_what_it_made(method: str, path: str) -> None:
    stores = with_everything()
    answer = call(stores, method, path, MAKERS[method, path])
    assert answer.status < 400, answer.body
    (entry,) = entries(stores)
    assert bool(entry["about"]) == (path != NAMES_NOTHING)


def test_the_model_and_the_order_of_openais_door_are_named_by_its_alias_too() -> None:
    stores = stack()
    one = MODEL.model_id
    alias = {"name": "face", "versions": [{"model_id": one, "weight": 1}]}
    assert call(stores, "POST", "/v1/aliases", alias).status == 200
    for model in (one, "face"):
        asked = {"model": model, "prompt": "a photo of sks"}
        assert call(stores, "POST", "/v1/images/generations", asked).status == 200
    orders = stores.pictures.pictures.of("acme", 9, None)
    kept = entries(stores)
    assert all(f"model_id:{one}" in entry["about"] for entry in kept)
    drawn = [entry["about"][1] for entry in kept if entry["action"].endswith("/generations")]
    assert sorted(drawn) == sorted(f"picture_id:{order.picture_id}" for order in orders)


def test_a_training_names_its_upload_and_its_job() -> None:
    stores = with_everything()
    place, one = "acme/u2", f"{1:032x}"
    stores.uploads.write("tenants/acme/uploads/u2/000.jpg", b"x" * 10)

    def accept(_seconds: float) -> None:
        stores.jobs.uploads[place] = UploadRow(points_to=one)  # type: ignore[attr-defined]

    asked = {"upload_id": "u2", "request": REQUEST}
    assert call(replace(stores, sleep=accept), "POST", "/v1/models", asked).status == 200
    assert entries(stores)[0]["about"] == [about("upload_id", "u2"), f"job_id:{one}"]


def test_what_is_made_is_named() -> None:
    stores = with_everything()
    made = upload(stores).body["id"]
    assert f"id:{made}" in entries(stores)[0]["about"]


@pytest.mark.parametrize(
    ("path", "door"),
    [
        (f"/v1/models/{1:032x}/files", "GET /v1/models/{model_id}/files"),
        ("/v1/uploads/u1/photos", "GET /v1/uploads/{upload_id}/photos"),
        (f"/v1/appeals/{MINE['appeal_id']}/evidence", "GET /v1/appeals/{appeal_id}/evidence"),
    ],
)
def test_reading_leaves_no_entry_but_for_what_shows_people_or_words(path: str, door: str) -> None:
    stores, who = with_everything(), context("acme", *ALL, "operate")
    for plain in (f"/v1/models/{1:032x}", "/v1/uploads/u1"):
        assert call(stores, "GET", plain, who=who).status == 200
    assert entries(stores) == []
    assert call(stores, "GET", path, who=who).status == 200
    assert [entry["action"] for entry in entries(stores)] == [door]


def test_what_was_refused_or_repeated_leaves_none() -> None:
    stores, header = with_everything(), {"idempotency-key": "k"}
    assert call(stores, "POST", "/v1/uploads", {"files": []}).status == 422
    files = {"files": [{"type": "image/jpeg", "size": 10}]}
    for _ in range(2):
        assert call(stores, "POST", "/v1/uploads", files, headers=header).status == 200
    assert len(entries(stores)) == 1


def test_a_tenant_sees_its_own_entries_page_by_page_and_only_an_owner_does() -> None:
    stores = with_everything()
    for _ in range(3):
        upload(stores)
    assert entries(stores, context("globex", *ALL)) == []
    assert call(stores, "GET", "/v1/audit", who=context("acme", "read")).status == 403
    first = call(stores, "GET", "/v1/audit", query={"limit": "2"}).body
    rest = call(stores, "GET", "/v1/audit", query={"limit": "2", "after": first["next"]}).body
    found = [one["entry_id"] for one in (*first["data"], *rest["data"])]
    assert (len(set(found)), rest["next"]) == (3, None)


def test_no_entry_has_a_prompt_a_tenant_or_a_name() -> None:
    stores = with_everything()
    body = {"prompt": "canary-prompt by the sea", "num_inference_steps": 2}
    one = f"{1:032x}"
    assert (
        call(stores, "POST", f"/v1/models/{one}/pictures", body, query={"wait": "0"}).status < 300
    )
    key = {"name": "canary-name", "scopes": ["read"]}
    assert call(stores, "POST", "/v1/keys", key).status == 200
    text = str(stores.audit.rows)  # type: ignore[attr-defined]
    assert "canary" not in text
    assert "acme" not in text


def test_a_mock_key_leaves_no_entry() -> None:
    stores = with_everything()
    mock = context("acme", *ALL, mode="mock")
    files = {"files": [{"type": "image/jpeg", "size": 10}]}
    assert call(stores, "POST", "/v1/uploads", files, who=mock).status == 200
    assert entries(stores) == []
