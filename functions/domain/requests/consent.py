"""Check the consent of a request against the rules of the stack's operator."""

from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.documents.upload.consent import Consent
from contracts.errors import ConsentRefusedError

CLOCK_SKEW = timedelta(minutes=5)


class ConsentRules(NamedTuple):
    """The consent that the stack requires."""

    text_version: str | None
    """Version of the text to agree to; None: no consent is required."""
    photos_kept_days: int


def check_consent(consent: Consent | None, rules: ConsentRules, now: datetime) -> None:
    """Refuse a request without the consent that the stack requires.

    Raises:
        ConsentRefusedError: the consent is missing, or does not cover this stack.
    """
    if rules.text_version is None:
        return
    if consent is None:
        raise ConsentRefusedError
    reasons = {
        "text_version": consent.text_version != rules.text_version,
        "retention_days": consent.retention_days < rules.photos_kept_days,
        "given_at": consent.given_at > now + CLOCK_SKEW,
    }
    wrong = [field for field, applies in reasons.items() if applies]
    if wrong:
        raise ConsentRefusedError(code="consent_not_enough", fields=", ".join(wrong))
