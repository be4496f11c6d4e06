"""One visit to the Studio, from the sign-in to the receipt of a deletion, page after page."""

import io
import json
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from PIL import Image
from pillow_heif import register_heif_opener

from bench.report import Figure
from bench.studio.browser import Page
from bench.studio.looks import TRAINING_SECONDS, WIDE, Looks
from bench.studio.operators import Operators
from local.portraits import album, upload_bytes

TENANT = "studio"
PERSON = 5001
EMAIL, FIRST_PASSWORD, OWN_PASSWORD = "ada@example.org", "First-password-1", "Own-password-22"
"""The person who was invited, as ``invite`` of bench/studio/__main__.py does."""
GOOD, BAD = 8, 4
OTHER_FORMATS = (".png", ".webp", ".heic")
LANGUAGES = ("de", "es")
DRAWING_SECONDS, ERASING_SECONDS = 600.0, 300.0
PROMPTS = ("a photo of a sks person, smiling", "a photo of a sks person, green shirt")
BLOCKED = "famous person"
"""A word that bench/studio/__main__.py lets the stack refuse."""

CARELESS = """(async () => {
  const { call, send } = await import('./api.js');
  const bytes = Uint8Array.from(JSON.parse(BYTES));
  const size = bytes.length;
  const files = Array.from({ length: 5 }, () => ({ type: 'image/jpeg', size }));
  const upload = await call('createUpload', { body: { files } });
  for (const form of upload.forms) await send(form, new File([bytes], 'photo.jpg'));
  const request = { instance_prompt: 'a photo of sks person', class_prompt: 'a house' };
  await call('train', { body: { upload_id: upload.id, request } });
  for (let turn = 0; turn < 90; turn += 1) {
    const { data } = await call('jobs');
    if (data.some(({ status }) => status === 'failed')) return true;
    await new Promise((done) => setTimeout(done, 1000));
  }
  return false;
})()"""
"""A training on five equal photos, which fails at intake."""


VERDICT_SECONDS = """JSON.stringify(performance.getEntriesByType('resource')
  .filter(({ name }) => name.includes(':inspect')).map(({ duration }) => duration / 1000))"""
"""How long the browser has waited for each verdict on a photo."""


class Visit(Looks):
    """What a person does, page after page."""

    def __init__(
        self, page: Page, shots: Path, folder: Path, operator: str, *, draws: bool
    ) -> None:
        """Remember the key of who runs the stack, and whether pictures are drawn."""
        super().__init__(page, shots, folder)
        self._operator, self._draws = operator, draws
        self.kept = self.receipts = 0
        self._verdicts: list[float] = []

    def run(self, link: str) -> None:
        """Visit every page."""
        self.origin = urlsplit(link).netloc
        self.page.send("Network.enable")
        self.page.look(WIDE)
        self._verify(link)
        self._sign_in(link)
        self._consent()
        self._photos()
        self._train()
        self._model()
        self._operate()
        Operators(self, self._operator).run(appealed=self._draws)
        self._erase()

    # ---- the pages ---------------------------------------------------------------------------

    def _verify(self, link: str) -> None:
        """Ask without an account who made a photo, and look at the page for reports."""
        page = link.partition("#")[0].replace("index.html", "")
        self.page.open(f"{page}takedown.html")
        self.page.wait("document.querySelector('form textarea')")
        self.check("takedown")
        self.page.open(f"{page}verify.html")
        self.page.wait("document.querySelector('form .drop')")
        self.check("verify")
        picture = self.folder / "found.jpg"
        picture.write_bytes(upload_bytes(album(PERSON, 1)[0].image))
        self.page.choose("input[type=file]", [picture])
        self.page.click("Check the picture")
        self.page.wait("document.querySelector('[data-verdict=no]')")
        self.check("verified")

    def _sign_in(self, link: str) -> None:
        self.page.open(link.partition("#")[0])
        self.page.wait("document.querySelector('#key')")
        self.check("sign-in")
        self._enter("a wrong password")
        self._says_under("do not belong together")
        self.check("sign-in-refused")
        self._enter(FIRST_PASSWORD)
        self.page.wait("document.querySelector('input[autocomplete=new-password]')")
        self.check("sign-in-first")
        self.page.type("input[autocomplete=new-password]", OWN_PASSWORD)
        self.page.click("Sign in")
        self.headline("first model")
        self.page.click("Account")
        self.page.click("Sign out")
        self.page.wait("document.querySelector('#email')")
        self.page.click("Password forgotten")
        self.page.wait("document.querySelectorAll('input[type=email]').length === 1")
        self.check("sign-in-forgotten")
        self.page.open(link)
        self.headline("first model")
        self.check("models-empty")

    def _enter(self, password: str) -> None:
        for field, text in (("#email", EMAIL), ("#password", password)):
            self.page.ask(f"document.querySelector('{field}').value = ''")
            self.page.type(field, text)
        self.page.click("Sign in")

    def _says_under(self, words: str) -> None:
        alerts = "[...document.querySelectorAll('[role=alert]')].map((one) => one.innerText).join()"
        self.page.wait(f"{alerts}.includes({words!r})")

    def _consent(self) -> None:
        self.page.click("New model")
        self.page.click("I have a LoRA already")
        self.page.wait("document.querySelector('aside')?.innerText.includes('$')")
        self.check("lora")
        self.page.ask("history.back()")
        self.page.wait("!document.querySelector('form input[type=file]')")
        self.page.wait("document.querySelectorAll('input[type=checkbox]').length === 3")
        self.check("consent")
        self.page.ask(
            "document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())"
        )
        self.page.click("I agree, go on to the photos")
        self.page.wait("document.querySelector('.drop')")

    def _photos(self) -> None:
        self.check("photos-empty")
        self.page.choose("input[type=file]", self._files())
        judged = "document.querySelectorAll('.grid .good, .grid .advice').length"
        self.page.wait(f"{judged} === {GOOD}")
        self.page.wait(f"document.querySelectorAll('.grid .refused').length === {BAD}")
        self.page.wait("document.body.innerText.includes('$')")
        verdicts = str(self.page.ask(VERDICT_SECONDS))
        self._verdicts = sorted(json.loads(verdicts))
        self.check("photos")
        self.page.click("Use the camera")
        self.page.wait("document.querySelector('video')?.videoWidth > 0")
        self.check("camera", dialog=True)
        self.page.click("Done")
        self.page.reload()  # a closed tab
        self.page.wait("document.querySelectorAll('.grid img').length")
        self.kept = int(str(self.page.ask(judged)))
        self.page.ask("document.querySelector('.grid .good button, .grid .advice button').click()")
        self.page.wait(f"{judged} === {GOOD - 1}")
        self.page.wait("document.body.innerText.includes('$')")
        self.check("photos-resumed")

    def _train(self) -> None:
        begun = time.monotonic()
        self.page.click("Start training")
        self.page.wait("location.hash.startsWith('#/jobs/')")
        self.page.wait("document.querySelector('.stages') && !document.querySelector('.drop')")
        if self._draws:
            ready = "document.querySelectorAll('.pictures.small img').length >= 2"
            self.page.wait(f"{ready} || {self.says('ready')}", TRAINING_SECONDS)
        self.check("training")
        self.page.wait("!document.querySelector('main progress')", TRAINING_SECONDS)
        self.headline("ready")
        self.seconds["training"] = time.monotonic() - begun
        self.check("trained")

    def _model(self) -> None:
        self.page.click("See your model")
        self.page.wait("document.querySelector('#prompt')")
        if self._draws:
            self._draw()
        self.check("model")
        self.page.click("Downloads")
        self.page.wait("document.querySelector('a[href*=safetensors]')")
        self.check("files")
        self.page.ask("history.back()")
        self.page.wait("document.querySelector('#prompt')")

    def _draw(self) -> None:
        for number, prompt in enumerate(PROMPTS, 1):
            begun = time.monotonic()
            self.page.ask("document.querySelector('#prompt').value = ''")
            self.page.type("#prompt", prompt)
            if number > 1:
                self.page.click("Watercolour")
            self.page.click("Draw")
            self.page.wait(self._drawn(number), DRAWING_SECONDS)
            self.seconds[f"picture {number}"] = time.monotonic() - begun
        self.page.click("Favourite")
        self._each("Compare")
        self.page.click("Compare the two")
        self.page.wait("document.querySelector('dialog')?.open")
        self.check("compare", dialog=True)
        self.page.click("Close")
        self.page.click("Share …")
        self.page.wait("document.querySelector('dialog')?.open")
        self.check("share", dialog=True)
        self.page.click("Close")
        self.page.click("Once more")
        self.page.wait(self._drawn(len(PROMPTS) + 1), DRAWING_SECONDS)
        self.page.ask("document.querySelector('#prompt').value = ''")
        self.page.type("#prompt", f"a photo of a sks person as a {BLOCKED}")
        self.page.click("Draw")
        self.page.click("Ask the operator to let it through")
        self.page.wait("document.body.innerText.includes('waits for the operator')")

    def _operate(self) -> None:
        self._fail_a_training()
        model = self.page.ask("location.hash")
        for name, address in (
            ("models", "/models"),
            ("operator", "/operator"),
            ("keys", "/operator/keys"),
            ("people", "/operator/people"),
            ("account", "/account"),
        ):
            self.go(address)
            self.check(name)
        self.page.click("Delete everything")
        self.page.wait("document.querySelector('dialog')?.open")
        self.check("delete-everything", dialog=True)
        self.page.click("Cancel")
        self._redrive()
        self._invite()
        for language in LANGUAGES:
            self.speak(language)
            for name, address in (
                ("operator", "/operator"),
                ("people", "/operator/people"),
                ("model", str(model)[1:]),
            ):
                self.go(address)
                self.check(f"{name}-{language}")
        self.speak("en")

    def _invite(self) -> None:
        self.go("/operator/people")
        self.page.type("#invite", "no address")
        self.page.click("Send the invitation")
        self._says_under("no e-mail address")
        self.page.ask("document.querySelector('#invite').value = ''")
        self.page.type("#invite", "guest@example.org")
        self.page.click("Send the invitation")
        self.page.wait("document.getElementById('live').innerText.includes('was invited')")
        self.page.wait("document.querySelectorAll('tbody tr').length === 2")
        self.page.ask("document.querySelector('tbody .danger').click()")
        self.page.wait("document.querySelector('dialog')?.open")
        self.check("remove-person", dialog=True)
        self.page.click("Cancel")

    def _redrive(self) -> None:
        self.go("/operator")
        self.page.wait("document.querySelector('td button')")
        self.page.ask("document.querySelector('td button').click()")
        self.page.wait("document.querySelector('dialog')?.open")
        self.check("redrive", dialog=True)
        self.page.ask("document.querySelector('dialog .primary').click()")
        self.page.wait("document.getElementById('live').innerText.includes('The job goes on')")

    def _erase(self) -> None:
        self.go("/models")
        self.page.ask("document.querySelector('.list a[href^=\"#/models/\"]').click()")
        self.page.wait("document.querySelector('#prompt')")
        self.page.click("Delete model and photos")
        self.page.wait("document.querySelector('dialog')?.open")
        self.check("delete", dialog=True)
        self.page.click("Delete model and photos")
        self.page.wait("location.hash === '#/erased'")
        begun = time.monotonic()
        self.page.wait("document.querySelector('a[download^=receipt]')", ERASING_SECONDS)
        self.seconds["receipt"] = time.monotonic() - begun
        self.receipts = 1
        self.check("receipt")

    def figures(self) -> list[Figure]:
        """Return the report's lines."""
        verdicts = self._verdicts or [0.0]
        return [
            *super().figures(),
            Figure("verdicts kept after a closed tab", self.kept, f"of {GOOD}", GOOD),
            Figure("receipts of deletions", self.receipts, "", 1),
            Figure("a photo's verdict, half of them", median(verdicts), "s", 3, "less"),
            Figure("a photo's verdict, the slowest", verdicts[-1], "s"),
        ]

    # ---- helpers -----------------------------------------------------------------------------

    def _drawn(self, many: int) -> str:
        return f"document.querySelectorAll('.order img').length === {many}"

    def _each(self, words: str) -> None:
        self.page.ask(
            "[...document.querySelectorAll('.order button')]"
            f".filter((one) => one.innerText.trim() === {words!r}).forEach((one) => one.click())"
        )

    def _files(self) -> list[Path]:
        """Write the photos: good ones in three formats, and bad ones."""
        register_heif_opener()  # which also writes HEIC
        files = []
        for number, photo in enumerate(album(PERSON, GOOD)):
            path = self.folder / f"photo-{number}.jpg"
            path.write_bytes(upload_bytes(photo.image))
            if number < len(OTHER_FORMATS):
                path = path.with_suffix(OTHER_FORMATS[number])
                photo.image.save(path)
            files.append(path)
        bad = {
            "broken.jpg": b"no photo",
            "tiny.png": _picture(16, "white"),
            "blank.png": _picture(256, "grey"),
            "moving.gif": b"GIF89a",
        }
        for name, body in bad.items():
            (self.folder / name).write_bytes(body)
        return files + [self.folder / name for name in bad]

    def _fail_a_training(self) -> None:
        """Train on five equal photos through the API, as a careless client does."""
        body = upload_bytes(album(PERSON + 1, 1)[0].image)
        script = CARELESS.replace("BYTES", json.dumps(json.dumps(list(body))))
        if not self.page.ask(script):
            raise TimeoutError("the training on equal photos did not fail")


def _picture(side: int, colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()
