"""Signatures of the Standard Webhooks specification, version 1 of its scheme (HMAC-SHA256)."""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_bytes

from contracts.documents.api.webhooks import WebhookSecret

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the old secret signs too after a rotation."""


def new_secret() -> str:
    """Return a secret of 256 random bits."""
    return PREFIX + b64encode(token_bytes(32)).decode()


def rotated(secrets: Iterable[WebhookSecret], now: datetime) -> tuple[WebhookSecret, ...]:
    """Return a new secret, and beside it the newest of the old ones for a day."""
    newest = next(iter(secrets))
    old = WebhookSecret(secret=newest.secret, expires_at=(now + OVERLAP).isoformat())
    return WebhookSecret(secret=new_secret()), old


def headers(
    secrets: Iterable[WebhookSecret], message_id: str, body: bytes, now: datetime
) -> dict[str, str]:
    """Return the three headers of a delivery.

    ``webhook-signature`` has a signature for each secret that is valid, separated by spaces. The
    time is that of this try, so that a receiver may refuse what is older than some minutes.
    """
    seconds = str(int(now.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    valid = [s for s in secrets if s.expires_at is None or s.expires_at > now.isoformat()]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(signature(one.secret, signed) for one in valid),
    }


def signature(secret: str, signed: bytes) -> str:
    """Return one signature of ``<id>.<seconds>.<body>``."""
    key = b64decode(secret.removeprefix(PREFIX))
    return "v1," + b64encode(hmac.new(key, signed, sha256).digest()).decode()
