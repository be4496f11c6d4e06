"""Every form of upload, from its files to what training is given: masks, classes, folders."""

import unicodedata
from dataclasses import replace

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.record import JobRecord
from contracts.errors import ConsentRefusedError, InvalidRequestError, TooManyPhotosError
from contracts.shared import layout
from contracts.shared.limits import MAX_PHOTOS
from domain.intake.accepting import accept_request
from domain.intake.inspection import inspect_photos
from domain.intake.services import IntakeServices
from domain.ports.storage import read_document
from domain.requests.consent import ConsentRules
from domain.training.inputs import files_of
from domain.training.tasks import task_of
from tests.fakes.intake import NOW, REQUEST, announced, memory_intake, put_upload
from tests.fakes.jobs import MemoryJobs
from tests.unit.domain.test_archives import zipped
from tests.unit.domain.test_inspection import GOOD, PlainDecoder, accepted, inspection_of, report_of

PLACE = ("acme", "first")
PREFIX = layout.uploads.upload_prefix(*PLACE)
KOHYA = {f"60_dwjz/{name}": body for name, body in GOOD.items()}


def put(intake: IntakeServices, files: dict[str, bytes]) -> None:
    for name, body in files.items():
        intake.uploads.write(PREFIX + name, body)


def upload_of(intake: IntakeServices, name: str) -> AcceptedUpload:
    job = accept_request(announced(PREFIX + name), intake, NOW).job
    return read_document(
        intake.models, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )


def test_masks_and_class_pictures_reach_the_plan_under_numbers() -> None:
    intake = memory_intake()
    files = {
        **GOOD,
        "0_mask.png": b"mask",
        "1-mask.png": b"refuse damaged_image",
        "reg/1_person/x.png": b"somebody",
        "class/y.png": b"another",
        "class/bad.pdf": b"refuse not_an_image",
    }
    job = accepted(intake, files)
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    report = report_of(intake, job)
    assert len(report.photos) == len(GOOD)
    assert [v.mask.file for v in report.photos if v.mask] != []
    assert sum("mask_ignored" in v.codes for v in report.photos) == 1
    assert len(report.class_photos) == 2
    assert report.codes == ("few_photos", "class_photos_ignored")
    assert isinstance(intake.jobs, MemoryJobs)
    record = intake.jobs.get(job.job_id)
    assert isinstance(record, JobRecord)
    task = task_of(intake.models, record)
    stored = {item.key.removeprefix("accepted/") for item in intake.uploads.list("accepted/", 99)}
    assert set(files_of(task)) == stored
    assert len(stored) == len(GOOD) + 1 + 2


def test_another_mask_is_another_job() -> None:
    intake = memory_intake()
    first = accepted(intake, {**GOOD, "0_mask.png": b"mask"})
    put(intake, {"0_mask.png": b"another"})
    again = accept_request(announced(PREFIX + "request.json"), intake, NOW).job
    put(intake, {"class/x.png": b"x"})
    third = accept_request(announced(PREFIX + "request.json"), intake, NOW).job
    assert len({first.job_id, again.job_id, third.job_id}) == 3


def test_too_many_class_pictures_are_refused() -> None:
    intake = memory_intake()
    put(intake, {f"class/{n}.png": b"x" for n in range(MAX_PHOTOS + 1)})
    with pytest.raises(TooManyPhotosError):
        accept_request(announced(put_upload(intake, GOOD)), intake, NOW)


def test_a_kohya_folder_and_toml_need_no_request_json() -> None:
    intake = memory_intake()
    put(intake, {**KOHYA, "config/kohya.toml": b"network_dim = 8\nmax_train_steps = 5\n"})
    upload = upload_of(intake, "config/kohya.toml")
    assert (upload.request.trigger_word, upload.request.rank) == ("dwjz", 8)
    assert {pin.repeats for pin in upload.photos} == {60}
    assert upload.imported[0].tool == "kohya"


def test_a_kohya_toml_of_two_subjects_needs_no_request_json() -> None:
    intake = memory_intake()
    subset = "[[datasets.subsets]]\nimage_dir = '/mnt/{}'\nclass_tokens = '{}'\n"
    toml = "max_train_steps = 9\n[[datasets]]\n" + "".join(
        subset.format(*each) for each in (("cats", "tgr cat"), ("dogs", "rex dog"))
    )
    files = {f"{folder}/{n}.jpg": f"{folder} {n}".encode() for folder in ("cats", "dogs")
             for n in range(5)}  # fmt: skip
    put(intake, files | {"kohya.toml": toml.encode()})
    upload = upload_of(intake, "kohya.toml")
    assert [one.trigger_word for one in upload.request.subjects] == ["rex", "tgr"]
    shown = {pin.key.split("/")[-2]: pin.subject for pin in upload.photos}
    assert shown == {"dogs": 0, "cats": 1}


def test_a_json_of_kohya_ss_s_window_is_read_as_kohya_s_and_not_as_the_avatar_guidance_s() -> None:
    intake = memory_intake()
    window = b'{"LoRA_type": "Standard", "network_dim": 32, "network_alpha": 16, "epoch": 1}'
    put(intake, {**KOHYA, "config.json": window})
    upload = upload_of(intake, "config.json")
    assert (upload.request.rank, upload.request.lora_alpha) == (32, 16)
    assert upload.imported[0].tool == "kohya"


def test_a_body_of_a_hosted_service_is_taken_as_request_json() -> None:
    intake = memory_intake()
    body = b'{"images_data_url": "a.zip", "trigger_word": "\\u5c0f\\u660e", "steps": 9}'
    put(intake, {**GOOD, "request.json": body})
    upload = upload_of(intake, "request.json")
    assert (upload.request.trigger_word, upload.request.max_train_steps) == ("小明", 9)
    assert upload.renamed == {"steps": "max_train_steps"}
    assert upload.imported[0].tool == "fal"


def test_an_avatar_archive_brings_its_config_along() -> None:
    intake = memory_intake()
    config = b'{"n_steps": 5, "lora_r": 4, "lora_alpha": 4}'
    put(intake, {"photos.zip": zipped({**GOOD, "config.json": config}), "request.json": b"{}"})
    upload = upload_of(intake, "request.json")
    assert (upload.request.max_train_steps, upload.request.rank) == (5, 4)
    assert len(upload.photos) == len(GOOD)
    assert upload.imported[0].tool == "avatar"


def test_two_request_files_are_one_job_and_request_json_counts() -> None:
    intake = memory_intake()
    put(intake, {"config.json": b'{"lora_r": 4, "lora_alpha": 4}'})
    put_upload(intake, GOOD, {**REQUEST, "rank": 16})
    answers = [
        accept_request(announced(PREFIX + name, arn), intake, NOW)
        for name, arn in (("config.json", "arn:1"), ("request.json", "arn:2"))
    ]
    assert [answer.status for answer in answers] == ["accepted", "repeat"]
    key = layout.models.accepted_upload_key(answers[0].job.job_id)
    assert read_document(intake.models, key, AcceptedUpload).request.rank == 16


def test_an_announced_file_that_was_deleted_since_is_read_as_it_was() -> None:
    intake = memory_intake()
    key = put_upload(intake, GOOD)
    intake.uploads.delete(key)
    assert accept_request(announced(key, version="1"), intake, NOW).status == "accepted"
    config = PREFIX + "config.json"
    intake.uploads.write(config, b"{}")
    intake.uploads.delete(config)
    assert accept_request(announced(config, version="1"), intake, NOW).status == "accepted"


def test_a_config_that_is_gone_is_a_problem() -> None:
    intake = memory_intake()
    with pytest.raises(InvalidRequestError):
        accept_request(announced(PREFIX + "config.json"), intake, NOW)


def test_accents_written_in_two_ways_belong_together() -> None:
    composed, taken_apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != taken_apart
    intake = memory_intake()
    lines = f'{{"file_name": "{composed}2.jpg", "text": "sitting"}}'.encode()
    files = {
        **GOOD,
        f"{taken_apart}1.jpg": b"one",
        f"{composed}1.txt": b"standing",
        f"{taken_apart}2.jpg": b"two",
        "metadata.jsonl": lines,
    }
    job = accepted(intake, files)
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    words = {v.caption for v in report_of(intake, job).photos}
    assert words == {None, "standing", "sitting"}


def test_twins_of_one_name_are_two_photos() -> None:
    intake = memory_intake()
    twins = {unicodedata.normalize(form, "é.jpg"): form.encode() for form in ("NFC", "NFD")}
    job = accepted(intake, {**GOOD, **twins})
    assert inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW).accepted == 7


def test_no_name_leads_to_another_upload_or_tenant() -> None:
    intake = memory_intake()
    intake.uploads.write("tenants/acme/uploads/first2/x.jpg", b"a neighbour's")
    intake.uploads.write("tenants/other/uploads/first/x.jpg", b"a stranger's")
    lines = b'{"file_name": "../../../../other/uploads/first/x.jpg", "text": "x"}'
    odd = {"../../../other/uploads/first/x.jpg": b"mine", "a\nb.jpg": b"mine too"}
    job = accepted(intake, {**GOOD, **odd, "metadata.jsonl": lines})
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    bodies = {intake.uploads.read(i.key, 99) for i in intake.uploads.list("accepted/", 99)}
    assert bodies == {*GOOD.values(), b"mine too"}  # a name that leads out is left aside
    keys = {item.key for item in intake.uploads.list("accepted/", 99)}
    assert all(".." not in key and key.isprintable() for key in keys)


CONSENT = {
    "given_by": "person-17",
    "given_for": "self",
    "given_at": "2026-11-20T10:00:00Z",
    "adult": True,
    "text_version": "2026-01",
    "language": "en",
    "purposes": ["avatar"],
    "retention_days": 30,
    "expires_at": "2027-11-20T10:00:00Z",
}


def asking(text_version: str) -> IntakeServices:
    rules = ConsentRules(required=True, text_version=text_version, photos_kept_days=30)
    return replace(memory_intake(), consent=rules)


def test_consent_is_kept_with_the_accepted_request() -> None:
    intake = asking("2026-01")
    put_upload(intake, GOOD, {**REQUEST, "consent": CONSENT})
    kept = upload_of(intake, "request.json").request.consent
    assert kept is not None
    assert (kept.given_by, kept.purposes, kept.retention_days) == ("person-17", ("avatar",), 30)


def test_the_trainer_is_not_given_the_consent() -> None:
    intake = asking("2026-01")
    job = accepted(intake, GOOD, consent=CONSENT)
    inspect_photos(job, inspection_of(intake, PlainDecoder()), NOW)
    record = intake.jobs.get(job.job_id)
    assert isinstance(record, JobRecord)
    assert task_of(intake.models, record).request.consent is None


def test_no_consent_is_asked_for_unless_the_stack_does() -> None:
    assert accept_request(announced(put_upload(memory := memory_intake(), GOOD)), memory, NOW)


@pytest.mark.parametrize(
    ("consent", "code"),
    [
        (None, "consent_missing"),
        ({**CONSENT, "text_version": "2025-09"}, "consent_not_enough"),
        ({**CONSENT, "retention_days": 7}, "consent_not_enough"),
        ({**CONSENT, "given_at": "2027-01-01T00:00:00Z"}, "consent_not_enough"),
        ({**CONSENT, "expires_at": "2026-11-20T12:00:00Z"}, "consent_expired"),
    ],
)
def test_a_request_without_enough_consent_is_refused_before_a_photo_is_read(
    consent: dict[str, object] | None, code: str
) -> None:
    intake = asking("2026-01")
    request = REQUEST if consent is None else {**REQUEST, "consent": consent}
    with pytest.raises(ConsentRefusedError) as caught:
        accept_request(announced(put_upload(intake, GOOD, request)), intake, NOW)
    assert caught.value.facts["code"] == code
    assert isinstance(intake.jobs, MemoryJobs)
    assert intake.jobs.records == {}
