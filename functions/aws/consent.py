"""The consent that the stack requires, from the environment."""

from aws import settings
from domain.requests.consent import ConsentRules

NOT_ASKED = "none"


def consent_rules_from_env() -> ConsentRules:
    """Return the rules of template.yaml's ConsentTextVersion and PhotoRetentionDays."""
    version = settings.text("CONSENT_TEXT_VERSION")
    return ConsentRules(
        text_version=None if version == NOT_ASKED else version,
        photos_kept_days=settings.number("PHOTO_RETENTION_DAYS"),
    )
