"""The Markdown pages of the repository, and their prose without tables, code and link targets."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.contract.files import ROOT

GENERATED = {ROOT / "docs" / "map.md", ROOT / "docs" / "codes.md"}
"""Their lines are as long as the sentences of the files that they list."""

LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)\)")
FENCE = re.compile(r"^\s*(```|~~~)")
TABLE = re.compile(r"^\s*\|")


class Line(NamedTuple):
    """One line of prose."""

    number: int
    text: str


def pages() -> list[Path]:
    """Every page that is written by people or by our scripts."""
    shown = (path for path in ROOT.rglob("*.md") if not is_hidden(path.relative_to(ROOT)))
    return sorted({*shown, *(ROOT / ".github").rglob("*.md")})


def is_hidden(path: Path) -> bool:
    """Return whether a path is in a folder of tools, such as .venv."""
    return any(part.startswith(".") or part == "node_modules" for part in path.parts)


def prose(page: Path) -> Iterator[Line]:
    """Yield the lines that are neither in a table nor in a code block, with links as their text."""
    inside_code = False
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if FENCE.match(line):
            inside_code = not inside_code
        elif not inside_code and not TABLE.match(line):
            yield Line(number, LINK.sub(r"\1", line))


def text_outside_code(page: Path) -> str:
    """Return a page without its code blocks; tables stay."""
    kept, inside_code = [], False
    for line in page.read_text().splitlines():
        if FENCE.match(line):
            inside_code = not inside_code
        elif not inside_code:
            kept.append(line)
    return "\n".join(kept)


def sections(page: Path) -> dict[str, str]:
    """Return a page's text by heading; the text before the first stands under the empty one."""
    found, heading = {"": ""}, ""
    for line in text_outside_code(page).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
            found[heading] = ""
        else:
            found[heading] += line + "\n"
    return found


def anchor(heading: str) -> str:
    """Return the anchor that GitHub gives a heading.

    >>> anchor("What `the` code reports, e.g.")
    'what-the-code-reports-eg'
    """
    letters = re.sub(r"[^\w\- ]", "", LINK.sub(r"\1", heading).lower())
    return letters.replace(" ", "-")


PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]
WRITTEN = [
    pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages() if page not in GENERATED
]
