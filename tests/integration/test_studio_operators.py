"""Who runs the stack, in the Studio: the reports of pictures, and the appeals of all tenants."""

import io
import json
from datetime import timedelta
from typing import Any

from PIL import Image

from bench.studio.browser import Page
from contracts.shared import layout
from tests.fakes.studio_server import StudioServer
from tests.fakes.user_pool import CODE
from tests.integration.studio_kit import (
    WORDS,
    agree,
    enter_with,
    headline,
    says,
    sign_in,
    with_model,
)
from tests.unit.runtime.test_http_api_appeals import PROMPT, appeal, refused_picture
from tests.unit.runtime.test_http_api_takedowns import report

STATUS = "document.querySelector('[data-case] .state').innerText"


def reported(server: StudioServer, *models: str, **changes: Any) -> str:
    """Report a picture whose marks name these models."""
    cases: Any = server.stores.takedowns
    made = str(report(server.stores, words="canary words").body["id"])
    cases.cases[made] = cases.cases[made].model_copy(
        update={"models": models, "looked_at": cases.cases[made].received_at, "watermark": True,
                "credentials": "absent", **changes}
    )  # fmt: skip
    picture = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "PNG")
    key = layout.uploads.takedown_prefix(made) + layout.uploads.TAKEDOWN_PICTURE
    server.stores.uploads.write(key, picture.getvalue())
    return made


def disabled(server: StudioServer) -> list[str]:
    return [one.key for one in server.stores.documents.list(layout.models.DISABLED_PREFIX, 9)]


def test_an_operator_reads_an_appeal_and_lets_the_text_through(
    page: Page, server: StudioServer
) -> None:
    stores: Any = server.stores
    refused = refused_picture(stores)
    made = appeal(stores, refused).body["id"]
    enter_with(page, server.key("operate"))
    page.click(WORDS["appeals.title"])
    card = f"document.querySelector('[data-appeal={made}]')"
    page.wait(card, 30)
    shown = str(page.ask(f"{card}.innerText"))
    assert [text for text in (PROMPT, "blur", "my own name", "acme") if text not in shown] == []
    page.click(WORDS["appeals.grant"])
    headline(page, "appeals.none")
    assert stores.appeals.get(made).status == "granted"
    assert len(stores.documents.list(layout.models.ALLOWED_PREFIX, 9)) == 1
    page.ask("document.querySelector('td .danger').click()")
    page.wait(f"document.body.innerText.includes({json.dumps(WORDS['appeals.why.other'])})")
    assert stores.documents.list(layout.models.ALLOWED_PREFIX, 9) == []


def test_a_report_is_accepted_appealed_by_the_owner_and_left_or_taken_back(
    page: Page, server: StudioServer
) -> None:
    model = with_model(server)
    case = reported(server, model)
    operator, owner = server.key("operate"), server.key()
    enter_with(page, operator)
    headline(page, "cases.waiting.one", n=1)
    assert page.ask(STATUS) == "48 hours left to decide"
    assert not page.ask("document.querySelector('main img')"), "nobody sees it unasked"
    page.click(WORDS["cases.look"])
    page.wait("document.querySelector('main img.evidence')?.naturalWidth === 64")
    says(page, "takedown.i_am.shown_person", "verify.watermark.found")
    assert "canary words" in str(page.ask("document.querySelector('main').innerText"))
    page.click(WORDS["cases.accept"])
    agree(page)
    headline(page, "cases.none")
    assert disabled(server) == [f"disabled/{model}"]
    for answer, left in (("cases.stay", [f"disabled/{model}"]), ("cases.restore", [])):
        owner_appeals(page, owner, model)
        enter_with(page, operator)
        says(page, "cases.appealed")
        page.click(WORDS[answer])
        headline(page, "cases.none")
        assert disabled(server) == left
    stored: Any = server.stores.takedowns.get(case)
    assert (stored.status, stored.appealed_at is None) == ("restored", False)


def owner_appeals(page: Page, owner: str, model: str) -> None:
    enter_with(page, owner, f"/models/{model}")
    says(page, "disabled.title")
    assert not page.ask("document.querySelector('#prompt')")
    page.click(WORDS["disabled.ask"])
    says(page, "disabled.asked")


def test_a_report_without_marks_needs_a_model_or_a_no_with_a_reason(
    page: Page, server: StudioServer
) -> None:
    old = server.clock() - timedelta(hours=50)
    late = {"received_at": old.isoformat(), "due_at": (old + timedelta(hours=48)).isoformat()}
    first, second, model = reported(server, **late), reported(server), with_model(server)
    enter_with(page, server.key("operate"))
    headline(page, "cases.waiting.other", n=2)
    cards = "[...document.querySelectorAll('[data-case]')].map((one) => one.dataset.case)"
    assert page.ask(cards) == [first, second], "what is overdue comes first"
    assert page.ask(STATUS) == "Overdue by 2 hours"
    page.ask("document.querySelector('[data-case] .danger').click()")
    assert not page.ask("document.querySelector('dialog')"), "a model must be named"
    page.ask("document.querySelector('[data-case] select').value = 'no_ground'")
    page.ask(f"document.querySelector('[data-case={first}] > button').click()")
    headline(page, "cases.waiting.one", n=1)
    says(page, "cases.why.no_ground")
    page.type("[data-case] input[type=text]", model)
    page.ask("document.querySelector('[data-case] .danger').click()")
    agree(page)
    headline(page, "cases.none")
    assert disabled(server) == [f"disabled/{model}"]
    page.ask("document.querySelector('td .danger').click()")
    says(page, "cases.status.restored")
    assert disabled(server) == []


def test_who_runs_the_stack_has_a_second_factor_and_signs_out(
    page: Page, server: StudioServer
) -> None:
    server.pool.token = server.key("operate")
    sign_in(page, server.pool)
    headline(page, "cases.none")
    page.click(WORDS["bar.account"])
    page.click(WORDS["factor.begin"])
    page.type("input[autocomplete=one-time-code]", CODE)
    page.click(WORDS["factor.check"])
    says(page, "factor.on")
    page.click(WORDS["account.leave"])
    page.wait("document.querySelector('#email')")
    assert page.ask("localStorage.length + sessionStorage.length") == 0
