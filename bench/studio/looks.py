"""Looking at pages of the Studio: screenshots, axe, the keyboard, 320 px, and what they ask."""

import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench.report import Figure
from bench.studio.accessibility import SERIOUS, Finding, findings, unreached
from bench.studio.browser import Page

WIDE, NARROW = 1180, 320
TRAINING_SECONDS = 3000.0

MOVING = """[...document.querySelectorAll('*')].map((one) => getComputedStyle(one)).filter((one) =>
  parseFloat(one.transitionDuration) > 0 || one.animationName !== 'none').length"""
"""How many elements move, although the browser says that the person prefers less motion."""


LOADED = """Promise.race([Promise.all([...document.images].map((one) => {
  one.loading = 'eager';
  return one.decode().catch(() => null);
})), new Promise((done) => setTimeout(done, 15000))]).then(() => true)"""
"""Waits for the pictures of the page, of which some are loaded only when they are scrolled to."""


class Looks:
    """What is measured of every page on the way."""

    def __init__(self, page: Page, shots: Path, folder: Path) -> None:
        """Remember the browser's page, and where screenshots and photos go."""
        self.page, self.folder, self._shots = page, folder, shots
        self._found: list[Finding] = []
        self._lost: list[str] = []
        self._wide: list[str] = []
        self._pages: set[str] = set()
        self._moving = 0
        self.seconds: dict[str, float] = {}
        self.origin = ""

    def says(self, words: str) -> str:
        """Return a script: whether the headline has these words."""
        return f"document.querySelector('h1')?.innerText.includes({words!r})"

    def headline(self, words: str) -> None:
        """Wait for a headline with these words."""
        self.page.wait(self.says(words), TRAINING_SECONDS)

    def go(self, address: str) -> None:
        """Show another page of the Studio."""
        self.page.ask(
            f"document.querySelector('h1').remove(); if (location.hash === '#{address}')"
            f" dispatchEvent(new Event('hashchange')); else location.hash = '#{address}'"
        )
        self.page.wait("document.querySelector('h1') && !document.querySelector('[aria-busy]')")
        time.sleep(0.3)

    def speak(self, language: str) -> None:
        """Choose the language in the footer."""
        self.page.ask(
            "(() => { const list = document.querySelector('.foot select');"
            f" list.value = {language!r}; list.dispatchEvent(new Event('change')); }})()"
        )
        self.page.wait(f"document.documentElement.lang === {language!r}")

    def check(self, name: str, *, dialog: bool = False) -> None:
        """Take the page's screenshots and measure it."""
        self._pages.add(name)
        self.page.ask("scrollTo(0, 0)")
        self.page.ask(LOADED)
        for dark in (False, True):
            self.page.look(WIDE, dark=dark)
            shade = "dark" if dark else "light"
            self.page.screenshot(self._shots / f"{name}-{shade}.png")
            self._found += findings(self.page, f"{name}, {shade}")
        self._moving += int(str(self.page.ask(MOVING)))
        self.page.look(NARROW)
        self.page.screenshot(self._shots / f"{name}-320.png")
        if self.page.ask("document.documentElement.scrollWidth > innerWidth"):
            self._wide.append(name)
        self.page.look(WIDE)
        if not dialog:
            self._lost += [f"{name}: {one}" for one in unreached(self.page)]

    # ---- the figures -------------------------------------------------------------------------

    def figures(self) -> list[Figure]:
        """Print what was found and return the report's lines."""
        serious = [one for one in self._found if one.impact in SERIOUS]
        for one in self._found:
            print("AXE", *one, sep="  ")
        for kind, words in (("TAB", self._lost), ("WIDE", self._wide), ("OUT", self._foreign())):
            for word in words:
                print(kind, word, sep="  ")
        thrown = self.page.events("Runtime.exceptionThrown")
        policy = [one for one in self.page.events("Log.entryAdded") if "Policy" in str(one)]
        for problem in [*thrown, *policy]:
            print("BROKEN", json.dumps(problem)[:500], sep="  ")
        return [
            Figure("pages looked at", len(self._pages), "", 20),
            Figure("axe: serious or critical", len(serious), "", 0, "less"),
            Figure("axe: lesser findings", len(self._found) - len(serious)),
            Figure("not reached or not shown by Tab", len(self._lost), "", 0, "less"),
            Figure("pages wider than 320 px", len(self._wide), "", 0, "less"),
            Figure("moving parts where motion is reduced", self._moving, "", 0, "less"),
            Figure("requests to others", len(self._foreign()), "", 0, "less"),
            Figure("exceptions and policy violations", len(thrown) + len(policy), "", 0, "less"),
            *(Figure(name, seconds, "s") for name, seconds in self.seconds.items()),
        ]

    def _foreign(self) -> list[str]:
        """Return the addresses outside this stack that the pages have asked."""
        urls = [
            urlsplit(one["request"]["url"]) for one in self.page.events("Network.requestWillBeSent")
        ]
        return sorted(
            {u.netloc for u in urls if u.scheme.startswith("http") and u.netloc != self.origin}
        )
