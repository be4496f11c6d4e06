"""Mock keys: every status and every code can be had, and nothing happens."""

from base64 import b64decode
from hashlib import sha256
from typing import Any, get_args

import pytest

from contracts.codes import CODES
from contracts.documents.api.pictures import OrderCode, PictureStatus
from contracts.documents.picture import PictureCode
from http_api.mock_pictures import mock_picture
from http_api.problems import STATUS
from http_api.services import Services
from tests.unit.runtime.api_kit import ALL, Answer, call, context, job, services

WHO = context("acme", *ALL, mode="mock")
REQUEST = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}


def ask(stores: Services, method: str, path: str, body: object = None, error: str = "") -> Answer:
    headers = {"mock-error": error} if error else {}
    return call(stores, method, path, body, headers=headers, who=WHO)


def test_there_is_a_job_of_every_status_and_every_code() -> None:
    stores = services()
    seen: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        query = {"limit": "100", **after}
        page = call(stores, "GET", "/v1/jobs", who=WHO, query=query).body
        seen += page["data"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    statuses = {"succeeded", "starting", "processing", "canceled", "failed"}
    assert {one["status"] for one in seen} == statuses
    codes = {one["failure"]["code"] for one in seen if one["failure"]}
    assert codes == {code for code, entry in CODES.items() if entry.who != "nobody"}


@pytest.mark.parametrize("code", STATUS)
def test_every_error_of_the_api_can_be_asked_for(code: str) -> None:
    answer = ask(services(), "GET", "/v1/me", error=code)
    assert (answer.status, answer.body["code"]) == (STATUS[code], code)


def test_a_whole_training_goes_through_and_leaves_nothing() -> None:
    stores = services()
    stores.jobs.records[f"{1:032x}"] = job(1)  # type: ignore[attr-defined]
    files = {"files": [{"type": "image/jpeg", "size": 10}]}
    upload = ask(stores, "POST", "/v1/uploads", files).body
    assert upload["forms"][0]["url"] == "https://mock.invalid"
    more = {"files": files["files"], "first": 1}
    assert ask(stores, "POST", f"/v1/uploads/{upload['id']}/files", more).status == 200
    assert ask(stores, "DELETE", f"/v1/uploads/{upload['id']}/photos/0").status == 200
    body = {"upload_id": upload["id"], "request": REQUEST}
    model = ask(stores, "POST", "/v1/models", body).body["job"]["model_id"]
    assert ask(stores, "POST", f"/v1/uploads/{upload['id']}/photos/0:inspect").status == 200
    assert ask(stores, "GET", f"/v1/models/{model}").body["gate"]["passed"]
    assert ask(stores, "GET", f"/v1/models/{model}/files").body["data"]
    assert ask(stores, "GET", f"/v1/jobs/{1:032x}").status == 404, "a live job is not a mock's"
    assert stores.uploads.list("", 9) == []
    assert stores.models.of("acme") == []


def test_an_import_goes_through_too() -> None:
    stores = services()
    files = {"files": [{"type": "application/x-safetensors", "size": 10}]}
    upload = ask(stores, "POST", "/v1/uploads", files).body
    body = {"upload_id": upload["id"], "request": {**REQUEST, "adapter_file": "000.safetensors"}}
    made = ask(stores, "POST", "/v1/models", body).body["job"]
    assert (made["kind"], made["status"]) == ("import", "succeeded")
    assert ask(stores, "GET", f"/v1/jobs/{made['id']}").body == made
    assert ask(stores, "GET", f"/v1/models/{made['model_id']}").body["gate"]["passed"]
    assert ask(stores, "GET", f"/v1/models/{made['model_id']}/files").body["data"]
    assert stores.uploads.list("", 9) == []


def test_there_is_a_picture_of_every_status_and_every_code() -> None:
    stores = services()
    page = call(stores, "GET", "/v1/pictures", who=WHO, query={"limit": "100"}).body
    assert {one["status"] for one in page["data"]} == set(get_args(PictureStatus))
    codes = {one["failure"]["code"] for one in page["data"] if one["failure"]}
    assert codes == {*get_args(OrderCode), *get_args(PictureCode)}
    for one in page["data"]:
        assert ask(stores, "GET", f"/v1/pictures/{one['id']}").body["status"] == one["status"]


def test_a_mock_key_s_picture_says_that_it_is_one() -> None:
    stores = services()
    (model,) = ask(stores, "GET", "/v1/models").body["data"]
    wanted = {"prompt": "a photo of sks"}
    made = ask(stores, "POST", f"/v1/models/{model['id']}/pictures", wanted)
    assert (made.status, made.body["status"]) == (200, "succeeded")
    assert made.body["images"][0]["url"].startswith("https://mock.invalid/")
    body = wanted | {"model": model["id"], "response_format": "b64_json"}
    (image,) = ask(stores, "POST", "/v1/images/generations", body).body["data"]
    picture = b64decode(image["b64_json"])
    assert sha256(picture).hexdigest() == made.body["images"][0]["sha256"]
    assert picture == mock_picture()
    assert stores.pictures.pictures.of("acme", 9, None) == []
    assert stores.pictures.queue.messages == []  # type: ignore[attr-defined]
    assert stores.uploads.list("", 9) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/webhooks", {"url": "https://example.org/hook"}),
        ("/v1/keys", {"name": "k", "scopes": ["read"]}),
        (f"/v1/models/{1:032x}:approve", {}),
    ],
)
def test_a_mock_key_writes_no_real_row(path: str, body: object) -> None:
    stores = services()
    assert ask(stores, "POST", path, body).status == 403
    assert stores.keys.of("acme") == []


def test_an_error_that_the_api_does_not_have_is_refused_by_name() -> None:
    answer = ask(services(), "GET", "/v1/me", error="nonsense")
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "header.mock-error")
