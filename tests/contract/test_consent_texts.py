"""The texts of consents: complete, unchanged once published, and the Studio's own words."""

import json
from hashlib import sha256

import pytest

from contracts.shared.people.consent_texts import (
    CURRENT,
    EVIDENCE_DAYS,
    TEXTS,
    VALID_DAYS,
    ConsentText,
)
from studio.app import SITE
from tests.contract.files import template

PUBLISHED = {
    "2026-11": "88a49d8a3f60e89468cf57129081dda05df0e413be5949b09f7048a01f0cf709",
}
"""Hash of each published version. A change of a text is a new version, and a new line here."""


@pytest.mark.parametrize("version", TEXTS)
def test_a_published_text_never_changes(version: str) -> None:
    text = json.dumps(
        {language: found._asdict() for language, found in TEXTS[version].items()},
        sort_keys=True,
    )
    assert sha256(text.encode()).hexdigest() == PUBLISHED[version]


@pytest.mark.parametrize("language", TEXTS[CURRENT])
def test_the_studio_shows_the_current_text_and_no_other(language: str) -> None:
    words = json.loads((SITE / f"words/{language}.json").read_text())
    shown = {
        name: words.get(f"consent.{name}", words.get(f"consent.{name}.other"))
        for name in ConsentText._fields
    }
    assert shown == TEXTS[CURRENT][language]._asdict()
    page = (SITE / "pages/consent.js").read_text()
    shown_names = {
        name for name in ConsentText._fields if f'"{name}"' in page or f"consent.{name}" in page
    }
    assert shown_names == set(ConsentText._fields)


def test_every_language_of_the_studio_has_the_text() -> None:
    assert {path.stem for path in SITE.glob("words/??.json")} == set(TEXTS[CURRENT])


def test_the_stack_asks_for_the_current_text() -> None:
    parameters = template()["Parameters"]
    assert parameters["ConsentTextVersion"]["Default"] == CURRENT
    assert parameters["RequireConsent"]["Default"] == "true"


def test_the_times_that_the_text_names_are_those_of_the_rules() -> None:
    text = TEXTS[CURRENT]["en"]
    assert ("one year" in text.expires, "three years" in text.proof) == (True, True)
    assert (VALID_DAYS, EVIDENCE_DAYS) == (365, 3 * 365)
