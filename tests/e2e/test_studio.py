"""The Studio in a real browser: from a one-time sign-in to a model, and its deletion."""

from pathlib import Path

import pytest

from bench.studio.browser import Page, browsing, find_browser
from local.front_door import studio
from tests.e2e.stack import Stack, photos

TENANT = "studio"
SHORT = 90.0
CUT = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture(scope="module")
def browser() -> str:
    found = find_browser()
    if found is None:
        pytest.skip("no browser is on the PATH (apt install chromium)")
    return found


def headline(words: str) -> str:
    return f"document.querySelector('h1')?.innerText.includes({words!r})"


@pytest.mark.usefixtures("quick_training")
def test_a_person_signs_in_trains_and_withdraws(stack: Stack, browser: str, tmp_path: Path) -> None:
    link = studio(stack.cloud, stack.outputs, TENANT)
    good, bad = written(tmp_path)
    with browsing(browser, tmp_path / "profile") as page:
        page.open(link)
        page.wait(headline("first model"))
        assert page.ask("location.hash") == "#/models"  # the key is not in the history
        page.ask("location.hash = '#/operator/keys'")
        page.wait(
            "document.querySelector('main')?.innerText.includes('Revoked')"
        )  # the printed key
        page.click("New model")
        page.click("I agree, go on to the photos")
        page.wait("document.querySelector('[role=alert]').innerText.includes('all three')")
        page.ask("document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())")
        page.click("I agree, go on to the photos")
        page.wait("document.querySelector('.drop')")
        page.choose("input[type=file]", [*good[:3], *bad])
        page.choose("input[type=file]", good[3:])
        judged = "document.querySelectorAll('.grid .good, .grid .advice').length"
        page.wait(f"{judged} === {len(good)}", SHORT)
        page.wait(f"document.querySelectorAll('.grid .refused').length === {len(bad)}", SHORT)
        page.wait("document.querySelector('.grid').innerText.includes('Not an image')")
        page.wait("document.body.innerText.includes('$')")
        page.reload()
        page.wait(f"{judged} === {len(good)}", SHORT)
        page.ask("document.querySelector('.grid .good button, .grid .advice button').click()")
        page.wait(f"{judged} === {len(good) - 1}")
        page.click("Start training")
        page.wait("location.hash.startsWith('#/jobs/')")
        page.wait("document.querySelector('.stages')")
        page.wait(headline("ready"), 600)
        page.click("See your model")
        page.click("Draw")
        page.wait("document.querySelectorAll('.order img').length === 1")
        page.click("Favourite")
        page.reload()
        page.wait("document.querySelector('.order [aria-pressed=true]')")
        page.click("Downloads")
        page.wait("document.querySelector('a[href*=safetensors]')")
        page.click("Back to the model")
        withdraw(page)
        assert page.events("Runtime.exceptionThrown") == []
        assert [one for one in page.events("Log.entryAdded") if "Policy" in str(one)] == []
    upload = next(iter(stack.unheard()), {"upload": ""})["upload"]
    assert upload


def written(folder: Path) -> tuple[list[Path], list[Path]]:
    """Write eight good photos and four bad ones."""
    bad = {"broken.jpg": b"no photo", "moving.gif": b"GIF89a", "empty.jpg": b"", "cut.png": CUT}
    files = photos(91, 8) | bad
    for name, body in files.items():
        (folder / name).write_bytes(body)
    paths = [folder / name for name in files]
    return paths[:-4], paths[-4:]


def withdraw(page: Page) -> None:
    """Take the consent back; the photos and the model go, and the receipt follows."""
    page.click("Account")
    page.wait("document.querySelector('table .danger')")
    page.ask("document.querySelector('table .danger').click()")  # the newest consent comes first
    page.wait("document.querySelector('dialog')?.open")
    page.click("Withdraw")
    page.wait("location.hash === '#/erased'")
    page.wait("document.querySelector('a[download^=receipt]')")
    assert page.ask("document.querySelector('main').innerText.includes('uploaded files')")
    page.click("Account")
    page.wait("document.querySelector('main').innerText.includes('withdrawn on')")
