"""The documents say what is true: drawings are current, links lead somewhere."""

import re
import subprocess
import sys

import pytest

from tests.contract.files import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)[^)]*\)")


def test_the_drawn_workflow_is_the_defined_one() -> None:
    run = subprocess.run([sys.executable, ROOT / "docs/diagram.py", "--check"], check=False)
    assert run.returncode == 0, "run `python docs/diagram.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page: object) -> None:
    assert isinstance(page, type(ROOT))
    dead = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert not dead
