"""The Studio's pages in a real browser, before the API's real routes over stores in memory."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bench.studio.browser import Page, browsing, find_browser
from studio.app import SITE
from tests.fakes.studio_server import VARIABLES, StudioServer, serve
from tests.fakes.user_pool import OWN, MemoryUserPool

WORDS: dict[str, str] = json.loads((SITE / "words/en.json").read_text())
ALERTS = "[...document.querySelectorAll('[role=alert]')].map((one) => one.innerText).join('')"


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    browser = find_browser()
    if browser is None:
        pytest.skip("no browser is on the PATH (apt install chromium)")
    with browsing(browser, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, page: Page) -> Iterator[StudioServer]:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    made = StudioServer()
    with serve(made) as address:
        made.address = address
        page.open(address)
        page.wait("document.querySelector('#email')")
        yield made
        assert page.ask("sessionStorage.clear(), localStorage.clear(), true")


def fill(page: Page, *texts: str) -> None:
    """Write into the fields that are shown, and send the form."""
    shown = "[...document.querySelectorAll('main form')].find((one) => one.checkVisibility())"
    for place, text in enumerate(texts):
        page.ask(f"(() => {{ const field = {shown}.querySelectorAll('input')[{place}];"
                 " field.value = ''; field.focus(); })()")  # fmt: skip
        page.send("Input.insertText", text=text)
    page.ask(f"{shown}.querySelector('[type=submit]').click()")


def entered(page: Page) -> None:
    page.wait("document.querySelector('h1')?.innerText.includes('first model')", 30)


def sign_in(page: Page, pool: MemoryUserPool, password: str = OWN) -> None:
    fill(page, pool.email, password)


def enter_with(page: Page, key: str, place: str = "/models") -> None:
    """Sign in with a key, and load a page of the Studio anew."""
    stored = f"sessionStorage.setItem('likeness-credential', {json.dumps(key)})"
    page.ask(f"{stored}, history.replaceState(null, '', '#{place}'), window.before = true")
    page.reload()


def says(page: Page, *keys: str, **values: object) -> None:
    """Wait until the page shows these words of the catalogue."""
    for key in keys:
        words = WORDS[key].format(**values)
        page.wait(f"document.querySelector('main')?.innerText.includes({json.dumps(words)})", 30)


def headline(page: Page, key: str, **values: object) -> None:
    words = WORDS[key].format(**values)
    page.wait(f"document.querySelector('h1')?.innerText === {json.dumps(words)}", 30)


def agree(page: Page) -> None:
    """Press the button of the dialog that agrees."""
    page.wait("document.querySelector('dialog')?.open", 30)
    page.ask("document.querySelector('dialog .row button:last-child').click()")


def with_model(server: StudioServer) -> str:
    """Give the tenant a model with one file."""
    record = server._job("acme", "u1").model_copy(update={"percent": 100})  # noqa: SLF001
    jobs: Any = server.stores.jobs
    jobs.records[record.job_id] = record.model_copy(
        update={"status": "succeeded", "plan_id": record.job_id}
    )
    server._publish(record)  # noqa: SLF001
    return record.job_id
