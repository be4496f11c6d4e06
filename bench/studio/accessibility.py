"""What axe-core finds on the page that a browser shows, and what the keyboard reaches."""

import json
from pathlib import Path
from typing import NamedTuple

from bench.studio.browser import Page

AXE = Path(__file__).resolve().parents[2] / ".venv/axe/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SERIOUS = {"serious", "critical"}
MAX_TABS = 150

FOCUSABLE = """
[...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
  .filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility()
    && !(one.type === 'radio' && !one.checked))
"""
"""A script: Tab reaches the chosen one of a group of radio buttons; the arrows reach the others."""


class Finding(NamedTuple):
    """One rule that a page breaks."""

    page: str
    rule: str
    impact: str
    where: str


def findings(page: Page, name: str) -> list[Finding]:
    """Return what axe finds on the page."""
    if not page.ask("typeof axe === 'object'"):
        page.ask(f"{AXE.read_text()}; true")
    asked = json.dumps({"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
    found = page.ask(
        f"axe.run(document, {asked}).then(({{ violations }}) => JSON.stringify(violations.map((one)"
        " => [one.id, one.impact, one.nodes.map((node) => node.target.join(' ')).slice(0, 4)])))"
    )
    return [
        Finding(name, rule, impact, "; ".join(where))
        for rule, impact, where in json.loads(str(found))
    ]


def unreached(page: Page) -> list[str]:
    """Return what can be used with a mouse but is not reached by Tab, without an end."""
    page.ask(
        f"window.wanted = new Set({FOCUSABLE}); window.hidden = [];"
        "document.activeElement?.blur(); scrollTo(0, 0); true"
    )
    for _ in range(min(MAX_TABS, int(str(page.ask("window.wanted.size"))) + 3)):
        page.press("Tab")
        page.ask(
            "(() => { const one = document.activeElement; if (!window.wanted.delete(one)) return;"
            " const look = getComputedStyle(one);"
            " if (look.outlineStyle === 'none') window.hidden.push(one.outerHTML.slice(0, 80));"
            " })()"
        )
    left = page.ask(
        "[...window.wanted].map((one) => one.outerHTML.slice(0, 80)).concat(window.hidden)"
    )
    return [str(one) for one in left] if isinstance(left, list) else []
