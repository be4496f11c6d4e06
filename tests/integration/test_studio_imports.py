"""The Studio's form for a LoRA that another tool has trained, and what is shown of its job."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.studio.accessibility import unreached
from bench.studio.browser import Page
from contracts.documents.upload.consent import Consent
from tests.fakes.studio_server import StudioServer
from tests.integration.studio_kit import WORDS, enter_with, entered, headline, says
from tests.unit.training_kit import lora

WORD = "form input[autocapitalize=off]"
BOXES = "document.querySelectorAll('input[type=checkbox]')"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (made := tmp_path / "anna schmidt.safetensors").write_bytes(lora())
    return made


def stored(server: StudioServer) -> dict[str, bytes]:
    """Return every file of the tenant's uploads, by its name in the upload."""
    uploads: Any = server.stores.uploads
    return {key.rpartition("/")[2]: body for key, body in uploads.objects.items()}


def filled(page: Page, file: Path, word: str = "ohwx") -> None:
    """Choose the file, write the word, and agree to all."""
    page.choose("input[type=file]", [file])
    page.type(WORD, word)
    page.ask(f"{BOXES}.forEach((box) => box.checked || box.click())")


def test_a_person_s_lora_is_imported_from_the_page_where_trainings_begin(
    page: Page, server: StudioServer, file: Path
) -> None:
    enter_with(page, server.key(), "/new")
    page.click(WORDS["lora.link"])
    headline(page, "lora.title")
    says(page, "lora.consent", "consent.text")
    page.wait("document.querySelector('aside').innerText.includes('$')")  # before anything is sent
    page.click(WORDS["lora.start"])
    says(page, "lora.file_needed")
    page.choose("input[type=file]", [file])
    page.click(WORDS["lora.start"])
    says(page, "lora.word_needed")
    page.type(WORD, "ohwx")
    page.click(WORDS["lora.start"])
    says(page, "consent.missing")
    assert stored(server) == {}
    filled(page, file, " v2")
    page.click(WORDS["lora.start"])
    page.wait("location.hash.startsWith('#/jobs/')")
    headline(page, "import.job.ready")
    request = json.loads(stored(server)["request.json"])
    assert stored(server)["000.safetensors"] == lora()
    assert (request["adapter_file"], request["trigger_word"]) == ("000.safetensors", "ohwx v2")
    assert request["class_prompt"] == "a photo of a person"
    assert Consent.model_validate(request["consent"]).given_for == "self"
    assert "anna" not in str(server.stores.uploads.objects)  # type: ignore[attr-defined]
    shown = str(page.ask("document.querySelector('main').innerText"))
    assert WORDS["import.stage.TrainAdapter"] in shown
    assert "rain" not in shown, "nothing was trained"
    page.click(WORDS["job.open"])
    headline(page, "import.model.title")
    says(page, "import.model.unmeasured", "import.erase.upload")


def test_a_thing_has_its_class_and_what_is_refused_is_said_under_the_form(
    page: Page, server: StudioServer, file: Path
) -> None:
    enter_with(page, server.key(), "/new/lora")
    page.wait(f"{BOXES}.length === 3")
    page.ask("document.querySelectorAll('input[name=subject]')[1].click()")
    filled(page, file)
    page.type("form label:not([hidden]) input[maxlength='60']", "dog")
    full = server.stores.limits.trainings_per_day
    for _ in range(full):
        server.stores.memory.count("rate#trainings#acme", 86_400, server.clock())
    page.click(WORDS["lora.start"])
    page.wait("document.querySelector('form [role=alert]').innerText.length > 0")
    (upload,) = {key.split("/")[3] for key in server.stores.uploads.objects}  # type: ignore[attr-defined]
    server.stores.memory.counts.clear()  # type: ignore[attr-defined]
    page.click(WORDS["lora.start"])
    page.wait("location.hash.startsWith('#/jobs/')")
    request = json.loads(stored(server)["request.json"])
    assert request["instance_prompt"] == "a photo of ohwx dog"
    assert request["class_prompt"] == "a photo of a dog"
    (again,) = {key.split("/")[3] for key in server.stores.uploads.objects}  # type: ignore[attr-defined]
    assert again == upload, "the file is not sent twice"


def test_the_form_is_for_the_keyboard_and_fits_on_a_phone(page: Page, server: StudioServer) -> None:
    enter_with(page, server.key(), "/models")
    entered(page)
    page.click(WORDS["lora.link"])
    page.wait(f"{BOXES}.length === 3")
    assert unreached(page) == []
    page.look(320)
    assert not page.ask("document.documentElement.scrollWidth > innerWidth")
    page.look(1180)


def test_an_import_that_goes_on_or_has_failed_is_called_an_import(
    page: Page, server: StudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_train", lambda: None)
    jobs: Any = server.stores.jobs
    states: tuple[dict[str, Any], ...] = (
        {"status": "processing", "stage": "TrainAdapter", "percent": 30},
        {"status": "failed", "code": "import_unreadable", "stage": "InspectPhotos"},
    )
    for number, changes in enumerate(states):
        made = server._job("acme", f"u{number}", "import")  # noqa: SLF001
        jobs.records[made.job_id] = made.model_copy(update=changes)
    enter_with(page, server.key(), "/models")
    headline(page, "models.busy.one", n=1)
    page.wait("document.querySelectorAll('.card').length === 2")
    shown = str(page.ask("document.querySelector('main').innerText"))
    assert shown.count(WORDS["import.job.of"].partition("{")[0]) == 2
    assert WORDS["import.status.processing"] in shown
    going = next(one.job_id for one in jobs.records.values() if one.status == "processing")
    page.ask(f"location.hash = '#/jobs/{going}'")
    headline(page, "import.job.now.TrainAdapter")
    says(page, "import.job.this", "import.job.close", "import.stage.InspectPhotos")
