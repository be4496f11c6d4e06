"""/v1/webhooks: only an owner's key may, and only its own tenant's webhooks are there."""

import pytest

from domain.webhooks.registering import MAX_WEBHOOKS
from tests.unit.runtime.api_kit import call, context, services

URL = "https://hooks.example.org/likeness"
MESSAGE = "msg_" + "0" * 32


def test_a_webhook_is_made_shown_tested_and_removed() -> None:
    stores = services()
    made = call(stores, "POST", "/v1/webhooks", {"url": URL}).body
    assert (made["url"], made["events"]) == (URL, ["job.ended"])
    path = f"/v1/webhooks/{made['id']}"
    (listed,) = call(stores, "GET", "/v1/webhooks").body["data"]
    assert listed == {name: made[name] for name in made if name != "secret"}
    changed = call(stores, "POST", f"{path}:rotate").body
    assert changed["id"] == made["id"]
    assert changed["secret"] != made["secret"]
    sent = call(stores, "POST", f"{path}:test").body
    assert (sent["type"], sent["outcome"]) == ("ping", "waiting")
    assert call(stores, "GET", f"{path}/deliveries").body["data"] == [sent]
    again = call(stores, "POST", f"{path}/deliveries/{sent['id']}:replay").body
    assert again["id"] == sent["id"]
    assert call(stores, "DELETE", path).body["id"] == made["id"]
    assert call(stores, "GET", "/v1/webhooks").body["data"] == []


@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("DELETE", ""),
        ("POST", ":rotate"),
        ("POST", ":test"),
        ("GET", "/deliveries"),
        ("POST", f"/deliveries/{MESSAGE}:replay"),
    ],
)
def test_somebody_elses_webhook_is_answered_like_one_that_is_not_there(
    method: str, rest: str
) -> None:
    stores = services()
    made = call(stores, "POST", "/v1/webhooks", {"url": URL}).body["id"]
    other = context("globex", "admin")
    guessed = call(stores, method, f"/v1/webhooks/wh_{'0' * 16}{rest}", who=other)
    leaked = call(stores, method, f"/v1/webhooks/{made}{rest}", who=other)
    assert (leaked.status, leaked.body) == (guessed.status, guessed.body)
    assert leaked.status == 404
    weak = call(stores, method, f"/v1/webhooks/{made}{rest}", who=context("acme", "read"))
    assert (weak.status, weak.body["code"]) == (403, "forbidden")
    assert len(stores.webhooks.webhooks.of("acme")) == 1


@pytest.mark.parametrize("url", ["http://hooks.example.org/", "https://169.254.169.254/", "x" * 9])
def test_a_private_address_is_refused_with_its_code(url: str) -> None:
    answer = call(services(), "POST", "/v1/webhooks", {"url": url})
    assert (answer.status, answer.body["code"]) == (422, "webhook_address_refused")
    assert url not in str(answer.body)


def test_one_more_than_the_largest_number_is_refused() -> None:
    stores = services()
    for _ in range(MAX_WEBHOOKS):
        assert call(stores, "POST", "/v1/webhooks", {"url": URL}).status == 200
    answer = call(stores, "POST", "/v1/webhooks", {"url": URL})
    assert (answer.status, answer.body["code"]) == (409, "too_many_webhooks")
