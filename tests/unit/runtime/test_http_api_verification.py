"""Anybody asks who made a picture, within limits; nothing of it is kept."""

from base64 import b64encode
from typing import Any

import pytest

from contracts.documents.api.verification import PictureVerdict
from domain.ports.takedown import FoundMarks
from http_api.rates import hashed_source
from http_api.services import Limits, Services
from tests.unit.runtime.api_kit import ALL, NOON, Answer, call, context, services

BODY = {"picture": b64encode(b"a picture").decode()}


def ask(stores: Services, body: object = None, **more: Any) -> Answer:
    return call(stores, "POST", "/v1/verifications", body or BODY, **{"who": {}} | more)


def test_anybody_learns_who_made_a_picture_and_no_id_of_the_watermark() -> None:
    stores = services()
    verifier: Any = stores.verifier
    verifier.services.marks.found = FoundMarks("absent", None, 7, b"k" * 32)
    answer = ask(stores)
    assert (answer.status, answer.body["made_here"], answer.body["watermark"]) == (200, True, True)
    assert set(answer.body) == set(PictureVerdict.model_fields)
    assert stores.uploads.list("", 9) == stores.documents.list("", 9) == []
    assert ask(stores, who=context("acme", *ALL)).body == answer.body


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_picture_may_be_sent_in_lines(line_break: str) -> None:
    lines = line_break.join(
        b64encode(b"a picture " * 20).decode()[n : n + 76] for n in (0, 76, 152)
    )
    assert ask(services(), {"picture": lines}).status == 200


@pytest.mark.parametrize("kind", ["image/jpeg", "application/octet-stream", ""])
def test_a_picture_may_be_the_address_that_a_browser_makes_of_a_file(kind: str) -> None:
    sent = f"data:{kind};base64,{BODY['picture']}"
    assert ask(services(), {"picture": sent}).status == 200
    assert ask(services(), {"picture": sent.replace(kind or ";", "text/html;")}).status == 422


@pytest.mark.parametrize(
    "body", [{"picture": "not base64"}, {"picture": "x" * 5_400_000}, {}, BODY | {"tenant": "acme"}]
)
def test_what_cannot_be_a_picture_is_refused(body: object) -> None:
    answer = call(services(), "POST", "/v1/verifications", body, who={})
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")


def test_pictures_are_limited_by_address_and_in_all() -> None:
    for limits in (Limits(verifications_per_hour=2), Limits(verifications_per_day=2)):
        stores = services(limits)
        assert [ask(stores).status for _ in range(3)] == [200, 200, 429]
    assert ask(services(Limits(verifications_per_hour=0))).status == 429


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("", "", True),
    ],
)
def test_a_subscriber_s_whole_network_is_one_source(one: str, other: str, same: bool) -> None:
    assert (hashed_source(one, NOON) == hashed_source(other, NOON)) is same
