"""The consent that the stack requires, from the environment."""

from aws import settings
from contracts.shared.people.consent_texts import CURRENT
from domain.requests.consent import ConsentRules

OURS = "none"
"""Default of the parameter before version 2026-11 of the text; a stack that is updated keeps it."""


def text_version_from_env() -> str:
    """Return the version of the text to agree to: the operator's, or else ours."""
    version = settings.text("CONSENT_TEXT_VERSION")
    return CURRENT if version == OURS else version


def consent_rules_from_env() -> ConsentRules:
    """Return template.yaml's RequireConsent, ConsentTextVersion and PhotoRetentionDays."""
    return ConsentRules(
        required=settings.text("REQUIRE_CONSENT") == "true",
        text_version=text_version_from_env(),
        photos_kept_days=settings.number("PHOTO_RETENTION_DAYS"),
    )
