"""The HTTP API's front: callers, scopes, cursors, and errors in one shape."""

import json
from base64 import b64encode
from dataclasses import replace

import pytest

from contracts.codes import CODES
from contracts.documents.api.problem import PROBLEM_TYPE
from contracts.documents.erasure import ErasureSubject
from contracts.documents.model import ModelRecord
from http_api.problems import STATUS
from http_api.services import Services
from tests.unit.runtime.api_kit import ALL, APP, NOON, call, context, services

PROMPTS = {"instance_prompt": "a photo of sks dog", "class_prompt": "a photo of a dog"}


def model(number: int, tenant: str = "acme") -> ModelRecord:
    return ModelRecord(
        tenant=tenant,
        model_id=f"{number:032x}",
        target_model=f"{number:032x}-0123456789ab.tar.gz",
        weights_sha256="0" * 64,
        base_id="base",
        trigger_word="sks",
        endpoint_name="likeness-endpoint",
        created_at=f"2026-11-28T12:00:{number:02d}+00:00",
    )


def with_models(*records: ModelRecord) -> Services:
    stores = services()
    for record in records:
        stores.models.record(record)
    return stores


def test_a_tenant_sees_its_own_models_and_no_other() -> None:
    stores = with_models(model(1), model(2, "globex"), model(3))
    answer = call(stores, "GET", "/v1/models")
    assert answer.status == 200
    assert [one["id"] for one in answer.body["data"]] == [f"{3:032x}", f"{1:032x}"]
    assert call(stores, "GET", "/v1/models", who=context("initech", "read")).body["data"] == []


def test_pages_hold_every_entry_once() -> None:
    stores = with_models(*(model(number) for number in range(7)))
    seen: list[int] = []
    after: dict[str, str] = {}
    while True:
        page = call(stores, "GET", "/v1/models", query={"limit": "3", **after}).body
        seen += [int(one["id"], 16) for one in page["data"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert seen == [6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "invalid_call"),
        ({"limit": "x"}, "invalid_call"),
        ({"after": "%"}, "invalid_call"),
        ({"after": ""}, "invalid_call"),
        ({"after": "aGVsbG8="}, "invalid_call"),
    ],
)
def test_a_bad_query_is_told_field_by_field(query: dict[str, str], code: str) -> None:
    answer = call(services(), "GET", "/v1/models", query=query)
    assert (answer.status, answer.body["code"]) == (STATUS[code], code)
    assert answer.headers["Content-Type"] == PROBLEM_TYPE
    assert answer.body["request_id"] == "r1"
    assert [one["field"] for one in answer.body["errors"]] == [f"query.{name}" for name in query]


@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "/v1/models?limit=0"])
def test_nobody_learns_nothing(path: str) -> None:
    route, _, limit = path.partition("?limit=")
    answer = call(services(), "GET", route, query={"limit": limit} if limit else {}, who={})
    assert (answer.status, answer.body["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_refused_credential_is_told_why() -> None:
    answer = call(services(), "GET", "/v1/models", who={"refusal": "key_expired"})
    assert (answer.status, answer.body["code"]) == (401, "key_expired")


def test_a_caller_without_the_scope_is_refused() -> None:
    answer = call(services(), "GET", "/v1/models", who=context("acme", "draw"))
    assert (answer.status, answer.body["code"]) == (403, "forbidden")


def test_what_goes_wrong_is_worded_too_and_tells_nothing() -> None:
    broken = replace(services(), models=None)  # type: ignore[arg-type]
    answer = call(broken, "GET", "/v1/models")
    assert (answer.status, answer.body["code"]) == (500, "internal_error")
    assert "NoneType" not in str(answer.body)


def test_every_code_of_the_api_is_in_the_catalogue() -> None:
    assert STATUS.keys() <= CODES.keys()


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/v1/models", "GET, POST"), ("PATCH", f"/v1/jobs/{1:032x}", "GET")],
)
def test_an_address_with_other_methods_names_them(method: str, path: str, allowed: str) -> None:
    answer = call(services(), method, path)
    assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed


def test_an_address_that_does_not_exist_is_not_found() -> None:
    assert call(services(), "GET", "/v1/nothing").body["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ("{}", {"content-type": "text/plain"}),
        ("{}", {"content-type": "multipart/form-data"}),
        (None, {"content-type": "text/plain"}),
        ("\udcff", {}),
    ],
)
def test_a_body_that_is_no_json_is_the_callers_mistake(
    body: str | None, headers: dict[str, str]
) -> None:
    answer = call(services(), "POST", "/v1/keys", body, headers=headers)
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")
    assert answer.body["errors"] == [
        {"field": "body", "message": "must be application/json in UTF-8"}
    ]


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000, '{"name": ' + "9" * 5000 + "}"],
    ids=["lists", "objects", "digits"],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_a_body_that_python_cannot_read_is_the_callers_mistake(body: str, encoded: bool) -> None:
    sent = b64encode(body.encode()).decode() if encoded else body
    event = {
        "rawPath": "/v1/keys", "headers": {}, "body": sent, "isBase64Encoded": encoded,
        "requestContext": {
            "requestId": "r1", "http": {"method": "POST", "path": "/v1/keys"},
            "authorizer": {"lambda": context("acme", *ALL)},
        },
    }  # fmt: skip
    answer = APP.answer(event, services())
    assert answer["statusCode"] == 422
    (error,) = json.loads(answer["body"])["errors"]
    assert (error["field"], "too many levels" in error["message"]) == ("body", True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"name": "k", "scopes": ["read"], "scopes": ["admin"]}', "body.scopes"),
        ('{"name": "k", "scopes": ["read"], "more": [{"a": 1, "a": 2}]}', "body.a"),
    ],
)
def test_a_name_that_is_given_twice_is_refused(body: str, field: str) -> None:
    answer = call(services(), "POST", "/v1/keys", body)
    assert answer.status == 422
    assert answer.body["errors"] == [{"field": field, "message": "is given twice"}]


def test_many_names_are_read_in_no_more_than_their_number() -> None:
    body = json.dumps({str(number): 1 for number in range(100_000)})
    assert call(services(), "POST", "/v1/keys/1:rotate", body).status == 422


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", " Application/Json ; charset=UTF-8"])
def test_a_media_type_has_no_case(kind: str) -> None:
    asked = {"name": "k", "scopes": ["read"]}
    answer = call(services(), "POST", "/v1/keys", asked, headers={"content-type": kind})
    assert answer.status == 200, answer.body


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
def test_an_action_has_its_own_methods(method: str) -> None:
    answer = call(services(), method, "/v1/models/0:approve")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/keys/1:rotate", {"overlap_seconds": False}),
        ("/v1/keys", {"name": "k", "scopes": ["read"], "days": "1"}),
        ("/v1/uploads", {"files": [{"type": "image/png", "size": True}]}),
        ("/v1/models/1:approve", {"approved": "yes"}),
        ("/v1/uploads/u1/files", {"files": [{"type": "image/png", "size": 1}], "first": "3"}),
        ("/v1/estimates", {"photos": "10", "request": PROMPTS}),
    ],
)
def test_what_only_looks_like_a_number_is_refused(path: str, body: object) -> None:
    answer = call(services(), "POST", path, body)
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")


def test_nothing_begins_for_a_tenant_that_was_erased() -> None:
    stores = services()
    stores.tombstones.entomb(ErasureSubject(tenant="acme"), NOON)  # type: ignore[attr-defined]
    for path, body in (("/v1/uploads", {}), ("/v1/keys", {"name": "k", "scopes": ["read"]})):
        answer = call(stores, "POST", path, body)
        assert (answer.status, answer.body["code"]) == (410, "erased")
    assert stores.keys.of("acme") == []
    assert call(stores, "GET", "/v1/models").status == 200
    assert call(stores, "DELETE", "/v1/me").status == 404, "asks for the receipt"
    others = context("globex", *ALL)
    assert call(stores, "POST", "/v1/keys", {"name": "k", "scopes": ["read"]}, who=others).body[
        "id"
    ]
