"""The Studio's pages: nothing foreign, nothing inline, one catalogue, and documented calls only."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from contracts.codes import CODES
from contracts.documents.api.callers import Scope
from contracts.documents.api.uploads import MAX_FILES, MAX_PHOTO_BYTES
from contracts.documents.api.verification import WatermarkStated
from contracts.documents.erasure import STORES
from contracts.documents.record import JobRecord
from contracts.documents.takedown import MAX_PICTURE_BYTES, CaseStatus, Credentials, Reason
from contracts.shared.layout.uploads import API_ADAPTER_FILE
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.suffixes import ADAPTER_TYPE
from contracts.shared.words.styles import STYLES
from studio.app import ALLOWED, SITE, TYPES, files
from tests.contract.files import ROOT, template

LANGUAGES = ("en", "de", "es")
SCRIPTS = {name: text for name, text in files().items() if name.endswith(".js")}
PLURALS = re.compile(r"\.(one|other)$")
PLACES = re.compile(r"\{\w+\}")


FOR_PROGRAMS = {"archive_damaged", "dry_run", "quota_zero", "run_not_allowed", "training_denied"}
"""Codes of what nobody does in the Studio, or of what an operator fixes at a terminal."""


def words(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SITE / f"words/{name}.json").read_text())
    return found


def test_every_file_of_the_folder_is_served() -> None:
    assert {path.suffix for path in SITE.rglob("*") if path.is_file()} <= set(TYPES)


def test_the_policy_allows_no_inline_code_and_no_foreign_source() -> None:
    policy = "; ".join(ALLOWED)
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'"} <= set(ALLOWED)
    assert {"frame-ancestors 'none'", "base-uri 'none'"} <= set(ALLOWED)


@pytest.mark.parametrize("name", ["index.html", "takedown.html", "verify.html"])
def test_the_page_has_no_inline_code_or_style(name: str) -> None:
    page = files()[name]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_makes_no_markup_and_no_code_of_texts(name: str) -> None:
    forbidden = (
        r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\.style\b"
    )
    assert not re.search(forbidden, SCRIPTS[name])


def test_no_file_names_a_foreign_address() -> None:
    allowed = {"http://www.w3.org/2000/svg", "https://example.org/likeness"}
    for name, text in files().items():
        found = set(re.findall(r"(?:https?:)?//[a-z][\w.-]*\.[a-z]{2,}[^\s\"']*", text))
        assert found <= allowed, name


def test_every_import_names_a_file() -> None:
    for name, text in SCRIPTS.items():
        for found in re.findall(r"from \"(\./|\.\./)([\w./]+)\"", text):
            path = (Path(name).parent / "".join(found)).as_posix()
            assert path.removeprefix("./") in SCRIPTS or (SITE / path).resolve().is_file(), name


def test_every_call_is_in_the_apis_document() -> None:
    document = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]
    known = {
        (method.upper(), plain(path)) for path, methods in document.items() for method in methods
    }
    calls = re.findall(r'\["(GET|POST|DELETE)", "(/v1/[^"]+)"\]', SCRIPTS["api.js"])
    assert calls
    assert {(method, plain(path)) for method, path in calls} <= known


def plain(path: str) -> str:
    return re.sub(r"[<{]\w+[>}]", "{}", path)


def test_only_one_file_speaks_to_the_api_and_its_calls_are_used() -> None:
    speaking = {name for name, text in SCRIPTS.items() if "fetch(" in text}
    assert speaking == {"api.js", "app.js", "people.js", "words.js"}
    # app.js and words.js read the Studio's files, people.js asks the user pool
    assert "/v1/" not in SCRIPTS["app.js"] + SCRIPTS["words.js"] + SCRIPTS["people.js"]
    names = re.findall(r'^  (\w+): \["', SCRIPTS["api.js"], re.MULTILINE)
    used = set(re.findall(r'call\("(\w+)"', "".join(SCRIPTS.values())))
    assert used <= set(names)


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_the_catalogues_have_the_same_keys_and_places(language: str) -> None:
    english, other = words("en"), words(language)
    assert list(other) == list(english)
    for key, text in english.items():
        assert Counter(PLACES.findall(text)) == Counter(PLACES.findall(other[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_a_title_and_a_hint_in_every_language(language: str) -> None:
    found = words(f"codes.{language}")
    assert set(found) == set(CODES)
    assert all(len(pair) == 2 and all(pair) for pair in found.values())


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_code_is_translated(language: str) -> None:
    english, other = words("codes.en"), words(f"codes.{language}")
    assert [code for code, pair in english.items() if pair == other[code]] == []


def test_a_hint_for_people_is_of_a_code_and_none_speaks_of_programs() -> None:
    english = words("en")
    own = {key.removeprefix("hint.") for key in english if key.startswith("hint.")}
    assert own <= set(CODES)
    for code, (_, hint) in words("codes.en").items():
        shown = english.get(f"hint.{code}", hint)
        assert code in FOR_PROGRAMS or not re.search(r"/v1/|`|request\.json", shown), code


def test_every_store_of_a_receipt_and_every_style_has_words() -> None:
    english = words("en")
    assert {f"store.{one.replace(' ', '_')}" for one in STORES} <= set(english)
    assert {f"style.{one}" for one in STYLES} <= set(english)
    listed = SCRIPTS["pages/gallery.js"].split("const STYLES")[1].split("]")[0]
    assert set(re.findall(r"\w+", listed)) == set(STYLES)


def test_every_word_that_a_page_asks_for_is_in_the_catalogue_and_none_is_idle() -> None:
    known = {PLURALS.sub("", key) for key in words("en")}
    text = "".join(SCRIPTS.values())
    asked = set(re.findall(r'\bt(?:Of\(job, |\()"([\w.]+)"', text))
    assert asked <= known
    families = {
        found.rstrip(".") for found in re.findall(r"\bt(?:Of\(job, |\()`([\w.]+)\$\{", text)
    }
    idle = {
        key
        for key in known - asked
        if not any(key.startswith(f"{family}") for family in families) and f'"{key}"' not in text
    }
    assert idle == set()


def test_what_is_said_of_an_import_stands_in_place_of_other_words() -> None:
    english = words("en")
    own = {key.removeprefix("import.") for key in english if key.startswith("import.")}
    assert own <= set(english)
    shown = {key for key in own if key.startswith(("status.", "job.", "stage."))}
    assert [key for key in shown if "train" in english[f"import.{key}"].lower()] == []


def test_every_word_of_a_job_and_every_scope_has_words() -> None:
    english = words("en")
    fields = JobRecord.model_json_schema()["properties"]
    assert {f"status.{one}" for one in fields["status"]["enum"]} <= set(english)
    assert {f"job.now.{one}" for one in fields["stage"]["enum"]} <= set(english)
    assert {f"scope.{one}" for one in get_args(Scope)} <= set(english)


@pytest.mark.parametrize(("page", "calls"), [("takedown.js", 2), ("verify.js", 1)])
def test_a_public_page_needs_no_sign_in_and_keeps_nothing(page: str, calls: int) -> None:
    script = SCRIPTS[page] + SCRIPTS["public.js"]
    assert not re.search(r"credential\b|localStorage|sessionStorage|sign_in", script)
    assert script.count("token: null") == len(re.findall(r"\bcall\(", script)) == calls
    assert f"MAX_BYTES = {MAX_PICTURE_BYTES:_};" in script


def test_the_public_pages_have_the_apis_words() -> None:
    script, english = SCRIPTS["takedown.js"], set(words("en"))
    for family, values in (("reason", Reason), ("status", CaseStatus)):
        assert {f"takedown.{family}.{one}" for one in get_args(values)} <= english
    assert {f'"{one}"' for one in get_args(Reason)} <= set(re.findall(r'"\w+"', script))
    assert {f"verify.credentials.{one}" for one in get_args(Credentials)} <= english
    assert {f"verify.watermark.{one}" for one in get_args(WatermarkStated)} - english == {
        "verify.watermark.present"  # where it is stated and not read, it is not found
    }


def test_the_studio_has_the_apis_limits() -> None:
    draft = SCRIPTS["draft.js"]
    assert f"MAX_PHOTOS = {MAX_FILES};" in draft
    assert f"MAX_BYTES = {MAX_PHOTO_BYTES:_};" in draft
    lora = SCRIPTS["pages/lora.js"]
    assert f"MAX_LORA_BYTES = {MAX_IMPORT_BYTES:_};" in lora
    assert f'TYPE = "{ADAPTER_TYPE}";' in lora
    assert f'NAME = "{API_ADAPTER_FILE}";' in lora


def test_the_parameter_switches_every_address_off() -> None:
    resources = template()["Resources"]
    routes = [
        one for one in resources.values() if "/studio" in str(one["Properties"].get("RouteKey", ""))
    ]
    assert [one["Condition"] for one in routes] == ["HasStudio", "HasStudio"]


def test_the_function_has_no_rights_of_its_own() -> None:
    assert "Policies" not in template()["Resources"]["StudioFunction"]["Properties"]


def test_what_the_visit_presses_is_a_word_of_the_catalogue() -> None:
    """`make studio-test` takes a quarter of an hour to say that a button has another name."""
    code = "".join(path.read_text() for path in (ROOT / "bench" / "studio").glob("*.py"))
    pressed = re.findall(r'\.click\("([^"]+)"\)', code)
    assert len(pressed) > 20
    assert set(pressed) <= set(words("en").values())
