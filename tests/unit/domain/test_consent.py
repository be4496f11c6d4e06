"""Whose photos may be used: a consent to this text, for long enough, given by now and not over."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aws.api.consents import ends_of, kept_until
from contracts.documents.erasure import ErasureSubject
from contracts.documents.job import AcceptedUpload
from contracts.documents.upload.consent import Consent
from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import ConsentRefusedError, InvalidRequestError
from contracts.shared import layout
from contracts.shared.people.faces import may_show_people
from domain.erasure.expiry import ExpiryServices, erase_unconsented
from domain.erasure.receipts import evidence
from domain.intake.accepting import accept_request
from domain.intake.services import IntakeServices
from domain.ports.storage import read_document
from domain.requests.consent import CLOCK_SKEW, ConsentRules, refuse_consent
from tests.fakes.erasure import MemoryEraser, MemoryExpiries, MemoryVersions
from tests.fakes.intake import NOW, announced, memory_intake, put_upload
from tests.fakes.storage import MemoryStorage
from tests.unit.domain.test_inspection import GOOD
from tests.unit.training_kit import NOON

RULES = ConsentRules(required=True, text_version="2026-11", photos_kept_days=30)
GIVEN = Consent(
    given_by="person-17",
    given_for="self",
    given_at=NOON - timedelta(days=1),
    adult=True,
    text_version="2026-11",
    language="de",
    purposes=("avatar",),
    retention_days=30,
    expires_at=NOON + timedelta(days=365),
)
PROMPTS = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
OTHER = {"given_for": "other"}


def request(consent: Consent | None = GIVEN, **fields: Any) -> TrainingRequest:
    return TrainingRequest.model_validate({**PROMPTS, "consent": consent, **fields})


@pytest.mark.parametrize(
    ("changes", "code", "wrong"),
    [
        ({}, None, []),
        ({"retention_days": 31}, None, []),
        ({"given_at": NOON + CLOCK_SKEW}, None, []),
        ({"given_at": NOON - timedelta(days=3000)}, None, []),
        ({"purposes": (), "purpose": "avatar"}, None, []),
        (OTHER | {"permission": "paper-7"}, None, []),
        ({"language": "es"}, None, []),
        ({"expires_at": NOON + timedelta(seconds=1)}, None, []),
        ({"expires_at": NOON}, "consent_expired", ["expires_at"]),
        ({"expires_at": None}, "consent_not_enough", ["expires_at"]),
        ({"given_for": None}, "consent_not_enough", ["given_for"]),
        (OTHER, "consent_not_enough", ["permission"]),
        ({"adult": False}, "consent_not_enough", ["adult"]),
        ({"adult": None}, "consent_not_enough", ["adult"]),
        ({"purposes": ()}, "consent_not_enough", ["purposes"]),
        ({"language": None}, "consent_not_enough", ["language"]),
        ({"language": "fr"}, "consent_not_enough", ["language"]),
        ({"given_at": NOON + CLOCK_SKEW + timedelta(1)}, "consent_not_enough", ["given_at"]),
        ({"retention_days": 29}, "consent_not_enough", ["retention_days"]),
        ({"text_version": "2025-09"}, "consent_not_enough", ["text_version"]),
        (
            {"text_version": "x", "adult": False, "expires_at": NOON},
            "consent_not_enough",
            ["adult", "text_version", "expires_at"],
        ),
    ],
)
def test_what_a_consent_lacks_is_named(
    changes: dict[str, object], code: str | None, wrong: list[str]
) -> None:
    refusal = refuse_consent(request(GIVEN.model_copy(update=changes)), RULES, NOON)
    found = (refusal.code, refusal.problems) if refusal else (None, ())
    assert found[0] == code
    assert [problem.field for problem in found[1]] == [f"consent.{field}" for field in wrong]


def test_a_text_of_the_operators_own_may_be_in_any_language() -> None:
    own = RULES._replace(text_version="ours-7")
    consent = GIVEN.model_copy(update={"text_version": "ours-7", "language": "fr"})
    assert refuse_consent(request(consent), own, NOON) is None


def test_what_a_missing_consent_is_told_to_add_is_a_consent_that_is_enough() -> None:
    refusal = refuse_consent(request(None), RULES, NOON)
    assert refusal is not None
    assert refusal.code == "consent_missing"
    shown = refusal.problems[0].message
    text = shown[shown.index("{") :].replace("<opaque id>", "person-1")
    assert refuse_consent(request(Consent.model_validate_json(text)), RULES, NOON) is None


@pytest.mark.parametrize(
    ("fields", "people"),
    [
        ({"class_prompt": "a photo of a person"}, True),
        ({"class_prompt": "a photo of women"}, True),
        ({"class_prompt": "ein Foto einer Frau"}, True),
        ({"class_prompt": "una foto de una mujer"}, True),
        ({"class_prompt": "a photo"}, True),
        ({"class_prompt": "a photo of one"}, True),
        ({"class_prompt": "a photo of a dog"}, False),
        ({"class_prompt": "a photo of a mandarin"}, False),
        ({"class_prompt": "a photo of a dog", "require_face": True}, True),
        ({"class_prompt": "a photo of a dog", "face_crop": "crop"}, True),
        ({"class_prompt": "a photo of a being", "preset": "face"}, True),
        ({"class_prompt": "a picture", "preset": "style"}, False),
        ({"class_prompt": "a photo", "preset": "object"}, False),
    ],
)
def test_a_consent_is_asked_for_where_photos_may_show_people(
    fields: dict[str, Any], people: bool
) -> None:
    asked = request(None, **fields)
    assert may_show_people(asked) is people
    assert (refuse_consent(asked, RULES, NOON) is not None) is people


def test_an_operator_may_switch_it_off() -> None:
    expired = GIVEN.model_copy(update={"expires_at": NOON})
    for consent in (None, expired):
        assert refuse_consent(request(consent), RULES._replace(required=False), NOON) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"permission": "paper-7"},
        {"permission": "paper-7", "given_for": "self"},
        {"expires_at": GIVEN.given_at},
    ],
)
def test_a_consent_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"given_for must be other|later than given_at"):
        Consent.model_validate(GIVEN.model_dump(exclude={"given_for"}) | changes)


# ---- at every door -----------------------------------------------------------------------------

PREFIX = layout.uploads.upload_prefix("acme", "first")
SETTINGS = {
    "config/k.toml": b"[training_arguments]\nmax_train_epochs = 1\n",
    "config.json": b'{"n_steps": 2}',
    "request.json": b'{"input": {"input_images": "https://a/b.zip", "trigger_word": "ohwx"}}',
}
DATED = GIVEN.model_copy(update={"given_at": NOW, "expires_at": NOW + timedelta(days=9)})
BODY = DATED.model_dump_json(exclude_none=True).encode()


def asking() -> IntakeServices:
    return replace(memory_intake(), consent=RULES)


def put_settings(intake: IntakeServices, name: str, folder: str = "2_ohwx/") -> None:
    for photo, body in GOOD.items():
        intake.uploads.write(f"{PREFIX}{folder}{photo}", body)
    intake.uploads.write(PREFIX + name, SETTINGS[name])


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_another_tool_need_a_consent_beside_them(name: str) -> None:
    intake = asking()
    put_settings(intake, name)
    with pytest.raises(ConsentRefusedError) as caught:
        accept_request(announced(PREFIX + name), intake, NOW)
    assert caught.value.facts["code"] == "consent_missing"
    stored = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    )
    assert [problem.field for problem in stored.problems] == ["consent", "consent.json"]
    intake.uploads.write(PREFIX + "consent.json", BODY)
    job = accept_request(announced(PREFIX + name), intake, NOW).job
    accepted = read_document(
        intake.models, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )
    assert accepted.request.consent == DATED
    assert accepted.origins["consent"] == "consent.json"


def test_two_consents_that_differ_are_refused() -> None:
    intake = asking()
    other = DATED.model_copy(update={"given_by": "person-18"})
    key = put_upload(intake, {**GOOD, "consent.json": BODY}, PROMPTS | {"consent": dumped(other)})
    with pytest.raises(InvalidRequestError):
        accept_request(announced(key), intake, NOW)
    key = put_upload(intake, {}, PROMPTS | {"consent": dumped(DATED)})
    assert accept_request(announced(key), intake, NOW).status == "accepted"


def test_a_consent_that_is_none_is_named_field_by_field() -> None:
    intake = asking()
    put_settings(intake, "config.json")
    intake.uploads.write(PREFIX + "consent.json", b'{"given_by": "Anna Schmidt", "who": 1}')
    with pytest.raises(InvalidRequestError):
        accept_request(announced(PREFIX + "config.json"), intake, NOW)
    stored = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    )
    found = {problem.field for problem in stored.problems}
    assert {"consent.given_by", "consent.who", "consent.given_at"} <= found


def test_an_import_of_a_person_needs_a_consent() -> None:
    intake = asking()
    fields = PROMPTS | {"adapter_file": "lora.safetensors"}
    key = put_upload(intake, {"lora.safetensors": b"weights"}, fields)
    with pytest.raises(ConsentRefusedError):
        accept_request(announced(key), intake, NOW)
    key = put_upload(intake, {}, fields | {"consent": dumped(DATED)})
    assert accept_request(announced(key), intake, NOW).status == "accepted"


def dumped(consent: Consent) -> dict[str, Any]:
    return consent.model_dump(mode="json", exclude_none=True)


# ---- the record, and its end --------------------------------------------------------------------


def test_the_record_of_a_consent_lies_apart_from_the_photos_and_names_nothing_of_them() -> None:
    intake = asking()
    key = put_upload(intake, GOOD, PROMPTS | {"consent": dumped(DATED)})
    job = accept_request(announced(key), intake, NOW).job
    record = intake.consents.get(job.job_id)
    assert record is not None
    assert (record.tenant, record.upload, record.consent) == ("acme", "first", DATED)
    assert record.withdrawn_at is None
    assert all(word not in record.model_dump_json() for word in (*GOOD, "photo of"))


@pytest.mark.parametrize(
    ("subject", "withdrawn"),
    [
        (ErasureSubject(tenant="acme"), True),
        (ErasureSubject(tenant="acme", upload="first"), True),
        (ErasureSubject(tenant="acme", upload="second"), False),
        (ErasureSubject(tenant="acme", upload="first", photo="0" * 64), False),
        (ErasureSubject(tenant="acme", model_id="0" * 32), False),
        (ErasureSubject(tenant="globex"), False),
    ],
)
def test_a_withdrawal_is_kept_with_its_first_time(subject: ErasureSubject, withdrawn: bool) -> None:
    intake = asking()
    key = put_upload(intake, GOOD, PROMPTS | {"consent": dumped(DATED)})
    job = accept_request(announced(key), intake, NOW).job
    for later in range(2):
        intake.consents.withdraw(subject, NOW + timedelta(days=later))
    record = intake.consents.get(job.job_id)
    assert record is not None
    assert (record.withdrawn_at == NOW.isoformat()) is withdrawn


def test_a_model_is_erased_when_its_consent_ends_and_not_before() -> None:
    intake, eraser = asking(), MemoryEraser()
    key = put_upload(intake, GOOD, PROMPTS | {"consent": dumped(DATED)})
    job = accept_request(announced(key), intake, NOW).job
    uploads = intake.uploads
    assert isinstance(uploads, MemoryStorage)
    versions = MemoryVersions(uploads)
    services = ExpiryServices(MemoryExpiries(), intake.jobs, versions, intake.consent_ends, eraser)
    ends = DATED.expires_at
    assert ends is not None
    assert erase_unconsented(services, ends - timedelta(seconds=1)) == 0
    assert erase_unconsented(services, ends) == 1
    assert eraser.asked == [ErasureSubject(tenant="acme", model_id=job.job_id)]
    assert erase_unconsented(services, ends) == 0


@pytest.mark.parametrize(
    ("end", "kept"),
    [
        ("9999-12-31T23:59:59-05:00", "9000-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9000-01-01T00:00:00+00:00"),
        ("2027-11-30T23:00:00-10:00", "2027-12-01T09:00:00+00:00"),
        ("2028-02-29T00:30:00+01:00", "2028-02-28T23:30:00+00:00"),
    ],
)
def test_a_consent_ends_at_its_moment_wherever_it_was_written(end: str, kept: str) -> None:
    intake = asking()
    for photo, body in GOOD.items():
        intake.uploads.write(f"{PREFIX}{photo}", body)
    given = json.loads(BODY) | {"expires_at": end}
    intake.uploads.write(
        f"{PREFIX}request.json", json.dumps({**PROMPTS, "consent": given}).encode()
    )
    job = accept_request(announced(f"{PREFIX}request.json"), intake, NOW).job
    ends: Any = intake.consent_ends
    assert ends.rows[job.job_id][0].isoformat() == kept
    (record,) = intake.consents.of("acme")
    assert kept_until(ends_of(record)) > 0
    assert list(evidence(ErasureSubject(tenant="acme"), [record], NOW))
