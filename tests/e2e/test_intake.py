"""Every form of upload on the deployed stack, up to a model or a refusal."""

import io
import json
import tarfile
import zipfile
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageDraw

from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import PhotoReport
from contracts.documents.training import TrainingPlan
from contracts.documents.upload.consent import Consent
from contracts.shared.layout.models import accepted_upload_key, photo_report_key, plan_key
from contracts.shared.suffixes import CONSENT_FILE
from local.demo.upload import consent
from tests.e2e.stack import SMALL, Stack, job_of, photos

FORMS_SECONDS = 1800
"""Time limit for all forms, which are uploaded at once and trained in one or more batches."""

CONFIG = {"n_steps": 2, "lora_r": 4, "lora_alpha": 4, "num_class_images": 2, "resolution": 64}
TOML = b"""[additional_network_arguments]
network_dim = 4
network_alpha = 2
[training_arguments]
max_train_epochs = 1
train_batch_size = 2
"""


SUBSETS = """max_train_epochs = 1
network_dim = 4
[[datasets]]
""" + "".join(
    f"[[datasets.subsets]]\nimage_dir = '/mnt/data/{folder}'\nclass_tokens = '{tokens}'\n"
    for folder, tokens in (("cats", "tgr cat"), ("dogs", "rex dog"))
)
"""A dataset_config of sd-scripts with two subjects."""


WINDOW = {
    "LoRA_type": "Standard",
    "network_dim": "4",
    "network_alpha": 2,
    "epoch": 1,
    "max_resolution": "64,64",
    "learning_rate": 0.0001,
    "caption_extension": ".txt",
}
"""Settings of kohya_ss's window, saved as JSON."""

FAL = {"images_data_url": "https://example.org/a.zip", "trigger_word": "小明", "steps": 2}
"""A request's body of fal."""

TRIGGERS = {"loose": "zoë", "zip": "ohwx man", "jsonl": "my_dog", "csv": "小明", "fal": "小明"}
"""Trigger words of several words and scripts, by the form that has them."""


class Form(NamedTuple):
    """One form of upload: the files, and the file that is put last."""

    files: dict[str, bytes]
    last: str
    body: bytes


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return out.getvalue()


def mask() -> bytes:
    image = Image.new("L", (128, 128))
    ImageDraw.Draw(image).ellipse((20, 10, 108, 120), fill=255)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def listed(names: list[str]) -> bytes:
    rows = ({"file_name": name, "text": f"portrait {n}"} for n, name in enumerate(names))
    return "\n".join(json.dumps(row) for row in rows).encode()


CONSENT = {CONSENT_FILE: json.dumps(consent()).encode()}
"""What carries the consent beside settings of other tools."""


def small(**more: Any) -> bytes:
    return json.dumps({**SMALL, **more}).encode()


def named(form: str) -> bytes:
    """Return a request whose trigger word is the form's."""
    return small(trigger_word=TRIGGERS[form], instance_prompt="a photo of TOK person")


def forms() -> dict[str, Form]:
    """Return each form of docs/intake.md, each with another person."""
    plain, packed, tar, kohya, lines, table, masked, avatar = (photos(n, 5) for n in range(20, 28))
    window, fal = photos(135, 5), photos(136, 5)
    of_class = {f"class/{name}": body for name, body in photos(40, 2).items()}
    csv = "caption,image_file\n" + "".join(f"portrait {n},{n}\n" for n in table)
    return {
        "loose": Form({**plain, "photo-0.txt": b"portrait 0"}, "request.json", named("loose")),
        "zip": Form({"photos.zip": zipped(packed)}, "request.json", named("zip")),
        "tar": Form(
            {
                "photos.tar.gz": tarred(
                    {**tar, **CONSENT, "config.json": json.dumps(CONFIG).encode()}
                )
            },
            "request.json",
            b"{}",
        ),
        "kohya": Form(
            {**{f"2_dwjz/{name}": b for name, b in kohya.items()}, **CONSENT}, "config/k.toml", TOML
        ),
        "jsonl": Form(
            {**lines, "metadata.jsonl": listed([*lines])}, "request.json", named("jsonl")
        ),
        "csv": Form({**table, "caption.csv": csv.encode()}, "request.json", named("csv")),
        "masks": Form({**masked, **of_class, "photo-0_mask.png": mask()}, "request.json", small()),
        "avatar": Form({**avatar, **CONSENT}, "config.json", json.dumps(CONFIG).encode()),
        "window": Form(
            {**{f"2_ohwx_man/{name}": b for name, b in window.items()}, **CONSENT},
            "config.json",
            json.dumps(WINDOW).encode(),
        ),
        "fal": Form({**fal, **CONSENT}, "request.json", json.dumps(FAL).encode()),
    }


def subsets() -> Form:
    """Return an upload of two subjects, whom a dataset_config alone names."""
    shown = {"cats": photos(130, 5), "dogs": photos(131, 5)}
    files = {f"{where}/{name}": body for where in shown for name, body in shown[where].items()}
    return Form(files, "dataset.toml", SUBSETS.encode())


class Outcome(NamedTuple):
    """The documents of one form's execution."""

    notice: dict[str, Any]
    accepted: AcceptedUpload
    report: PhotoReport


@pytest.fixture(scope="module")
def outcomes(stack: Stack) -> dict[str, Outcome]:
    """Upload all forms at once, and wait for their notices."""
    uploaded = forms() | {"subsets": subsets()}
    with stack.stub_trainer():
        for name, form in uploaded.items():
            stack.put(f"form-{name}", {**form.files, form.last: form.body})
        executions = {name: stack.ended(f"form-{name}", 1, FORMS_SECONDS)[0] for name in uploaded}
        notices = {name: stack.notice(f"form-{name}") for name in uploaded}
    assert {name: notices[name]["code"] for name in uploaded} == dict.fromkeys(uploaded, "ready")
    jobs = {name: job_of(execution) for name, execution in executions.items()}
    return {
        name: Outcome(
            notices[name],
            stack.document(accepted_upload_key(job), AcceptedUpload),
            stack.document(photo_report_key(job), PhotoReport),
        )
        for name, job in jobs.items()
    }


@pytest.mark.parametrize("name", list(forms()))
def test_every_form_of_upload_ends_in_a_model(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    assert outcome.notice["model"]["target_model"]
    assert [photo.verdict for photo in outcome.report.photos] == ["accepted"] * 5


def test_words_come_from_texts_and_lists(outcomes: dict[str, Outcome]) -> None:
    words = {
        name: {photo.caption for photo in outcomes[name].report.photos}
        for name in ("loose", "jsonl", "csv")
    }
    assert words["loose"] == {None, "portrait 0"}
    assert words["jsonl"] == {f"portrait {n}" for n in range(5)}
    assert words["csv"] == {f"portrait photo-{n}.jpg" for n in range(5)}


def test_settings_of_other_tools_are_trained_by(outcomes: dict[str, Outcome]) -> None:
    kohya, avatar, tar = (outcomes[name].accepted for name in ("kohya", "avatar", "tar"))
    assert (kohya.request.trigger_word, kohya.request.lora_alpha) == ("dwjz", 2)
    assert kohya.request.max_train_steps == 5  # 5 photos, twice, two in a step
    assert {photo.repeats for photo in kohya.photos} == {2}
    assert avatar.request == tar.request
    assert (avatar.request.rank, avatar.request.max_train_steps) == (4, 2)
    assert [report.tool for report in (*avatar.imported, *kohya.imported)] == ["avatar", "kohya"]
    window, fal = outcomes["window"].accepted, outcomes["fal"].accepted
    assert (window.request.rank, window.request.lora_alpha) == (4, 2)
    assert (window.request.trigger_word, window.request.class_prompt) == (
        "ohwx",
        "a photo of a man",
    )
    assert (fal.request.trigger_word, fal.request.max_train_steps) == ("小明", 2)
    assert [report.tool for report in (*window.imported, *fal.imported)] == ["kohya", "fal"]


def test_a_trigger_word_of_any_script_or_of_several_words_is_trained(
    outcomes: dict[str, Outcome],
) -> None:
    trained = {name: outcomes[name].notice["model"]["trigger_word"] for name in TRIGGERS}
    assert trained == TRIGGERS


def test_subsets_with_class_tokens_are_trained_as_several_subjects(
    stack: Stack, outcomes: dict[str, Outcome]
) -> None:
    notice, accepted, report = outcomes["subsets"]
    assert notice["code"] == "ready"
    assert [one.trigger_word for one in accepted.request.subjects] == ["rex", "tgr"]
    assert [one.class_prompt for one in accepted.request.subjects] == [
        "a photo of a dog",
        "a photo of a cat",
    ]
    (task,) = stack.document(plan_key(stack.plan_id(accepted.job.job_id)), TrainingPlan).tasks
    assert sorted(one.subject for one in task.photos) == [0] * 5 + [1] * 5
    assert len(report.photos) == 10


def test_masks_and_class_pictures_are_in_the_plan(
    stack: Stack, outcomes: dict[str, Outcome]
) -> None:
    report, job = outcomes["masks"].report, outcomes["masks"].accepted.job
    assert len(report.class_photos) == 2
    plan_id = stack.plan_id(job.job_id)
    plan = stack.document(plan_key(plan_id), TrainingPlan)
    (task,) = [task for task in plan.tasks if task.job_id == job.job_id]
    assert len(task.class_photos) == 2
    assert sum(photo.mask is not None for photo in task.photos) == 1


@pytest.mark.parametrize("name", list(forms()))
def test_every_form_of_upload_carries_its_consent(outcomes: dict[str, Outcome], name: str) -> None:
    given = outcomes[name].accepted.request.consent
    assert given == Consent.model_validate_json(json.dumps(consent()))


@pytest.mark.parametrize("last", ["request.json", "config/k.toml", "config.json"])
def test_a_form_without_a_consent_is_told_what_to_add(stack: Stack, last: str) -> None:
    form = next(form for form in forms().values() if form.last == last)
    files = {name: body for name, body in form.files.items() if name != CONSENT_FILE}
    body = small(consent=None) if last == "request.json" else form.body
    upload = f"unasked-{last.partition('/')[0].partition('.')[0]}-{len(last)}"
    stack.put(upload, {**files, last: body})
    stack.execution(upload)
    notice = stack.notice(upload)
    assert notice["code"] == "consent_missing"
    assert [problem["field"] for problem in notice["request"]] == ["consent", CONSENT_FILE]
    assert '"adult": true' in notice["request"][0]["message"]


def test_a_dry_run_trains_nothing(stack: Stack) -> None:
    files = photos(50, 5) | {"notes.pdf": b"%PDF-1.7"}
    stack.put("dry", {**files, "request.json": small(dry_run=True, preset="face")})
    execution = stack.execution("dry")
    assert execution["status"] == "SUCCEEDED"
    assert stack.states(execution) == [
        "AcceptRequest",
        "IsRepeat",
        "InspectPhotos",
        "WhatToTrain",
        "NotifyOwner",
    ]
    notice = stack.notice("dry")
    assert (notice["code"], notice["plan"]["photos"], notice["plan"]["refused"]) == (
        "dry_run",
        5,
        1,
    )
    assert notice["plan"]["estimate"]["steps"] == SMALL["max_train_steps"]
    assert stack.training_jobs(job_of(execution)) == []


def test_photos_in_a_zip_are_told_under_their_names(stack: Stack) -> None:
    files = photos(8, count=2) | {"party/holiday.jpg": b"this is not an image"}
    stack.upload("zipped", {"photos.zip": zipped(files)}, SMALL)
    assert stack.execution("zipped")["error"] == "TooFewPhotosError"
    notice = stack.notice("zipped")
    assert "Photos that can be used: 2; needed: 5." in notice["text"]
    assert stack.named(notice) == [("photos.zip/party/holiday.jpg", ["not_an_image"])]


def test_a_hostile_archive_is_refused_whole(stack: Stack) -> None:
    hostile = zipped(photos(8, count=2) | {"../escape.jpg": b"x"})
    stack.upload("hostile", {"photos.zip": hostile}, SMALL)
    assert stack.execution("hostile")["error"] == "ArchiveRefusedError"
    assert stack.notice("hostile")["code"] == "archive_unsafe"
