"""A report from the form to the decision, the owner's appeal, and appeals of refusals."""

import json

from bench.studio.looks import Looks
from local.portraits import album, upload_bytes

PERSON = 5001
LANGUAGES = ("de", "es", "en")
PLACE = "likeness-credential"


class Operators:
    """A visitor, an operator and an owner at one browser, one after another."""

    def __init__(self, looks: Looks, key: str) -> None:
        """Remember the key of who runs the stack; the owner has signed in for longer."""
        self._looks, self._page, self._key = looks, looks.page, key

    def run(self, *, appealed: bool) -> None:
        """Report a picture, decide, appeal, decide again, and decide an appeal of a refusal.

        Args:
            appealed: the owner has appealed a refused prompt before.
        """
        self._looks.go("/models")
        self._page.ask("document.querySelector('.list a[href^=\"#/models/\"]').click()")
        self._page.wait("document.querySelector('#prompt')")
        model = str(self._page.ask("location.hash"))[1:]
        self._report()
        self._accept(model.removeprefix("/models/"))
        self._appeal(model)
        self._answer()
        self._appeals(appealed=appealed)
        self._enter(None, "/models")

    def _report(self) -> None:
        studio = str(self._page.ask("document.baseURI")).partition("#")[0]
        self._page.open(studio.replace("index.html", "takedown.html"))
        self._page.wait("document.querySelector('form textarea')")
        picture = self._looks.folder / "reported.jpg"
        picture.write_bytes(upload_bytes(album(PERSON, 1)[0].image))
        self._page.choose("input[type=file]", [picture])
        self._page.type("textarea", "I never agreed to this picture.")
        self._page.click("Send the report")
        self._looks.headline("has arrived")
        self._looks.check("reported")
        self._page.open(studio)
        self._page.wait("document.querySelector('.bar nav')")

    def _accept(self, model: str) -> None:
        self._enter(self._key, "/takedowns")
        self._looks.headline("1 report waits")
        self._looks.check("reports")
        self._page.click("Look at the report and its picture")
        self._page.wait("document.querySelector('img.evidence')?.naturalWidth > 0")
        self._looks.check("report-open")
        for language in LANGUAGES:
            self._looks.speak(language)
            self._page.wait("document.querySelector('[data-case]')")
            if language != "en":
                self._looks.check(f"reports-{language}")
        self._page.type("[data-case] input[type=text]", model)
        self._page.click("Accept: disable")
        self._page.wait("document.querySelector('dialog')?.open")
        self._looks.check("report-accept", dialog=True)
        self._page.ask("document.querySelector('dialog .danger').click()")
        self._looks.headline("No report waits")

    def _appeal(self, model: str) -> None:
        self._enter(None, model)
        self._page.click("Ask the operator to look again")
        self._page.wait("document.body.innerText.includes('looks again')")
        self._looks.check("model-disabled")

    def _answer(self) -> None:
        self._enter(self._key, "/takedowns")
        self._page.wait("document.body.innerText.includes('The owner asks you')")
        self._looks.check("report-appealed")
        self._page.click("Let them draw again")
        self._looks.headline("No report waits")
        self._looks.check("reports-decided")

    def _appeals(self, *, appealed: bool) -> None:
        self._looks.go("/appeals")
        self._looks.check("appeals")
        if appealed:
            self._page.click("Let exactly this through")
            self._looks.headline("No appeal waits")
            self._looks.check("appeals-decided")
        self._looks.go("/account")
        self._looks.check("operator-account")

    def _enter(self, key: str | None, place: str) -> None:
        """Sign in with another key in this tab; None: as the owner, whom the browser remembers."""
        word = f"sessionStorage.setItem('{PLACE}', {json.dumps(key)})"
        if key is None:
            word = f"sessionStorage.removeItem('{PLACE}')"
        self._page.ask(f"{word}, history.replaceState(null, '', '#{place}'), true")
        self._page.reload()
