"""One visit to the Studio, from the sign-in to the receipt of a deletion, page after page."""

import io
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image
from pillow_heif import register_heif_opener

from bench.report import Figure
from bench.studio.accessibility import SERIOUS, Finding, findings, unreached
from bench.studio.browser import Page
from local.portraits import album, upload_bytes

TENANT = "studio"
PERSON = 5001
EMAIL, FIRST_PASSWORD, OWN_PASSWORD = "ada@example.org", "First-password-1", "Own-password-22"
"""The person who was invited, as ``invite`` of bench/studio/__main__.py does."""
GOOD, BAD = 8, 4
OTHER_FORMATS = (".png", ".webp", ".heic")
LANGUAGES = ("de", "es")
WIDE, NARROW = 1180, 320
TRAINING_SECONDS, DRAWING_SECONDS, ERASING_SECONDS = 3000.0, 600.0, 300.0
PROMPTS = ("a photo of a sks person, smiling", "a photo of a sks person, green shirt")


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


MOVING = """[...document.querySelectorAll('*')].map((one) => getComputedStyle(one)).filter((one) =>
  parseFloat(one.transitionDuration) > 0 || one.animationName !== 'none').length"""
"""How many elements move, although the browser says that the person prefers less motion."""


class Visit:
    """What a person does, and what is measured of every page on the way."""

    def __init__(self, page: Page, shots: Path, folder: Path, *, draws: bool) -> None:
        """Remember the browser's page, and where screenshots and photos go."""
        self._page, self._shots, self._folder, self._draws = page, shots, folder, draws
        self._found: list[Finding] = []
        self._lost: list[str] = []
        self._wide: list[str] = []
        self._pages: set[str] = set()
        self._kept = self._receipts = self._moving = 0
        self._seconds: dict[str, float] = {}
        self._origin = ""

    def run(self, link: str) -> None:
        """Visit every page."""
        self._origin = urlsplit(link).netloc
        self._page.send("Network.enable")
        self._page.look(WIDE)
        self._verify(link)
        self._sign_in(link)
        self._consent()
        self._photos()
        self._train()
        self._model()
        self._operate()
        self._erase()

    # ---- the pages ---------------------------------------------------------------------------

    def _verify(self, link: str) -> None:
        """Ask without an account who made a photo, and look at the page for reports."""
        page = link.partition("#")[0].replace("index.html", "")
        self._page.open(f"{page}takedown.html")
        self._page.wait("document.querySelector('form textarea')")
        self._check("takedown")
        self._page.open(f"{page}verify.html")
        self._page.wait("document.querySelector('form .drop')")
        self._check("verify")
        picture = self._folder / "found.jpg"
        picture.write_bytes(upload_bytes(album(PERSON, 1)[0].image))
        self._page.choose("input[type=file]", [picture])
        self._page.click("Check the picture")
        self._page.wait("document.querySelector('[data-verdict=no]')")
        self._check("verified")

    def _sign_in(self, link: str) -> None:
        self._page.open(link.partition("#")[0])
        self._page.wait("document.querySelector('#key')")
        self._check("sign-in")
        self._enter("a wrong password")
        self._says_under("do not belong together")
        self._check("sign-in-refused")
        self._enter(FIRST_PASSWORD)
        self._page.wait("document.querySelector('input[autocomplete=new-password]')")
        self._check("sign-in-first")
        self._page.type("input[autocomplete=new-password]", OWN_PASSWORD)
        self._page.click("Sign in")
        self._headline("first model")
        self._page.click("Account")
        self._page.click("Sign out")
        self._page.wait("document.querySelector('#email')")
        self._page.click("Password forgotten")
        self._page.wait("document.querySelectorAll('input[type=email]').length === 1")
        self._check("sign-in-forgotten")
        self._page.open(link)
        self._headline("first model")
        self._check("models-empty")

    def _enter(self, password: str) -> None:
        for field, text in (("#email", EMAIL), ("#password", password)):
            self._page.ask(f"document.querySelector('{field}').value = ''")
            self._page.type(field, text)
        self._page.click("Sign in")

    def _says_under(self, words: str) -> None:
        alerts = "[...document.querySelectorAll('[role=alert]')].map((one) => one.innerText).join()"
        self._page.wait(f"{alerts}.includes({words!r})")

    def _consent(self) -> None:
        self._page.click("New model")
        self._page.wait("document.querySelectorAll('input[type=checkbox]').length === 3")
        self._check("consent")
        self._page.ask(
            "document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())"
        )
        self._page.click("I agree, go on to the photos")
        self._page.wait("document.querySelector('.drop')")

    def _photos(self) -> None:
        self._check("photos-empty")
        self._page.choose("input[type=file]", self._files())
        judged = "document.querySelectorAll('.grid .good, .grid .advice').length"
        self._page.wait(f"{judged} === {GOOD}")
        self._page.wait(f"document.querySelectorAll('.grid .refused').length === {BAD}")
        self._page.wait("document.body.innerText.includes('$')")
        self._check("photos")
        self._page.click("Use the camera")
        self._page.wait("document.querySelector('video')?.videoWidth > 0")
        self._check("camera", dialog=True)
        self._page.click("Done")
        self._page.reload()  # a closed tab
        self._page.wait("document.querySelectorAll('.grid img').length")
        self._kept = int(str(self._page.ask(judged)))
        self._page.ask("document.querySelector('.grid .good button, .grid .advice button').click()")
        self._page.wait(f"{judged} === {GOOD - 1}")
        self._page.wait("document.body.innerText.includes('$')")
        self._check("photos-resumed")

    def _train(self) -> None:
        begun = time.monotonic()
        self._page.click("Start training")
        self._page.wait("location.hash.startsWith('#/jobs/')")
        self._page.wait("document.querySelector('.stages') && !document.querySelector('.drop')")
        if self._draws:
            ready = "document.querySelectorAll('.pictures.small img').length >= 2"
            self._page.wait(f"{ready} || {self._says('ready')}", TRAINING_SECONDS)
        self._check("training")
        self._page.wait("!document.querySelector('main progress')", TRAINING_SECONDS)
        self._headline("ready")
        self._seconds["training"] = time.monotonic() - begun
        self._check("trained")

    def _model(self) -> None:
        self._page.click("See your model")
        self._page.wait("document.querySelector('#prompt')")
        if self._draws:
            self._draw()
        self._check("model")
        self._page.click("Downloads")
        self._page.wait("document.querySelector('a[href*=safetensors]')")
        self._check("files")
        self._page.ask("history.back()")
        self._page.wait("document.querySelector('#prompt')")

    def _draw(self) -> None:
        for number, prompt in enumerate(PROMPTS, 1):
            begun = time.monotonic()
            self._page.ask("document.querySelector('#prompt').value = ''")
            self._page.type("#prompt", prompt)
            if number > 1:
                self._page.click("Watercolour")
            self._page.click("Draw")
            self._page.wait(self._drawn(number), DRAWING_SECONDS)
            self._seconds[f"picture {number}"] = time.monotonic() - begun
        self._page.click("Favourite")
        self._each("Compare")
        self._page.click("Compare the two")
        self._page.wait("document.querySelector('dialog')?.open")
        self._check("compare", dialog=True)
        self._page.click("Close")
        self._page.click("Share …")
        self._page.wait("document.querySelector('dialog')?.open")
        self._check("share", dialog=True)
        self._page.click("Close")
        self._page.click("Once more")
        self._page.wait(self._drawn(len(PROMPTS) + 1), DRAWING_SECONDS)

    def _operate(self) -> None:
        self._fail_a_training()
        model = self._page.ask("location.hash")
        for name, address in (
            ("models", "/models"),
            ("operator", "/operator"),
            ("keys", "/operator/keys"),
            ("people", "/operator/people"),
            ("account", "/account"),
        ):
            self._go(address)
            self._check(name)
        self._redrive()
        self._invite()
        for language in LANGUAGES:
            self._speak(language)
            for name, address in (
                ("operator", "/operator"),
                ("people", "/operator/people"),
                ("model", str(model)[1:]),
            ):
                self._go(address)
                self._check(f"{name}-{language}")
        self._speak("en")

    def _invite(self) -> None:
        self._go("/operator/people")
        self._page.type("#invite", "no address")
        self._page.click("Send the invitation")
        self._says_under("no e-mail address")
        self._page.ask("document.querySelector('#invite').value = ''")
        self._page.type("#invite", "guest@example.org")
        self._page.click("Send the invitation")
        self._page.wait("document.getElementById('live').innerText.includes('was invited')")
        self._page.wait("document.querySelectorAll('tbody tr').length === 2")
        self._page.ask("document.querySelector('tbody .danger').click()")
        self._page.wait("document.querySelector('dialog')?.open")
        self._check("remove-person", dialog=True)
        self._page.click("Cancel")

    def _redrive(self) -> None:
        self._go("/operator")
        self._page.wait("document.querySelector('td button')")
        self._page.ask("document.querySelector('td button').click()")
        self._page.wait("document.querySelector('dialog')?.open")
        self._check("redrive", dialog=True)
        self._page.ask("document.querySelector('dialog .primary').click()")
        self._page.wait("document.getElementById('live').innerText.includes('The job goes on')")

    def _erase(self) -> None:
        self._go("/models")
        self._page.ask("document.querySelector('.list a[href^=\"#/models/\"]').click()")
        self._page.wait("document.querySelector('#prompt')")
        self._page.click("Delete model and photos")
        self._page.wait("document.querySelector('dialog')?.open")
        self._check("delete", dialog=True)
        self._page.click("Delete model and photos")
        self._page.wait("location.hash === '#/erased'")
        begun = time.monotonic()
        self._page.wait("document.querySelector('a[download^=receipt]')", ERASING_SECONDS)
        self._seconds["receipt"] = time.monotonic() - begun
        self._receipts = 1
        self._check("receipt")

    # ---- helpers -----------------------------------------------------------------------------

    def _says(self, words: str) -> str:
        return f"document.querySelector('h1')?.innerText.includes({words!r})"

    def _drawn(self, many: int) -> str:
        return f"document.querySelectorAll('.order img').length === {many}"

    def _headline(self, words: str) -> None:
        self._page.wait(self._says(words), TRAINING_SECONDS)

    def _go(self, address: str) -> None:
        self._page.ask(f"document.querySelector('h1').remove(); location.hash = '#{address}'")
        self._page.wait("document.querySelector('h1') && !document.querySelector('[aria-busy]')")
        time.sleep(0.3)

    def _each(self, words: str) -> None:
        self._page.ask(
            "[...document.querySelectorAll('.order button')]"
            f".filter((one) => one.innerText.trim() === {words!r}).forEach((one) => one.click())"
        )

    def _speak(self, language: str) -> None:
        self._page.ask(
            "(() => { const list = document.querySelector('.foot select');"
            f" list.value = {language!r}; list.dispatchEvent(new Event('change')); }})()"
        )
        self._page.wait(f"document.documentElement.lang === {language!r}")

    def _check(self, name: str, *, dialog: bool = False) -> None:
        """Take the page's screenshots and measure it."""
        self._pages.add(name)
        self._page.ask("scrollTo(0, 0)")
        for dark in (False, True):
            self._page.look(WIDE, dark=dark)
            shade = "dark" if dark else "light"
            self._page.screenshot(self._shots / f"{name}-{shade}.png")
            self._found += findings(self._page, f"{name}, {shade}")
        self._moving += int(str(self._page.ask(MOVING)))
        self._page.look(NARROW)
        self._page.screenshot(self._shots / f"{name}-320.png")
        if self._page.ask("document.documentElement.scrollWidth > innerWidth"):
            self._wide.append(name)
        self._page.look(WIDE)
        if not dialog:
            self._lost += [f"{name}: {one}" for one in unreached(self._page)]

    def _files(self) -> list[Path]:
        """Write the photos: good ones in three formats, and bad ones."""
        register_heif_opener()  # which also writes HEIC
        files = []
        for number, photo in enumerate(album(PERSON, GOOD)):
            path = self._folder / f"photo-{number}.jpg"
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
            (self._folder / name).write_bytes(body)
        return files + [self._folder / name for name in bad]

    def _fail_a_training(self) -> None:
        """Train on five equal photos through the API, as a careless client does."""
        body = upload_bytes(album(PERSON + 1, 1)[0].image)
        script = CARELESS.replace("BYTES", json.dumps(json.dumps(list(body))))
        if not self._page.ask(script):
            raise TimeoutError("the training on equal photos did not fail")

    # ---- the figures -------------------------------------------------------------------------

    def figures(self) -> list[Figure]:
        """Print what was found and return the report's lines."""
        serious = [one for one in self._found if one.impact in SERIOUS]
        for one in self._found:
            print("AXE", *one, sep="  ")
        for kind, words in (("TAB", self._lost), ("WIDE", self._wide), ("OUT", self._foreign())):
            for word in words:
                print(kind, word, sep="  ")
        thrown = self._page.events("Runtime.exceptionThrown")
        policy = [one for one in self._page.events("Log.entryAdded") if "Policy" in str(one)]
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
            Figure("verdicts kept after a closed tab", self._kept, f"of {GOOD}", GOOD),
            Figure("receipts of deletions", self._receipts, "", 1),
            *(Figure(name, seconds, "s") for name, seconds in self._seconds.items()),
        ]

    def _foreign(self) -> list[str]:
        """Return the addresses outside this stack that the pages have asked."""
        urls = [
            urlsplit(one["request"]["url"])
            for one in self._page.events("Network.requestWillBeSent")
        ]
        return sorted(
            {u.netloc for u in urls if u.scheme.startswith("http") and u.netloc != self._origin}
        )


def _picture(side: int, colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()
