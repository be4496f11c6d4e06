"""Whether a delivery is from the stack: the receiver's half of Standard Webhooks."""

import hmac
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from contracts.documents.api.webhooks import WebhookMessage
from domain.webhooks.signing import PREFIX, signature

MAX_AGE_SECONDS = 300
MAX_DIGITS = 12
"""Digits of a time in seconds; Python reads no number of thousands."""


class ForgedDeliveryError(Exception):
    """The delivery is not signed with a secret of ours, is too old, or is no message."""


def verify_webhook(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: float | None = None,
) -> WebhookMessage:
    """Return the message of a delivery.

    Keep ``headers["webhook-id"]``, and ignore a message whose id was there before.

    Args:
        secret: as the API has shown it, with ``whsec_``; several while they are changed.
        headers: names in any case.
        body: the bytes as they came; a body that was parsed and written again has other bytes.
        now: seconds since 1970; absent: the clock's.

    Raises:
        ForgedDeliveryError: answer 401.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message, seconds = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    moment = time.time() if now is None else now
    fresh = seconds.isascii() and seconds.isdigit() and len(seconds) <= MAX_DIGITS
    if not fresh or abs(moment - int(seconds)) > MAX_AGE_SECONDS:
        raise ForgedDeliveryError("the delivery has no time of the last five minutes")
    signed = f"{message}.{seconds}.".encode() + body
    secrets = [secret] if isinstance(secret, str) else secret
    wanted = [signature(one, signed) for one in secrets if is_secret(one)]
    given = found.get("webhook-signature", "").encode().split(b" ")
    if not any(hmac.compare_digest(one.encode(), two) for one in wanted for two in given):
        raise ForgedDeliveryError("the delivery is not signed with the webhook's secret")
    try:
        return WebhookMessage.model_validate_json(body, extra="ignore")
    except ValidationError:
        raise ForgedDeliveryError("the delivery is no message of a webhook") from None


def is_secret(text: str) -> bool:
    """Return whether a text is a webhook's secret; with an empty one anybody could sign.

    >>> is_secret("whsec_c2VjcmV0"), is_secret("whsec_"), is_secret("no secret")
    (True, False, False)
    """
    try:
        return bool(b64decode(text.removeprefix(PREFIX), validate=True))
    except ValueError:
        return False
