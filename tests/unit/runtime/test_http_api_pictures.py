"""The routes of pictures over stores in memory, with a worker that draws while the API waits."""

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import pytest

from contracts.documents.api.pictures import OrderCode, PictureOrder
from contracts.documents.picture import PictureCode
from contracts.errors import StageError, WarmUpFailedError
from contracts.shared import layout
from contracts.shared.pictures.picture_places import tenant_hash
from domain.pictures.drawing import DrawingServices, draw
from domain.ports.storage import read_document
from http_api.problems import STATUS
from http_api.services import Limits, Services
from tests.fakes.endpoint_lifecycle import MemoryEndpointLifecycle
from tests.unit.domain.test_pictures import MODEL, Endpoint
from tests.unit.runtime.api_kit import NOON, call, context, services

PATH = f"/v1/models/{MODEL.model_id}/pictures"
WANTED = {"prompt": "a photo of sks", "num_inference_steps": 4}
OPENAI = {"model": MODEL.model_id, "prompt": "a photo of sks"}


def stack(*errors: StageError, limits: Limits | None = None) -> Services:
    """Return stores whose queue has a worker: it draws at the first pause of the API."""
    stores = services(limits)
    stores.models.record(MODEL)
    endpoint = Endpoint(*errors)
    work = DrawingServices(
        stores.pictures.pictures,
        stores.pictures.queue,
        stores.uploads,
        stores.models,
        endpoint,
        MemoryEndpointLifecycle(),
        stores.now,
        stores.aliases,
    )
    return replace(stores, sleep=worker(work))


def worker(work: DrawingServices) -> Callable[[float], None]:
    def sleep(_seconds: float) -> None:
        messages = work.queue.messages  # type: ignore[attr-defined]
        if messages:
            draw(work, messages.pop(0).task)

    return sleep


def test_a_quick_picture_is_in_the_answer() -> None:
    stores = stack()
    made = call(stores, "POST", PATH, WANTED)
    assert made.status == 200, made.body
    assert (made.body["status"], made.body["failure"]) == ("succeeded", None)
    (image,) = made.body["images"]
    assert f"tenants/acme/pictures/{made.body['id']}/000.png" in image["url"]
    assert "seconds=3600" in image["url"]
    assert made.body["expires_at"] == "2026-11-21T13:00:00+00:00"
    again = call(stores, "GET", f"/v1/pictures/{made.body['id']}")
    assert again.body == made.body


def test_a_picture_is_the_start_of_another_by_its_address_and_nobody_else_s_is() -> None:
    stores = stack()
    uri = call(stores, "POST", PATH, WANTED).body["images"][0]["uri"]
    again = call(stores, "POST", PATH, WANTED | {"image": uri, "strength": 0.5})
    assert again.body["status"] == "succeeded"
    order = read_document(
        stores.uploads, f"tenants/acme/pictures/{again.body['id']}/order.json", PictureOrder
    )
    assert order.image == uri
    for theirs in (uri.replace("/acme/", "/globex/"), uri.replace("s3://", "s3://x"), "s3://"):
        refused = call(stores, "POST", PATH, WANTED | {"image": uri, "mask_image": theirs})
        assert (refused.status, refused.body["code"]) == (422, "invalid_call")
        assert [one["field"] for one in refused.body["errors"]] == ["body.mask_image"]


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ({"prompt": " \u3000\u200b"}, ["prompt"]),
        ({"prompt": "a \x00 dog"}, ["prompt"]),
        ({"prompt": "a \ud800 dog"}, ["prompt"]),
        ({"negative_prompt": "a \x07 dog"}, ["negative_prompt"]),
        ({"strength": 0.5}, ["strength"]),
        ({"mask_image": "aGVsbG8="}, ["mask_image"]),
        ({"image": "", "mask_image": "aGVsbG8="}, ["mask_image"]),
        ({"hr_upscaler": "Latent"}, ["hr_upscaler"]),
        ({"hr_second_pass_steps": 4}, ["hr_second_pass_steps"]),
        ({"hr_scale": 2, "image": "aGVsbG8="}, ["hr_scale"]),
        ({"hr_scale": 4, "width": 512}, ["hr_scale"]),
        ({"hr_scale": 2, "refiner_switch_at": 0.8}, ["refiner_switch_at"]),
    ],
)
def test_what_no_base_draws_is_refused_with_the_order(
    asked: dict[str, Any], fields: list[str]
) -> None:
    refused = call(stack(), "POST", PATH, WANTED | asked)
    assert (refused.status, refused.body["code"]) == (422, "invalid_call")
    assert [one["field"] for one in refused.body["errors"]] == [f"body.{name}" for name in fields]
    if "prompt" in asked:
        assert call(stack(), "POST", "/v1/images/generations", OPENAI | asked).status == 422


def test_no_model_begins_with_what_a_disabled_one_has_drawn() -> None:
    stores = stack()
    uri = call(stores, "POST", PATH, WANTED).body["images"][0]["uri"]
    other, gone = f"{8:032x}", f"{9:032x}"
    stores.models.record(MODEL.model_copy(update={"model_id": other}))
    large = (
        layout.uploads.answer_prefix(tenant_hash("acme"), [MODEL.model_id, gone], "b" * 32)
        + "000.png"
    )
    begun = [uri, stores.uploads.uri(large)]
    path = f"/v1/models/{other}/pictures"

    def asked(image: str) -> int:
        body = WANTED | {"image": image, "strength": 0.1}
        return call(stores, "POST", path, body, query={"wait": "0"}).status

    assert [asked(one) for one in begun] == [202, 202]
    stores.documents.write(layout.models.disabled_model_key(MODEL.model_id), b"")
    assert [asked(one) for one in begun] == [451, 451]


def test_an_order_is_shown_as_it_was_sent_without_files_in_base64() -> None:
    stores = stack()
    uri = call(stores, "POST", PATH, WANTED).body["images"][0]["uri"]
    sent = WANTED | {"image": uri, "strength": 0.5, "seed": 5}
    shown = call(stores, "POST", PATH, sent).body["order"]
    assert {name: value for name, value in shown.items() if name in sent} == sent
    small = b64encode(b"a file").decode()
    files = {"image": small, "mask_image": small}
    shown = call(stores, "POST", PATH, WANTED | files).body["order"]
    assert {name: shown[name] for name in files} == {"image": None, "mask_image": None}


def test_the_field_that_the_endpoint_refuses_is_named() -> None:
    error = WarmUpFailedError(picture_code="invalid_argument", picture_argument="height")
    made = call(stack(error), "POST", PATH, WANTED | {"height": 520})
    assert made.body["failure"]["code"] == "invalid_argument"
    assert made.body["failure"]["detail"].endswith(" It is height.")
    answer = call(stack(error), "POST", "/v1/images/generations", OPENAI)
    assert [one["field"] for one in answer.body["errors"]] == ["body.height"]


def test_what_takes_longer_is_202_and_asked_for_by_its_id() -> None:
    stores = stack()
    made = call(stores, "POST", PATH, WANTED, query={"wait": "0"})
    assert (made.status, made.body["status"], made.body["images"]) == (202, "queued", [])
    later = call(stores, "GET", f"/v1/pictures/{made.body['id']}", query={"wait": "20"})
    assert (later.body["status"], len(later.body["images"])) == ("succeeded", 1)
    assert call(stores, "POST", f"/v1/pictures/{made.body['id']}:cancel").body == {
        "object": "cancellation",
        "id": made.body["id"],
        "outcome": "too_late",
    }


def test_only_approved_models_draw_where_the_operator_demands_it() -> None:
    stores = stack(limits=Limits(approval_required=True))
    approval = f"/v1/models/{MODEL.model_id}:approve"
    doors = ((PATH, WANTED), ("/v1/images/generations", OPENAI))
    for decision, status in ((None, 409), (True, 200), (False, 409)):
        if decision is not None:
            assert call(stores, "POST", approval, {"approved": decision}).status == 200
        for path, body in doors:
            answer = call(stores, "POST", path, body)
            assert answer.status == status, (path, decision, answer.body)
            assert status == 200 or answer.body["code"] == "model_not_approved"
    other = call(stores, "POST", PATH, WANTED, who=context("globex", "draw"))
    assert other.status == 404


def test_an_order_is_cancelled() -> None:
    stores = stack()
    name = call(stores, "POST", PATH, WANTED, query={"wait": "0"}).body["id"]
    assert call(stores, "POST", f"/v1/pictures/{name}:cancel").body["outcome"] == "canceled"
    found = call(stores, "GET", f"/v1/pictures/{name}", query={"wait": "20"})
    assert (found.body["status"], found.body["images"]) == ("canceled", [])


def test_a_failed_picture_says_why_without_the_servers_words() -> None:
    made = call(stack(WarmUpFailedError(picture_code="unsafe_picture")), "POST", PATH, WANTED)
    assert (made.status, made.body["status"]) == (200, "failed")
    assert made.body["failure"]["code"] == "unsafe_picture"


def test_orders_are_listed_page_by_page() -> None:
    stores = stack()
    query = {"wait": "0"}
    names = {call(stores, "POST", PATH, WANTED, query=query).body["id"] for _ in range(5)}
    found: list[str] = []
    after: dict[str, str] = {}
    for length in (2, 2, 1):
        page = call(stores, "GET", "/v1/pictures", query={"limit": "2", **after}).body
        assert len(page["data"]) == length
        found += [one["id"] for one in page["data"]]
        after = {"after": page["next"]}
    assert page["next"] is None
    assert len(found) == len(names)
    assert set(found) == names
    assert call(stores, "GET", "/v1/pictures", who=context("globex", "read")).body["data"] == []


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("POST", ":cancel")])
def test_somebody_elses_picture_is_answered_like_one_that_is_not_there(
    method: str, rest: str
) -> None:
    stores = stack()
    name = call(stores, "POST", PATH, WANTED).body["id"]
    other = context("globex", "read", "draw")
    leaked = call(stores, method, f"/v1/pictures/{name}{rest}", who=other)
    guessed = call(stores, method, f"/v1/pictures/pic_{'0' * 24}{rest}", who=other)
    assert (leaked.status, leaked.body) == (404, guessed.body)
    for path, body in ((PATH, WANTED), ("/v1/images/generations", OPENAI)):
        assert call(stores, "POST", path, body, who=other).status == 404
        assert call(stores, "POST", path, body, who=context("acme", "read")).status == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": ""},
        {"prompt": "x" * 2001},
        {"width": 65},
        {"scheduler": "no such"},
        {"num_images_per_prompt": 5},
        {"promt": "x"},
        {"seed": "7"},
        {"width": True},
    ],
    ids=repr,
)
def test_a_wrong_order_is_refused_before_anything_is_queued(wrong: dict[str, Any]) -> None:
    stores = stack()
    answer = call(stores, "POST", PATH, WANTED | wrong)
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")
    assert stores.pictures.queue.messages == []  # type: ignore[attr-defined]


def test_pictures_of_a_minute_are_limited() -> None:
    stores = stack(limits=Limits(pictures_per_minute=1))
    assert call(stores, "POST", PATH, WANTED).status == 200
    answer = call(stores, "POST", PATH, WANTED)
    assert (answer.status, answer.body["code"]) == (429, "too_many_requests")
    assert "Retry-After" in answer.headers


def test_openais_request_is_answered_in_openais_shape() -> None:
    stores = stack()
    linked = call(stores, "POST", "/v1/images/generations", OPENAI | {"size": "64x64"}).body
    assert linked["created"] == int(NOON.timestamp())
    assert linked["data"][0]["url"].startswith("https://")
    inline = {"response_format": "b64_json", "n": 1, "user": "u"}
    answer = call(stores, "POST", "/v1/images/generations", OPENAI | inline)
    assert b64decode(answer.body["data"][0]["b64_json"]).startswith(b"\x89PNG")


def test_of_openais_options_those_that_change_nothing_are_taken() -> None:
    idle = {"quality": "standard", "background": "opaque", "moderation": "auto", "stream": False}
    forms = (
        idle | {"size": "auto", "output_format": "png"},
        dict.fromkeys((*idle, "size", "n", "response_format", "user")),
    )
    for form in forms:
        answer = call(stack(), "POST", "/v1/images/generations", OPENAI | form)
        assert (answer.status, len(answer.body["data"])) == (200, 1), answer.body


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"size": "65x64"}, 422, "invalid_call"),
        ({"size": "big"}, 422, "invalid_call"),
        ({"model": "dall-e-3"}, 404, "not_found"),
        ({"model": "DALL-E 3"}, 422, "invalid_call"),
        ({"model": "0" * 32}, 404, "not_found"),
        ({"quality": "hd"}, 422, "invalid_call"),
        ({"background": "transparent"}, 422, "invalid_call"),
        ({"stream": True}, 422, "invalid_call"),
    ],
    ids=repr,
)
def test_openais_wrong_requests_have_a_code(wrong: dict[str, Any], status: int, code: str) -> None:
    answer = call(stack(), "POST", "/v1/images/generations", OPENAI | wrong)
    assert (answer.status, answer.body["code"]) == (status, code)
    fields = [f"{one['field']}: {one['message']}." for one in answer.body["errors"]]
    parts = [answer.body["detail"], *fields, answer.body["hint"]]
    assert answer.body["message"] == " ".join(parts), "OpenAI's clients show nothing else"


@pytest.mark.parametrize(("code", "status"), [("unsafe_picture", 422), ("generation_failed", 502)])
def test_openais_clients_get_a_failure_as_a_status(code: str, status: int) -> None:
    stores = stack(WarmUpFailedError(picture_code=code))
    answer = call(stores, "POST", "/v1/images/generations", OPENAI)
    assert (answer.status, answer.body["code"]) == (status, code)


def test_what_openais_client_does_not_get_in_time_is_cancelled() -> None:
    stores = replace(stack(), sleep=lambda _seconds: None)
    answer = call(stores, "POST", "/v1/images/generations", OPENAI)
    assert (answer.status, answer.body["code"]) == (503, "picture_not_in_time")
    (row,) = stores.pictures.pictures.of("acme", 9, None)
    assert row.status == "canceled"


def test_every_code_of_an_order_has_a_status() -> None:
    waits = {"endpoint_starting", "model_not_ready"}
    may_wait = {"busy", "base_unavailable", "memory_pressure", "adapter_not_loaded", "not_in_time"}
    may_wait |= {"model_unloaded"}
    ends = {*get_args(OrderCode), *get_args(PictureCode)} - waits - may_wait
    assert ends <= set(STATUS)
