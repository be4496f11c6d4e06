"""`make studio-test`: every page in a browser: light, dark, at 320 px; with the stub trainer.

The pictures are under reports/studio. A page that scrolls sideways at 320 px, or says anything to
the browser's console, misses its target.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import Figure, finish
from bench.studio.browser import Page, browsing, find_browser
from bench.workflow.__main__ import STUB_IMAGE, images
from local import deployment, sagemaker
from local.cloud.paths import ROOT
from local.cloud.server import serve
from local.demo.upload import put_base
from local.front_door import studio
from local.portraits import album, upload_bytes

SHOTS = ROOT / "reports/studio"
LOOKS = ((1180, False), (1180, True), (320, False))
PAGES = ("models", "operator", "account")
TICK = "document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())"
JUDGED = "document.querySelectorAll('.grid .good, .grid .advice, .grid .refused').length === {n}"


class Album:
    """Takes the pictures of each page, and remembers how far each one scrolls sideways."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.wide: list[str] = []

    def take(self, name: str) -> None:
        """Take one page in every look."""
        for width, dark in LOOKS:
            self._page.look(width, dark=dark)
            self._page.screenshot(SHOTS / f"{name}-{width}{'-dark' if dark else ''}.png")
            if not self._page.ask(f"document.documentElement.scrollWidth <= {width}"):
                self.wide.append(f"{name} at {width}")
        self._page.look(LOOKS[0][0])


def main() -> int:
    """Run it; return 1 when a target is missed."""
    program = find_browser()
    if program is None:
        print("no browser is on the PATH (apt install chromium)", file=sys.stderr)
        return 1
    deployment.build()
    sagemaker.configure(sagemaker.Settings(images=images()))
    with serve() as cloud, TemporaryDirectory() as folder:
        put_base(cloud)
        outputs = deployment.deploy(cloud, TrainingImageUri=f"{STUB_IMAGE}:1")
        with browsing(program, Path(folder) / "profile") as page:
            seen = Album(page)
            page.look(LOOKS[0][0])
            page.open(studio(cloud, outputs, "studio"))
            walk(page, seen, files(Path(folder)))
            thrown = page.events("Runtime.exceptionThrown") + page.events("Log.entryAdded")
    print(*seen.wide, *thrown, sep="\n")
    return finish(
        "studio-test",
        [
            Figure("pages that scroll sideways", len(seen.wide), "pages", 0, "less"),
            Figure("messages in the browser's console", len(thrown), "messages", 0, "less"),
        ],
    )


def files(folder: Path) -> list[Path]:
    """Write twelve photos, of which four cannot be used."""
    found = []
    for number, photo in enumerate(album(3, 8, size=384)):
        found.append(folder / f"{number}.jpg")
        found[-1].write_bytes(upload_bytes(photo.image))
    for name, body in {
        "broken.jpg": b"\xff\xd8 no photo", "notes.txt": b"x", "empty.png": b"",
        "cut.jpg": found[0].read_bytes()[:2000],
    }.items():  # fmt: skip
        found.append(folder / name)
        found[-1].write_bytes(body)
    return found


def walk(page: Page, seen: Album, photos: list[Path]) -> None:
    """Go through the Studio as a person does, from the sign-in to the deletion."""
    page.wait(headline("first model"))
    seen.take("start")
    page.click("New model")
    page.wait("document.querySelector('form')")
    seen.take("consent")
    page.ask(TICK)
    page.click("I agree, go on to the photos")
    page.wait("document.querySelector('.drop')")
    page.choose("input[type=file]", photos)
    page.wait(JUDGED.format(n=len(photos)))
    page.wait("document.body.innerText.includes('$')")
    seen.take("photos")
    page.click("Start training")
    page.wait("document.querySelector('.stages progress')")
    seen.take("job")
    page.wait(headline("ready"))
    page.click("See your model")
    page.wait("document.querySelector('a[href*=safetensors]')")
    seen.take("model")
    for name in PAGES:
        page.ask(f"location.hash = '#/{name}'")
        page.wait(f"document.querySelector('nav a[aria-current][href=\"#/{name}\"]')")
        seen.take(name)
    page.ask("history.go(-3)")
    page.click("Delete model and photos")
    page.wait("document.querySelector('dialog')?.open")
    seen.take("delete")
    page.click("Delete model and photos")
    page.wait(headline("first model"))


def headline(words: str) -> str:
    """Return whether the page's headline has these words, as an expression."""
    return f"document.querySelector('h1')?.innerText.includes({words!r})"


if __name__ == "__main__":
    sys.exit(main())
