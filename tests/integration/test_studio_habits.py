"""What people do: press twice, go back, change the language, come back late, choose twice."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.studio.browser import Page
from contracts.document import OpaqueId
from contracts.documents.api.pictures import PictureRow
from contracts.documents.erasure import ErasureSubject
from studio.app import SITE
from tests.fakes.api_server import photos
from tests.fakes.studio_server import StudioServer
from tests.integration.studio_kit import (
    WORDS,
    enter_with,
    entered,
    headline,
    says,
    with_model,
)

GERMAN: dict[str, str] = json.loads((SITE / "words/de.json").read_text())


def speak(page: Page, language: str) -> None:
    page.ask(
        "(() => { const list = document.querySelector('.foot select');"
        f" list.value = '{language}'; list.dispatchEvent(new Event('change')); }})()"
    )
    page.wait(f"document.documentElement.lang === '{language}'")


def drawn(server: StudioServer, number: int, model: str) -> None:
    at = (datetime(2026, 11, 21, 12, tzinfo=UTC) - timedelta(minutes=number)).isoformat()
    row = PictureRow(
        picture_id=f"pic_{number:024x}", tenant="acme", model_id=model, status="failed",
        code="picture_too_slow", seed=1, count=1, created_at=at, updated_at=at, delete_at=0,
    )  # fmt: skip
    server.stores.pictures.pictures.add(row)


def with_consent(page: Page, server: StudioServer) -> None:
    """Go on to the photos as a person who agrees."""
    enter_with(page, server.key(), "/new")
    page.wait("document.querySelectorAll('input[type=checkbox]').length === 3")
    page.ask("document.querySelectorAll('input[type=checkbox]').forEach((box) => box.click())")
    page.click(WORDS["consent.next"])
    page.wait("document.querySelector('.drop')")


def test_a_sign_in_that_ended_is_told_and_leads_back_to_the_page(
    page: Page, server: StudioServer
) -> None:
    key, other = server.key(), server.key()
    enter_with(page, key, "/operator/keys")
    says(page, "keys.new")
    server.stores.keys.end(key.split("_")[2], "acme", server.clock(), revoked=True)
    page.ask("location.hash = '#/account'")
    says(page, "signin.again")
    page.ask("document.querySelector('details').open = true")
    page.type("#key", other)
    page.click(WORDS["signin.enter_key"])
    headline(page, "account.title")
    assert WORDS["signin.again"] not in str(page.ask("document.body.innerText"))


def test_a_used_link_says_so(page: Page, server: StudioServer) -> None:
    page.ask(f"location.hash = '#sign-in=lk_live_{'1' * 16}_{'x' * 43}'")
    says(page, "signin.link_used")
    page.ask(f"location.hash = '#sign-in={server.key()}'")
    entered(page)


@pytest.mark.usefixtures("server")
def test_a_page_whose_words_did_not_arrive_is_not_blank(page: Page) -> None:
    page.send("Network.enable")
    page.send("Network.setBlockedURLs", urls=["*/words/*"])
    page.reload()
    page.wait("document.querySelector('[role=alert]')?.innerText.includes('not be loaded')")
    page.send("Network.setBlockedURLs", urls=[])
    page.click("Load it again")
    page.wait("document.querySelector('#email')")


def test_two_presses_do_one_thing(page: Page, server: StudioServer) -> None:
    model = with_model(server)
    enter_with(page, server.key(), "/operator/keys")
    page.type("main form input", "twice")
    for_times = "[1, 2, 3].forEach(() => document.querySelector('main form [type=submit]').click())"
    page.ask(for_times)
    says(page, "keys.once")
    page.ask(f"location.hash = '#/models/{model}'")
    page.wait("document.querySelector('#prompt')")
    page.ask(for_times)
    page.wait("document.querySelectorAll('.order').length === 1")
    orders: Any = server.stores.pictures.pictures
    assert len(orders.of("acme", 9, None)) == 1
    assert [key.name for key in server.stores.keys.of("acme")].count("twice") == 1


def test_another_language_keeps_what_was_typed(page: Page, server: StudioServer) -> None:
    model = with_model(server)
    enter_with(page, server.key(), f"/models/{model}")
    page.wait("document.querySelector('#prompt')")
    page.ask("document.querySelector('#prompt').value = ''")
    page.type("#prompt", "in Paris")
    speak(page, "de")
    page.wait(f"document.querySelector('main').innerText.includes({GERMAN['draw.go']!r})")
    assert page.ask("document.querySelector('#prompt').value") == "in Paris"
    assert GERMAN["draw.unnamed"].format(word="sks") in str(page.ask("document.body.innerText"))
    page.ask("location.hash = '#/new'")
    page.wait("document.querySelector('input[type=checkbox]')")
    page.ask("document.querySelector('input[type=checkbox]').click()")
    page.ask("document.querySelectorAll('input[name=shows]')[1].click()")
    page.type("main input[type=text]", "permit-1")
    speak(page, "en")
    headline(page, "consent.title")
    kept = "[document.querySelector('input[type=checkbox]').checked,"
    kept += " document.querySelector('main input[type=text]').value,"
    kept += " document.querySelector('main input[type=text]').checkVisibility()]"
    assert page.ask(kept) == [True, "permit-1", True]
    page.ask("location.href = 'takedown.html', true")
    page.wait("document.querySelector('textarea')")
    page.type("textarea", "words")
    speak(page, "es")
    assert page.ask("document.querySelector('textarea').value") == "words"


def test_back_does_not_lead_into_a_circle(page: Page, server: StudioServer) -> None:
    enter_with(page, server.key(), "/account")
    headline(page, "account.title")
    page.ask("location.hash = '#/new/photos'")  # without a consent it leads to the consent
    headline(page, "consent.title")
    page.ask("history.back()")
    headline(page, "account.title")


def test_a_photo_is_sent_once_and_what_had_not_arrived_is_told(
    page: Page, server: StudioServer, tmp_path: Path
) -> None:
    files = []
    for name, body in photos(3).items():
        files.append(tmp_path / name)
        files[-1].write_bytes(body)
    with_consent(page, server)
    judged = "document.querySelectorAll('.grid .good, .grid .advice').length === {}"
    page.choose("input[type=file]", files[:2])
    page.wait(judged.format(2))
    page.choose("input[type=file]", files)
    says(page, "photos.known.other", n=2)
    page.wait(judged.format(3))
    sent: Any = server.stores.uploads
    assert len(sent.objects) == 3
    sent.delete(sorted(sent.objects)[1])  # as if the tab had been closed while it was sent
    page.reload()
    says(page, "photos.lost.one")
    page.choose("input[type=file]", files)
    says(page, "photos.known.other", n=2)
    page.wait(judged.format(3))
    assert len(sent.objects) == 3


def test_a_photo_that_is_dropped_while_the_network_is_away_is_sent_later(
    page: Page, server: StudioServer
) -> None:
    with_consent(page, server)
    (body,) = photos(1).values()
    away(page, offline=True)
    page.ask(
        "(() => { const data = new DataTransfer(); data.items.add(new File([Uint8Array.from("
        f"{list(body)})], 'me.JPG')); document.querySelector('.drop').dispatchEvent("
        "new DragEvent('drop', { dataTransfer: data, cancelable: true })); })()"
    )
    says(page, "verdict.failed", "offline.hint")
    away(page, offline=False)
    page.ask("[...document.querySelectorAll('.grid .verdict button')].at(-1).click()")
    says(page, "verdict.accepted")
    assert len(server.stores.uploads.list("", 9)) == 1


def away(page: Page, *, offline: bool) -> None:
    page.send("Network.enable")
    page.send("Network.emulateNetworkConditions", offline=offline, latency=0,
              downloadThroughput=-1, uploadThroughput=-1)  # fmt: skip


def test_older_pictures_are_shown_where_other_models_have_many(
    page: Page, server: StudioServer
) -> None:
    model = with_model(server)
    for number in range(130):
        drawn(server, number, "9" * 32)
    for number in range(200, 227):
        drawn(server, number, model)
    pictures: Any = server.stores.pictures.pictures
    found, gone = pictures.get, f"pic_{202:024x}"  # erased since the list was made
    pictures.get = lambda picture_id: None if picture_id == gone else found(picture_id)
    enter_with(page, server.key(), f"/models/{model}")
    page.wait("document.querySelectorAll('.order').length === 23")
    page.click(WORDS["gallery.older"])
    page.wait("document.querySelectorAll('.order').length === 26")
    assert not page.ask(
        "[...document.querySelectorAll('button')].some((one) => one.checkVisibility()"
        f" && one.innerText === {WORDS['gallery.older']!r})"
    )


def test_a_link_that_has_expired_is_asked_for_anew(page: Page, server: StudioServer) -> None:
    model = with_model(server)
    enter_with(page, server.key(), f"/models/{model}")
    page.wait("document.querySelector('#prompt')")
    server.clock.now -= timedelta(hours=3)
    page.click(WORDS["draw.go"])
    page.wait("document.querySelector('.order img')")
    server.clock.now += timedelta(hours=3)
    page.click(WORDS["gallery.share"])
    page.wait("document.querySelector('dialog')?.open")
    asked = [path for method, path, _ in server.requests if method == "GET"]
    assert asked[-1].startswith("/v1/pictures/pic_")


def test_a_silent_training_says_since_when(
    page: Page, server: StudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_train", lambda: None)
    made = server._job("acme", "u9")  # noqa: SLF001
    past = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    jobs: Any = server.stores.jobs
    jobs.records[made.job_id] = made.model_copy(
        update={"updated_at": past, "status": "processing", "stage": "TrainAdapter"}
    )
    enter_with(page, server.key("read"), f"/jobs/{made.job_id}")
    says(page, "job.silence", ago="5 minutes")


def test_a_training_in_the_background_tells_its_end(
    page: Page, server: StudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = server._job("acme", "u9")  # noqa: SLF001
    jobs: Any = server.stores.jobs
    jobs.records[made.job_id] = made.model_copy(update={"cancel_requested": True})
    enter_with(page, server.key(), "/account")
    page.ask(
        "window.told = [], window.Notification = class { constructor(words) { told.push(words); }"
        " static permission = 'default'; static async requestPermission() { return 'granted'; } }"
    )
    with monkeypatch.context() as still:
        still.setattr(server, "_train", lambda: None)
        page.ask(f"location.hash = '#/jobs/{made.job_id}'")
        page.click(WORDS["job.bell"])
        says(page, "job.bell_on")
    page.wait(f"window.told.join() === {json.dumps(WORDS['job.canceled'])}")


def test_the_camera_leads_from_pose_to_pose(page: Page, server: StudioServer) -> None:
    draft = "JSON.parse(localStorage.getItem('likeness-draft')).photos"
    with_consent(page, server)
    page.click(WORDS["photos.camera"])
    page.wait("document.querySelector('video')?.videoWidth > 0")
    assert page.ask("document.querySelector('dialog h2').innerText") == WORDS["pose.front"]
    page.click(WORDS["camera.shoot"])
    page.wait(f"document.querySelector('dialog h2').innerText === {WORDS['pose.smile']!r}")
    page.click(WORDS["camera.skip"])
    page.click(WORDS["camera.shoot"])
    page.wait(f"{draft}.length === 2")
    page.click(WORDS["camera.done"])
    page.wait("!document.querySelector('dialog')")
    page.wait(f"{draft}.every(({{ state }}) => state === 'accepted')")
    assert page.ask(f"{draft}.map(({{ pose, state }}) => [pose, state])") == [
        ["front", "accepted"],
        ["frown", "accepted"],
    ]
    assert len(server.stores.uploads.list("", 9)) == 2


def test_everything_is_deleted_only_by_who_writes_the_tenant_s_name(
    page: Page, server: StudioServer
) -> None:
    eraser: Any = server.stores.eraser
    eraser.known.add(ErasureSubject(tenant="acme"))
    enter_with(page, server.key(), "/account")
    page.click(WORDS["erase.all"])
    page.wait("document.querySelector('dialog')?.open")
    page.ask("document.querySelector('dialog .danger').click()")
    assert page.ask("document.querySelector('dialog').open")
    assert eraser.asked == []
    page.type("dialog input", "acme")
    page.ask("document.querySelector('dialog .danger').click()")
    page.wait(f"document.body.innerText.includes({json.dumps(WORDS['erase.me_text'])})")
    assert len(eraser.asked) == 1


SUBJECTS = ["person:auth0|6c8a", "person:a@b.org", "key:0123456789abcdef", "person:|", "x" * 99]


@pytest.mark.usefixtures("server")
def test_whoever_agrees_is_named_in_the_letters_of_an_id(page: Page) -> None:
    """The API takes no other ones, and an issuer of the operator's own may write any."""
    script = (
        "import('./pages/consent.js').then(({ opaque }) => JSON.stringify(SUBJECTS.map(opaque)))"
    )
    found = json.loads(str(page.ask(script.replace("SUBJECTS", json.dumps(SUBJECTS)))))
    assert found[:3] == ["auth0-6c8a", "a-b-org", "0123456789abcdef"]
    assert all(TypeAdapter(OpaqueId).validate_python(one) for one in found)
