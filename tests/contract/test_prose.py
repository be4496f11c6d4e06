"""The pages can be read: short lines, figures with their source, words that others know."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.files import ROOT
from tests.contract.pages import WRITTEN, prose, sections

MAX_LINE = 120

DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
COMMAND = re.compile(r"`[^`]*(?:make |python -m |pytest|tests/)[^`]*`")
MEASURED = re.compile(r"^(figures|measured|how fast)", re.IGNORECASE)
GONE = re.compile(r"\b(darkroom|wishes|crew|frugal|ownclass|reinstate[sd]?)\b", re.IGNORECASE)
"""Words of house style that nobody outside knows; code names in backticks are left out."""

A_RELEASE = re.compile(r"\breleases?\b(?: before)? (0\.\d+\.?\d*)(?!\d)", re.IGNORECASE)
OF_OTHERS = {"0.42"}
"""diffusers, in docs/performance.md."""


@pytest.mark.parametrize("page", WRITTEN)
def test_no_line_of_prose_is_too_long_to_read(page: Path) -> None:
    long = [line.number for line in prose(page) if len(line.text) > MAX_LINE]
    assert not long, f"lines of more than {MAX_LINE} characters"


@pytest.mark.parametrize("page", WRITTEN)
def test_a_section_of_figures_says_when_and_how_they_were_measured(page: Path) -> None:
    for heading, text in sections(page).items():
        if MEASURED.match(heading):
            assert DATE.search(text), f"{heading}: no date"
            assert COMMAND.search(text), f"{heading}: no command"


@pytest.mark.parametrize("page", WRITTEN)
def test_words_that_only_we_know_are_gone(page: Path) -> None:
    texts = [re.sub(r"`[^`]*`", "", line.text) for line in prose(page)]
    assert not [text for text in texts if GONE.search(text)]


@pytest.mark.parametrize("page", WRITTEN)
def test_only_what_has_a_heading_in_the_changelog_is_called_a_release(page: Path) -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = set(re.findall(r"^## \[?(\d+\.\d+\.\d+)", changelog, re.MULTILINE))
    named = set(A_RELEASE.findall(page.read_text())) - OF_OTHERS
    assert named <= released, "say `package format N`, or a version that has a tag"


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = Counter(path.name[:4] for path in (ROOT / "docs/decisions").glob("*.md"))
    assert [number for number, many in numbers.items() if many > 1] == []
