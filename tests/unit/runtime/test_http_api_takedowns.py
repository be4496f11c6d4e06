"""A report without an account, an operator's decision, and what a disabled model refuses."""

from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from contracts.documents.api.pictures import DrawnFile
from contracts.shared import layout
from contracts.shared.rejection import PhotoRejectedError
from http_api.services import Limits, Services
from tests.unit.runtime.api_kit import ALL, NOON, Answer, call, context, services
from tests.unit.runtime.everything_kit import with_everything

PICTURE = b64encode(b"a picture").decode()
REPORT = {"picture": PICTURE, "reason": "intimate", "i_am": "shown_person"}
OPERATOR = context("stack", "operate")
NOBODY: dict[str, str] = {}
MODEL = f"{1:032x}"
DRAWN = DrawnFile(file="000.png", seed=1, sha256="0" * 64)


def report(stores: Services, **changes: Any) -> Answer:
    return call(stores, "POST", "/v1/takedowns", REPORT | changes, who=NOBODY)


def accepted(stores: Services, *models: str) -> str:
    case = str(report(stores).body["id"])
    path = f"/v1/takedowns/{case}:accept"
    answer = call(stores, "POST", path, {"models": list(models)}, who=OPERATOR)
    assert (answer.status, answer.body["status"]) == (200, "accepted")
    return case


def test_anybody_reports_a_picture_and_asks_how_it_stands() -> None:
    stores = services()
    answer = report(stores, words="canary", contact="canary@example.org")
    assert answer.status == 200
    assert set(answer.body) == {
        "object", "id", "status", "received_at", "due_at", "decided_at",
    }  # fmt: skip
    path = f"/v1/takedowns/{answer.body['id']}"
    assert call(stores, "GET", path, who=NOBODY) == answer
    assert call(stores, "GET", path[:-1] + "x", who=NOBODY).status == 422
    unknown = call(stores, "GET", f"/v1/takedowns/td_{'9' * 32}", who=NOBODY)
    assert (unknown.status, unknown.body["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "change",
    [
        {"picture": "not base64"},
        {"picture": "x" * 5_400_000},
        {"reason": "because"},
        {"i_am": "somebody"},
        {"words": "x" * 2001},
        {"contact": "x" * 255},
        {"tenant": "acme"},
    ],
)
def test_a_report_that_cannot_be_one_is_refused(change: dict[str, Any]) -> None:
    stores = services()
    answer = report(stores, **change)
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")
    assert stores.uploads.list("takedowns/", 9) == []


def test_a_file_that_is_no_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    stores = services()

    def decode(*_: object) -> None:
        raise PhotoRejectedError("not_an_image")

    monkeypatch.setattr(stores.decoder, "decode", decode)
    answer = report(stores)
    assert answer.body["errors"][0]["field"] == "body.picture"
    assert stores.uploads.list("takedowns/", 9) == []


def test_reports_are_limited_by_address_and_in_all() -> None:
    for limits in (Limits(reports_per_hour=2), Limits(reports_per_day=2)):
        stores = services(limits)
        assert [report(stores).status for _ in range(3)] == [200, 200, 429]
    assert report(services(Limits(reports_per_hour=0))).status == 429


def test_an_address_is_limited_for_an_hour_and_no_other_address_is() -> None:
    stores = services(Limits(reports_per_hour=1))

    def asked(source: str, hours: float = 0) -> Answer:
        later = replace(stores, now=lambda: NOON + timedelta(hours=hours))
        return call(later, "POST", "/v1/takedowns", REPORT, who=NOBODY, source=source)

    assert asked("192.0.2.7").status == 200
    again = asked("192.0.2.7", 0.5)
    assert (again.status, again.headers["Retry-After"]) == (429, "1800")
    assert asked("::ffff:192.0.2.7").status == 429
    assert asked("192.0.2.7", 1).status == 200
    for mine, other in (("192.0.2.8", "192.0.2.9"), ("2001:db8:1:2::3", "2001:db8:1:3::3")):
        assert [asked(one).status for one in (mine, mine, other)] == [200, 429, 200]
    assert asked("2001:db8:1:2:ffff::4").status == 429, "a subscriber has the whole /64"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/takedowns", None),
        ("GET", "/v1/takedowns/{}/evidence", None),
        ("POST", "/v1/takedowns/{}:accept", {"models": [MODEL]}),
        ("POST", "/v1/takedowns/{}:refuse", {"why": "no_mark"}),
        ("POST", "/v1/takedowns/{}:restore", None),
    ],
)
def test_only_operators_see_and_decide(method: str, path: str, body: object) -> None:
    stores = services()
    place = path.format(report(stores).body["id"])
    for who, status in ((context("acme", *ALL), 403), (NOBODY, 401)):
        assert call(stores, method, place, body, who=who).status == status
    mock = context("stack", "operate", mode="mock")
    assert call(stores, method, place, body, who=mock).status in {200, 403, 404}
    assert stores.documents.list(layout.models.DISABLED_PREFIX, 9) == []


def test_an_operator_reads_the_evidence() -> None:
    stores = services()
    case = report(stores, words="it is me").body["id"]
    found = call(stores, "GET", f"/v1/takedowns/{case}/evidence", who=OPERATOR).body
    assert found["report"]["words"] == "it is me"
    assert f"takedowns/{case}/picture.png" in found["picture_url"]
    listed = call(stores, "GET", "/v1/takedowns", who=OPERATOR).body["data"]
    assert [one["case_id"] for one in listed] == [case]
    (entry,) = stores.audit.of("stack", 9, None)
    assert (entry.who, entry.about) == ("key:1", (f"case_id:{case}",)), "who has looked is known"


def test_a_disabled_model_draws_nothing_and_gives_no_files_until_it_is_restored() -> None:
    stores = with_everything()
    cases: Any = stores.takedowns
    cases.cases.clear()
    pictures: Any = stores.pictures.pictures
    (picture,) = pictures.rows
    drawn = pictures.rows[picture].model_copy(update={"files": (DRAWN,)})
    pictures.rows[picture] = drawn
    case = accepted(stores, MODEL)
    assert call(stores, "GET", f"/v1/models/{MODEL}").body["disabled"] is True
    openai = {"model": MODEL, "prompt": "a photo of sks"}
    doors: list[tuple[str, str, object]] = [
        ("POST", f"/v1/models/{MODEL}/pictures", {"prompt": "a photo of sks"}),
        ("POST", "/v1/images/generations", openai),
        ("GET", f"/v1/models/{MODEL}/files", None),
        ("POST", f"/v1/models/{MODEL}:push", None),
        ("GET", f"/v1/jobs/{MODEL}/samples", None),
        ("GET", f"/v1/pictures/{picture}", None),
        ("POST", f"/v1/pictures/{picture}:rate", {"stars": 5}),
    ]
    for method, path, body in doors:
        answer = call(stores, method, path, body)
        assert (answer.status, answer.body["code"]) == (451, "model_disabled")
    restored = call(stores, "POST", f"/v1/takedowns/{case}:restore", who=OPERATOR)
    assert restored.body["status"] == "restored"
    for method, path, body in doors[2:]:
        assert call(stores, method, path, body).status == 200
    assert call(stores, "GET", f"/v1/models/{MODEL}").body["disabled"] is False


def test_a_model_that_is_not_there_is_a_wrong_field() -> None:
    stores = with_everything()
    path = f"/v1/takedowns/{report(stores).body['id']}:accept"
    answer = call(stores, "POST", path, {"models": ["9" * 32]}, who=OPERATOR)
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "body.models")


def test_the_owner_appeals_and_nobody_else() -> None:
    stores = with_everything()
    accepted(stores, MODEL)
    path = f"/v1/models/{MODEL}:appeal"
    assert call(stores, "POST", path, who=context("globex", *ALL)).status == 404
    assert call(stores, "POST", path).status == 200
    cases: Any = stores.takedowns
    assert [one.appealed_at is not None for one in cases.cases.values()].count(True) == 1


def test_a_model_that_is_not_disabled_needs_no_appeal() -> None:
    stores = with_everything()
    cases: Any = stores.takedowns
    cases.cases.clear()
    answer = call(stores, "POST", f"/v1/models/{MODEL}:appeal")
    assert (answer.status, answer.body["code"]) == (409, "not_disabled")


def test_what_cannot_be_decided_is_said() -> None:
    stores = services()
    case = report(stores).body["id"]
    place = f"/v1/takedowns/{case}"
    none = call(stores, "POST", f"{place}:accept", {}, who=OPERATOR)
    assert (none.status, none.body["code"]) == (409, "no_marked_model")
    refused = call(stores, "POST", f"{place}:refuse", {"why": "no_mark"}, who=OPERATOR)
    assert (refused.body["status"], refused.body["why"]) == ("refused", "no_mark")
    again = call(stores, "POST", f"{place}:restore", who=OPERATOR)
    assert (again.status, again.body["code"]) == (409, "already_decided")


def test_an_operator_s_key_reads_nothing_of_a_tenant() -> None:
    stores = with_everything()
    for path in ("/v1/models", "/v1/jobs", "/v1/audit", "/v1/keys"):
        assert call(stores, "GET", path, who=OPERATOR).status == 403
