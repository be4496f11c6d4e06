"""The Studio's function: files, and nothing beside them."""

import json
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from contracts.shared.people.consent_texts import CURRENT
from studio.app import lambda_handler

BUCKET = "https://uploads.s3.amazonaws.com"


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENT_TEXT_VERSION", "2026-11")
    monkeypatch.setenv("PHOTO_RETENTION_DAYS", "30")
    monkeypatch.setenv("STUDIO_BUCKETS", BUCKET)
    monkeypatch.setenv("HUB_BUCKET", "none")


def get(proxy: str | None, **headers: str) -> dict[str, Any]:
    event: dict[str, Any] = {"rawPath": "/studio", "headers": headers}
    if proxy is not None:
        event |= {"rawPath": f"/studio/{proxy}", "pathParameters": {"proxy": proxy}}
    return cast("dict[str, Any]", lambda_handler(event, LambdaContext()))


def test_the_page_comes_with_a_policy_that_names_the_buckets() -> None:
    answer = get("index.html")
    assert answer["statusCode"] == 200
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    policy = answer["headers"]["Content-Security-Policy"]
    assert f"connect-src 'self' {BUCKET};" in policy
    assert "script-src 'self';" in policy


def test_the_bare_address_leads_to_the_page() -> None:
    for proxy, wanted in ((None, "studio/index.html"), ("", "index.html")):
        answer = get(proxy)
        assert (answer["statusCode"], answer["headers"]["Location"]) == (302, wanted)


@pytest.mark.parametrize(
    "path", ["app.py", "../app.py", "pages", "pages/../../app.py", "/etc/passwd", "words/x.json"]
)
def test_what_is_no_file_of_the_site_is_not_there(path: str) -> None:
    assert get(path)["statusCode"] == 404


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    first = get("app.js")
    again = get("app.js", **{"if-none-match": first["headers"]["ETag"]})
    assert (again["statusCode"], again["body"]) == (304, "")


def test_the_settings_say_what_the_stack_asks_for() -> None:
    found = json.loads(get("settings.json")["body"])
    assert found == {
        "consent_text_version": "2026-11", "consent_days": 365, "photo_retention_days": 30,
        "min_photos": 5, "people": None, "hub": False,
    }  # fmt: skip


def test_the_settings_say_whether_there_is_a_hub_and_not_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HUB_BUCKET", "our-hub")
    body = get("settings.json")["body"]
    assert json.loads(body)["hub"] is True
    assert "our-hub" not in body


def test_people_sign_in_at_the_stack_s_own_user_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_POOL_CLIENT_ID", "studio-client")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    pool = "https://cognito-idp.eu-central-1.amazonaws.com"
    found = json.loads(get("settings.json")["body"])["people"]
    assert found == {"url": f"{pool}/", "client": "studio-client"}
    policy = get("index.html")["headers"]["Content-Security-Policy"]
    assert f"connect-src 'self' {BUCKET} {pool};" in policy


def test_a_stack_of_an_earlier_release_asks_for_the_current_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONSENT_TEXT_VERSION", "none")
    assert json.loads(get("settings.json")["body"])["consent_text_version"] == CURRENT
