"""Whether the consent that came with a request is enough; the stack's operator decides."""

from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.documents.upload.consent import Consent
from contracts.errors import ConsentRefusedError

CLOCK_SKEW = timedelta(minutes=5)


class ConsentRules(NamedTuple):
    """What the stack asks for."""

    text_version: str | None
    """The text that must have been agreed to; None: nothing is asked for."""
    photos_kept_days: int


def check_consent(consent: Consent | None, rules: ConsentRules, now: datetime) -> None:
    """Let a request pass whose photos may be used.

    Raises:
        ConsentRefusedError: consent is required and missing, or given to something else.
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
