"""Pages of the Studio in a real browser: the words of every refusal at the sign-in, and the hub."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.studio.browser import Page
from contracts.shared import layout
from domain.ports.takedown import FoundMarks
from tests.fakes.storage import MemoryStorage
from tests.fakes.studio_server import StudioServer
from tests.fakes.user_pool import CODE, FIRST, MAX_TRIES, NEXT_CODE, OWN, SECRET, PoolError
from tests.integration.studio_kit import ALERTS, WORDS, entered, fill, sign_in, with_model
from tests.unit.runtime.test_http_api_appeals import refused_picture

NEW = "Another-password-3"


def refused_with(page: Page, kind: str) -> None:
    page.wait(f"{ALERTS} === {json.dumps(WORDS[f'signin.{kind}'])}", 30)


def code_asked(page: Page) -> None:
    page.wait("document.querySelector('input[autocomplete=one-time-code]')", 30)


def test_a_second_factor_is_asked_for_and_a_wrong_code_is_told(
    page: Page, server: StudioServer
) -> None:
    server.pool.digits = CODE
    sign_in(page, server.pool)
    code_asked(page)
    fill(page, "000000")
    refused_with(page, "code_wrong")
    fill(page, f"{CODE[:3]} {CODE[3:]}")  # as apps show it
    entered(page)


def test_a_used_code_and_a_sign_in_that_took_too_long_are_told(
    page: Page, server: StudioServer
) -> None:
    server.pool.digits = CODE
    server.pool.used.add(CODE)
    sign_in(page, server.pool)
    code_asked(page)
    fill(page, CODE)
    refused_with(page, "code_used")
    text = "Invalid session for the user, session is expired."
    server.pool.faults.append(PoolError("NotAuthorizedException", text))
    fill(page, CODE)
    refused_with(page, "ended")


def test_too_many_passwords_are_told_and_a_first_password_that_has_expired(
    page: Page, server: StudioServer
) -> None:
    for _ in range(MAX_TRIES):
        sign_in(page, server.pool, "not the password")
        refused_with(page, "wrong")
    sign_in(page, server.pool, "not the password")
    refused_with(page, "wait")
    text = "Temporary password has expired and must be reset by an administrator."
    server.pool.faults.append(PoolError("NotAuthorizedException", text))
    sign_in(page, server.pool)
    refused_with(page, "first_ended")


def test_an_invited_person_chooses_a_password_that_is_strong(
    page: Page, server: StudioServer
) -> None:
    server.pool.first, server.pool.password = True, FIRST
    sign_in(page, server.pool, FIRST)
    page.wait("document.querySelector('input[autocomplete=new-password]')")
    fill(page, "short")
    refused_with(page, "weak")
    fill(page, NEW)
    entered(page)
    assert server.pool.password == NEW


def test_a_password_is_reset_by_a_code(page: Page, server: StudioServer) -> None:
    page.click(WORDS["signin.forgot"])
    page.wait("document.querySelectorAll('main form input').length")
    fill(page, server.pool.email)
    code_asked(page)
    fill(page, "000000", NEW)
    refused_with(page, "code_wrong")
    server.pool.code = None
    fill(page, CODE, NEW)
    refused_with(page, "code_expired")
    server.pool.code = CODE
    page.click(WORDS["signin.send_again"])
    page.wait(f"document.body.innerText.includes({json.dumps(WORDS['signin.sent_again'])})")
    fill(page, CODE, NEW)
    refused_with(page, "code_wrong")  # the earlier one is void
    fill(page, NEXT_CODE, "short")
    refused_with(page, "weak")
    fill(page, NEXT_CODE, NEW)
    entered(page)
    assert server.pool.password == NEW


def test_too_many_codes_are_told(page: Page, server: StudioServer) -> None:
    page.click(WORDS["signin.forgot"])
    page.wait("document.querySelectorAll('main form input').length")
    fill(page, server.pool.email)
    code_asked(page)
    server.pool.tries = MAX_TRIES
    fill(page, CODE, NEW)
    refused_with(page, "wait")
    assert server.pool.password == OWN


def test_a_second_factor_is_set_up_and_turned_off(page: Page, server: StudioServer) -> None:
    sign_in(page, server.pool)
    entered(page)
    page.ask("location.hash = '#/account'")
    page.click(WORDS["factor.begin"])
    page.wait("document.querySelector('code.key')")
    shown = str(page.ask("document.querySelector('code.key').innerText"))
    assert shown.replace(" ", "") == SECRET
    fill(page, "000000")
    refused_with(page, "code_wrong")
    assert server.pool.digits is None
    fill(page, CODE)
    page.wait(
        f"document.querySelector('main').innerText.includes({json.dumps(WORDS['factor.on'])})"
    )
    assert server.pool.digits == CODE
    page.click(WORDS["factor.end"])
    page.wait("document.querySelector('dialog')?.open")
    page.ask("document.querySelector('dialog .danger').click()")
    page.wait(
        f"document.querySelector('main').innerText.includes({json.dumps(WORDS['factor.off'])})"
    )
    assert server.pool.digits is None


def with_hub(server: StudioServer) -> str:
    """Give the tenant a model with one file, and the stack a hub."""
    hub: Any = server.stores.hub
    hub.models, hub.bucket = server.stores.documents, MemoryStorage("hub")
    return with_model(server)


def test_an_owner_pushes_a_model_to_the_hub_after_a_question(
    page: Page, server: StudioServer
) -> None:
    model = with_hub(server)
    hub: Any = server.stores.hub
    sign_in(page, server.pool)
    page.wait("document.querySelector('.bar nav')")
    page.ask(f"location.hash = '#/models/{model}/files'")
    page.click(WORDS["hub.push"])
    page.wait("document.querySelector('dialog')?.open")
    page.click(WORDS["cancel"])
    page.wait("!document.querySelector('dialog')")
    assert hub.bucket.objects == {}
    page.click(WORDS["hub.push"])
    page.wait("document.querySelector('dialog')?.open")
    page.ask("document.querySelector('dialog .primary').click()")
    place = layout.hub.hub_prefix("acme", model)
    page.wait(f"document.querySelector('main').innerText.includes('s3://hub/{place}')")
    assert list(hub.bucket.objects) == [f"{place}{layout.container.DIFFUSERS_FILE}"]


def test_there_is_no_hub_for_a_member_or_where_the_stack_has_none(
    page: Page, server: StudioServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = with_hub(server)
    server.pool.token = server.key("read", "train", "draw")
    sign_in(page, server.pool)
    page.wait("document.querySelector('.bar nav')")
    page.ask(f"location.hash = '#/models/{model}/files'")
    page.wait("document.querySelector('a[href*=safetensors]')")
    assert WORDS["hub.push"] not in str(page.ask("document.body.innerText"))
    monkeypatch.setenv("HUB_BUCKET", "none")
    server.pool.token = server.key()
    page.ask("sessionStorage.clear(), true")
    page.reload()
    page.wait("document.querySelector('#email')")
    sign_in(page, server.pool)
    page.wait("document.querySelector('a[href*=safetensors]')")
    assert WORDS["hub.push"] not in str(page.ask("document.body.innerText"))


CHECKED = "document.querySelector('[data-verdict]')"
SIGNED = FoundMarks("ours", "1" * 32, 7, b"k", "present", "2026-11-29T12:00:00Z")
SMALL = FoundMarks("ours", "1" * 32, None, None, "too-small")


class Answer(NamedTuple):
    """What a picture's marks say, and what the page must say of them."""

    found: FoundMarks
    verdict: str
    words: list[str]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(SIGNED, "yes", ["yes", "credentials.ours", "watermark.found"]),
        Answer(SMALL, "yes", ["yes", "made_at.unknown", "watermark.too-small"]),
        Answer(
            FoundMarks("absent", None, None, None),
            "no",
            ["no", "no_text", "watermark.none", "limit.no_mark"],
        ),
    ],
)
def test_anybody_learns_on_a_page_who_made_a_picture(
    page: Page, server: StudioServer, tmp_path: Path, answer: Answer
) -> None:
    verifier: Any = server.stores.verifier
    verifier.services.marks.found = answer.found
    page.ask("location.href = 'verify.html', true")
    page.wait("location.pathname.endsWith('verify.html') && document.querySelector('form .drop')")
    page.click(WORDS["verify.send"])
    page.wait(f"{ALERTS} === {json.dumps(WORDS['takedown.file_needed'])}", 30)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"a picture")
    page.choose("input[type=file]", [picture])
    page.click(WORDS["verify.send"])
    page.wait(CHECKED, 30)
    assert page.ask(f"{CHECKED}.dataset.verdict") == answer.verdict
    shown = str(page.ask(f"{CHECKED}.innerText"))
    assert [key for key in answer.words if WORDS[f"verify.{key}"] not in shown] == []
    assert ("2026" in shown) is (answer.found.made_at is not None)
    assert page.ask("localStorage.length + sessionStorage.length") == 0
    assert server.stores.uploads.list("", 9) == []


def test_a_refused_prompt_is_appealed_from_the_gallery(page: Page, server: StudioServer) -> None:
    stores: Any = server.stores
    model = with_model(server)
    refused = refused_picture(stores, model_id=model)
    sign_in(page, server.pool)
    page.wait("document.querySelector('.bar nav')")
    page.ask(f"location.hash = '#/models/{model}'")
    for shown, then in (("appeals.ask", page.click), ("appeals.status.open", None)):
        page.wait(f"document.querySelector('main').innerText.includes({json.dumps(WORDS[shown])})")
        if then is not None:
            then(WORDS[shown])
    (row,) = stores.appeals.newest(9, None)
    assert (row.refusal_id, row.tenant, row.status) == (refused, "acme", "open")
    assert stores.appeals.replace(row, row.model_copy(update={"status": "granted"}))
    page.ask("location.hash = '#/models'")
    page.wait("!document.querySelector('main').innerText.includes('canary')")
    page.ask(f"location.hash = '#/models/{model}'")
    granted = json.dumps(WORDS["appeals.status.granted"])
    page.wait(f"document.querySelector('main').innerText.includes({granted})")
    assert not page.ask(f"document.body.innerText.includes({json.dumps(WORDS['appeals.ask'])})")
    page.click(WORDS["gallery.again"])
    page.wait("document.querySelectorAll('main .order').length === 2")
    rows = stores.pictures.pictures.rows
    assert [rows[one].seed for one in rows if one != refused] == [7], "the seed of the refused one"
