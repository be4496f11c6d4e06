"""The Studio in a real browser: from a one-time sign-in to a model, and its deletion."""

from pathlib import Path

import pytest

from bench.studio.browser import Page, browsing, find_browser
from local.front_door import studio
from tests.e2e.stack import Stack, photos

TENANT = "studio"
SHORT = 90.0


@pytest.fixture(scope="module")
def browser() -> str:
    found = find_browser()
    if found is None:
        pytest.skip("no browser is on the PATH (apt install chromium)")
    return found


def headline(words: str) -> str:
    return f"document.querySelector('h1')?.innerText.includes({words!r})"


@pytest.mark.usefixtures("quick_training")
def test_a_person_signs_in_trains_and_deletes(stack: Stack, browser: str, tmp_path: Path) -> None:
    link = studio(stack.cloud, stack.outputs, TENANT)
    good = [tmp_path / name for name in photos(91)]
    for path, body in zip(good, photos(91).values(), strict=True):
        path.write_bytes(body)
    (bad := tmp_path / "broken.jpg").write_bytes(b"no photo")
    with browsing(browser, tmp_path / "profile") as page:
        page.open(link)
        page.wait(headline("first model"))
        assert page.ask("location.hash") == "#/models"  # the key is not in the history
        page.ask("location.hash = '#/operator'")
        page.wait(
            "document.querySelector('main')?.innerText.includes('Revoked')"
        )  # the printed key
        page.click("New model")
        page.click("I agree, go on to the photos")
        page.wait("document.querySelector('[role=alert]').innerText.includes('all three')")
        page.ask("document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())")
        page.click("I agree, go on to the photos")
        page.wait("document.querySelector('.drop')")
        page.choose("input[type=file]", [*good[:3], bad])
        page.choose("input[type=file]", good[3:])
        page.wait("document.querySelectorAll('.grid .good, .grid .advice').length === 6", SHORT)
        page.wait("document.querySelector('.grid .refused').innerText.includes('Not an image')")
        page.wait("document.body.innerText.includes('$')")
        page.click("Start training")
        page.wait("location.hash.startsWith('#/jobs/')")
        page.wait("document.querySelector('.stages')")
        page.wait(headline("ready"))
        page.click("See your model")
        page.wait("document.querySelector('a[href*=safetensors]')")
        delete(page)
        assert page.events("Runtime.exceptionThrown") == []
        assert [one for one in page.events("Log.entryAdded") if "Policy" in str(one)] == []
    upload = next(iter(stack.unheard()), {"upload": ""})["upload"]
    assert upload


def delete(page: Page) -> None:
    """Delete the model and its photos, as the dialog asks."""
    page.click("Delete model and photos")
    page.wait("document.querySelector('dialog')?.open")
    page.click("Delete model and photos")
    page.wait("location.hash === '#/models'")
    page.wait("document.getElementById('live').innerText.includes('Deleted')")
