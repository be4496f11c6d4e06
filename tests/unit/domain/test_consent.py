"""Whose photos may be used: a consent to this text, for long enough, given by now."""

from datetime import timedelta

import pytest

from contracts.documents.upload.consent import Consent
from contracts.errors import ConsentRefusedError
from domain.requests.consent import CLOCK_SKEW, ConsentRules, check_consent
from tests.unit.training_kit import NOON

RULES = ConsentRules(text_version="2026-01", photos_kept_days=30)
GIVEN = Consent(
    given_by="person-17",
    given_at=NOON,
    text_version="2026-01",
    purpose="avatar",
    retention_days=30,
)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, None),
        ({"retention_days": 31}, None),
        ({"given_at": NOON + CLOCK_SKEW}, None),
        ({"given_at": NOON - timedelta(days=3000)}, None),
        ({"given_at": NOON + CLOCK_SKEW + timedelta(seconds=1)}, "given_at"),
        ({"retention_days": 29}, "retention_days"),
        ({"text_version": "2026-02"}, "text_version"),
        (
            {"text_version": "x", "retention_days": 1, "given_at": NOON + timedelta(days=1)},
            "text_version, retention_days, given_at",
        ),
    ],
)
def test_what_a_consent_lacks_is_named(changes: dict[str, object], wrong: str | None) -> None:
    consent = GIVEN.model_copy(update=changes)
    if wrong is None:
        check_consent(consent, RULES, NOON)
        return
    with pytest.raises(ConsentRefusedError) as caught:
        check_consent(consent, RULES, NOON)
    assert caught.value.facts == {"code": "consent_not_enough", "fields": wrong}


def test_a_consent_is_missing_only_where_one_is_asked_for() -> None:
    with pytest.raises(ConsentRefusedError) as caught:
        check_consent(None, RULES, NOON)
    assert caught.value.facts == {"code": "consent_missing"}
    for consent in (None, GIVEN.model_copy(update={"text_version": "x"})):
        check_consent(consent, ConsentRules(None, photos_kept_days=30), NOON)
