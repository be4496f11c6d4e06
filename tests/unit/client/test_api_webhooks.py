"""A receiver's half of webhooks: what the stack has signed is known, and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from contracts.documents.api.webhooks import WebhookSecret
from domain.webhooks.signing import headers, new_secret, rotated, signature
from likeness_client import ForgedDeliveryError, verify_webhook

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BODY = json.dumps({"type": "ping", "timestamp": NOW.isoformat(), "data": {}}).encode()
SECRET = new_secret()


def signed(body: bytes = BODY, secret: str = SECRET, now: datetime = NOW) -> dict[str, str]:
    found = headers([WebhookSecret(secret=secret)], "msg_" + "1" * 32, body, now)
    return {name.title(): value for name, value in found.items()}


def test_a_delivery_is_known_by_its_signature() -> None:
    assert verify_webhook(SECRET, signed(), BODY, NOW.timestamp()).type == "ping"


def test_a_delivery_is_known_by_the_old_and_the_new_secret() -> None:
    both = rotated([WebhookSecret(secret=SECRET)], NOW)
    sent = headers(both, "msg_" + "1" * 32, BODY, NOW)
    for secret in (SECRET, both[0].secret, [new_secret(), SECRET]):
        assert verify_webhook(secret, sent, BODY, NOW.timestamp())


@pytest.mark.parametrize(
    ("given", "body", "late"),
    [
        (signed(), BODY + b" ", 0),
        (signed(secret=new_secret()), BODY, 0),
        (signed(), BODY, 301),
        (signed(), BODY, -301),
        ({}, BODY, 0),
        (signed() | {"Webhook-Timestamp": "soon"}, BODY, 0),
        (signed() | {"Webhook-Timestamp": "²"}, BODY, 0),
        (signed() | {"Webhook-Timestamp": "1" * 5000}, BODY, 0),
        (signed() | {"Webhook-Id": "msg_other"}, BODY, 0),
        (signed() | {"Webhook-Signature": "v1,é"}, BODY, 0),
        (signed(b"[]"), b"[]", 0),
    ],
)
def test_anything_else_is_forged(given: dict[str, str], body: bytes, late: int) -> None:
    moment = NOW + timedelta(seconds=late)
    with pytest.raises(ForgedDeliveryError):
        verify_webhook(SECRET, given, body, moment.timestamp())


@pytest.mark.parametrize("secret", ["", "whsec_", "no secret", "é", [], [""]])
def test_a_receiver_without_a_secret_knows_nobody(secret: str | list[str]) -> None:
    """An unset variable is an empty text, and with an empty key anybody could sign."""
    known = signed()
    text = f"{known['Webhook-Id']}.{known['Webhook-Timestamp']}.".encode() + BODY
    forged = known | {"Webhook-Signature": signature("", text)}
    for given in (forged, known):
        with pytest.raises(ForgedDeliveryError):
            verify_webhook(secret, given, BODY, NOW.timestamp())


def test_the_clock_counts_where_no_time_is_given() -> None:
    assert verify_webhook(SECRET, signed(now=datetime.now(UTC)), BODY).type == "ping"
    with pytest.raises(ForgedDeliveryError, match="five minutes"):
        verify_webhook(SECRET, signed(now=datetime(2020, 1, 1, tzinfo=UTC)), BODY)
