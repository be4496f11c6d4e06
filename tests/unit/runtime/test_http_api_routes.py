"""The routes of the HTTP API over stores in memory, and who may see what through which door."""

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from contracts.documents.api.callers import Scope
from contracts.documents.money import Estimate
from contracts.documents.status import UploadRow
from contracts.shared import layout
from domain.callers.keys import make_key
from domain.pricing.quotas import Quotas
from http_api.document import document
from http_api.front import OPEN
from http_api.services import Limits, Services
from tests.contract.files import ROOT
from tests.fakes.faces import MemoryFaceFinder, face
from tests.fakes.front_door import MemoryRedriver, RealInspector
from tests.fakes.hub import MemoryHub
from tests.fakes.storage import MemoryStorage
from tests.unit.runtime.api_kit import ALL, APP, NOON, Answer, call, context, job, services
from tests.unit.runtime.everything_kit import MINE, with_everything

REQUEST = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
TRAINING = {"upload_id": "u1", "request": REQUEST}
UPLOADED = {"files": [{"type": "image/png", "size": 1}]}
OTHER = context("globex", *ALL)
DOCUMENT = document(APP)


def upload(stores: Services, *types: str, **more: Any) -> Answer:
    files = [{"type": kind, "size": 10, **more} for kind in types or ("image/jpeg",)]
    return call(stores, "POST", "/v1/uploads", {"files": files})


def sent(stores: Services, answer: Answer) -> str:
    """Send the files of an upload; return its id."""
    for form in answer.body["forms"]:
        stores.uploads.write(form["fields"]["key"], b"x" * 10)
    return str(answer.body["id"])


def test_a_form_is_for_one_key_of_the_caller_s_own_tenant() -> None:
    answer = upload(services(), "image/jpeg", "image/heic")
    assert answer.status == 200
    keys = [form["fields"]["key"] for form in answer.body["forms"]]
    prefix = f"tenants/acme/uploads/{answer.body['id']}/"
    assert keys == [f"{prefix}000.jpg", f"{prefix}001.heic"]
    assert answer.body["forms"][0]["fields"]["size"] == "10"


def test_a_caption_lies_beside_its_photo() -> None:
    files = [{"type": "text/plain", "size": 9, "of_photo": 1}, {"type": "image/png", "size": 9}]
    answer = call(services(), "POST", "/v1/uploads", {"files": files})
    names = [form["fields"]["key"].rpartition("/")[2] for form in answer.body["forms"]]
    assert names == ["001.txt", "001.png"]


@pytest.mark.parametrize(
    "file",
    [
        {"type": "image/gif", "size": 1},
        {"type": "image/png", "size": 0},
        {"type": "image/png", "size": 20_000_001},
        {"type": "image/png", "size": 1, "of_photo": 0},
        {"type": "text/plain", "size": 1},
        {"type": "text/plain", "size": 1, "of_photo": 0},
        {"type": "application/zip", "size": 1, "of_photo": 7},
        {"type": "image/png", "size": 1, "name": "../../request.json"},
    ],
)
def test_a_file_that_cannot_be_uploaded_is_refused(file: dict[str, Any]) -> None:
    answer = call(services(), "POST", "/v1/uploads", {"files": [file]})
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")
    assert answer.body["errors"]


def test_a_photo_has_one_caption() -> None:
    photo, caption = {"type": "image/png", "size": 9}, {"type": "text/plain", "size": 9}
    files = [photo, caption | {"of_photo": 0}, caption | {"of_photo": 0}]
    answer = call(services(), "POST", "/v1/uploads", {"files": files})
    assert [one["field"] for one in answer.body["errors"]] == [
        "body.files.1.of_photo",
        "body.files.2.of_photo",
    ]


def test_files_are_added_to_an_upload_until_it_is_trained() -> None:
    stores, photo = services(), {"type": "image/jpeg", "size": 9}
    prefix = "tenants/acme/uploads/u1/"
    path, more = "/v1/uploads/u1/files", {"files": [photo], "first": 1}
    assert call(stores, "POST", path, more).status == 404
    stores.uploads.write(f"{prefix}000.jpg", b"x")
    (form,) = call(stores, "POST", path, more).body["forms"]
    assert (form["number"], form["fields"]["key"]) == (1, f"{prefix}001.jpg")
    assert call(stores, "POST", path, {**more, "first": 99}).status == 200
    many = {"files": [photo, photo], "first": 99}
    assert call(stores, "POST", path, many).body["errors"][0]["field"] == "body.files"
    stores.jobs.uploads["acme/u1"] = UploadRow(points_to=f"{1:032x}")  # type: ignore[attr-defined]
    assert call(stores, "POST", path, more).body["code"] == "already_started"


def test_true_and_false_are_no_numbers_of_a_request() -> None:
    wrong = ({"rank": True}, {"run": {"volume_size": True}}, {"sweep": {"rank": [True, 4]}})
    for more in wrong:
        answer = call(
            services(), "POST", "/v1/estimates", {"photos": 9, "request": {**REQUEST, **more}}
        )
        assert answer.status == 422, more
        assert "not true or false" in answer.body["errors"][0]["message"]


def test_a_preset_fills_only_what_a_request_does_not_say() -> None:
    stores = services()
    stores.uploads.write("tenants/acme/uploads/u1/000.jpg", b"x")
    given = {**REQUEST, "preset": "style", "with_prior_preservation": True, "face_crop": "none"}
    silent = {**REQUEST, "preset": "style"}
    call(stores, "POST", "/v1/models", {"upload_id": "u1", "request": given})
    stored = stores.uploads.read("tenants/acme/uploads/u1/request.json", 9999)
    assert json.loads(stored) == given
    costs = [
        call(stores, "POST", "/v1/estimates", {"photos": 9, "request": one}).body["usd"]
        for one in (given, silent, silent | {"with_prior_preservation": False})
    ]
    assert costs[0] > costs[1] == costs[2]


def test_an_estimate_says_what_a_training_takes_and_stores_nothing() -> None:
    stores = services()
    short, long = (
        call(stores, "POST", "/v1/estimates", {"photos": count, "request": REQUEST}).body
        for count in (5, 20)
    )
    assert 0 < short["usd"] < long["usd"]
    assert 0 < short["seconds"] < long["seconds"]
    assert call(stores, "POST", "/v1/estimates", {"photos": 4, "request": REQUEST}).status == 422
    assert stores.uploads.list("tenants/", 9) == []


def test_an_upload_starts_when_the_caller_says_so() -> None:
    stores = services()
    name = sent(stores, upload(stores))
    stores.jobs.records[f"{1:032x}"] = job(1)  # type: ignore[attr-defined]
    body = {"upload_id": name, "request": REQUEST}
    started = call(stores, "POST", "/v1/models", body)
    assert (started.status, started.body) == (
        200,
        {"object": "training", "upload_id": name, "job": None},
    )
    key = f"tenants/acme/uploads/{name}/{layout.uploads.REQUEST_FILE}"
    assert json.loads(stores.uploads.read(key, 9999)) == REQUEST
    row = UploadRow(points_to=f"{1:032x}")
    stores.jobs.uploads[f"acme/{name}"] = row  # type: ignore[attr-defined]
    state = call(stores, "GET", f"/v1/uploads/{name}", query={"wait": "20"})
    assert (state.body["job_id"], state.body["files"]) == (f"{1:032x}", 1)
    again = call(stores, "POST", "/v1/models", body)
    assert (again.status, again.body["code"]) == (409, "already_started")


LORA, OF_LORA = "application/x-safetensors", {**REQUEST, "adapter_file": "000.safetensors"}


def test_a_lora_is_imported_from_an_upload_of_its_own() -> None:
    stores = services()
    made = upload(stores, LORA)
    (form,) = made.body["forms"]
    name = sent(stores, made)
    assert form["fields"]["key"] == f"tenants/acme/uploads/{name}/000.safetensors"
    body = {"upload_id": name, "request": OF_LORA}
    assert call(stores, "POST", "/v1/models", body, who=OTHER).status == 404
    assert call(stores, "POST", "/v1/models", body, who=context("acme", "read")).status == 403
    assert call(stores, "POST", "/v1/models", body).status == 200
    key = f"tenants/acme/uploads/{name}/{layout.uploads.REQUEST_FILE}"
    assert json.loads(stores.uploads.read(key, 9999)) == OF_LORA
    stores.jobs.records[f"{1:032x}"] = job(1, kind="import")  # type: ignore[attr-defined]
    assert call(stores, "GET", f"/v1/jobs/{1:032x}").body["kind"] == "import"
    assert call(stores, "POST", f"/v1/uploads/{name}/photos/0:inspect").status == 404
    assert call(stores, "DELETE", f"/v1/uploads/{name}/photos/0").status == 404
    assert call(stores, "GET", f"/v1/uploads/{name}/photos").body["data"] == []


@pytest.mark.parametrize(
    ("files", "field", "words"),
    [
        ([{"type": LORA, "size": 419_430_401}], "body.files.0.size", "at most 419,430,400 bytes"),
        ([{"type": LORA, "size": 9, "of_photo": 0}], "body.files.0.of_photo", "names the photo"),
        ([{"type": LORA, "size": 9}] * 2, "body.files.0.type", "the only file"),
        (
            [{"type": "image/png", "size": 9}, {"type": LORA, "size": 9}],
            "body.files.1.type",
            "the only file",
        ),
    ],
)
def test_a_lora_that_is_too_large_or_not_alone_gets_no_form(
    files: list[dict[str, Any]], field: str, words: str
) -> None:
    answer = call(services(), "POST", "/v1/uploads", {"files": files})
    found = {one["field"]: one["message"] for one in answer.body["errors"]}
    assert (answer.status, words in found[field]) == (422, True)


def test_a_lora_is_added_to_no_upload_and_nothing_to_its_own() -> None:
    stores, photo, lora = services(), {"type": "image/png", "size": 9}, {"type": LORA, "size": 9}
    of_lora, of_photos = sent(stores, upload(stores, LORA)), sent(stores, upload(stores))
    for name, file in ((of_lora, photo), (of_photos, lora)):
        answer = call(stores, "POST", f"/v1/uploads/{name}/files", {"files": [file], "first": 1})
        assert (answer.status, "the only file" in answer.body["message"]) == (422, True)


@pytest.mark.parametrize(
    ("kind", "request_", "words"),
    [
        (LORA, REQUEST, "The upload holds a LoRA: name it, 000.safetensors"),
        (LORA, {**OF_LORA, "adapter_file": "anna.safetensors"}, "it is called 000.safetensors"),
        ("image/png", OF_LORA, "The upload holds no file of this name"),
        (LORA, {**OF_LORA, "rank": 8}, "rank has no effect with adapter_file"),
        (LORA, {**OF_LORA, "sweep": {"rank": [4, 8]}}, "sweep has no effect with adapter_file"),
    ],
)
def test_an_import_is_refused_as_at_the_s3_door_before_anything_is_written(
    kind: str, request_: dict[str, Any], words: str
) -> None:
    stores = services(Limits(trainings_per_day=1))
    name = sent(stores, upload(stores, kind))
    for _ in range(2):  # a refusal takes nothing of the day's trainings
        answer = call(stores, "POST", "/v1/models", {"upload_id": name, "request": request_})
        assert (answer.status, answer.body["code"]) == (422, "invalid_call")
        assert words in answer.body["message"]
    assert layout.uploads.REQUEST_FILE not in str(stores.uploads.list("tenants/", 99))


def test_a_file_that_somebody_put_beside_a_lora_is_told() -> None:
    stores = services()
    name = sent(stores, upload(stores, LORA))
    stores.uploads.write(f"tenants/acme/uploads/{name}/.DS_Store", b"litter")
    body = {"upload_id": name, "request": OF_LORA}
    stores.uploads.write(f"tenants/acme/uploads/{name}/a.jpg", b"x")
    assert "other files beside it" in call(stores, "POST", "/v1/models", body).body["message"]
    stores.uploads.delete(f"tenants/acme/uploads/{name}/a.jpg")
    assert call(stores, "POST", "/v1/models", body).status == 200


def test_a_lora_of_a_person_needs_a_consent_and_one_of_a_dog_does_not() -> None:
    stores = services()
    stores = replace(stores, consent=stores.consent._replace(required=True))
    body = {"upload_id": sent(stores, upload(stores, LORA)), "request": OF_LORA}
    assert call(stores, "POST", "/v1/models", body).body["code"] == "consent_missing"
    dog = {**OF_LORA, "class_prompt": "a photo of a dog", "instance_prompt": "a photo of sks dog"}
    assert call(stores, "POST", "/v1/models", body | {"request": dog}).status == 200


def test_an_import_is_estimated_without_photos_and_a_training_with_them() -> None:
    stores = services()
    found = call(stores, "POST", "/v1/estimates", {"request": OF_LORA}).body
    trained = call(stores, "POST", "/v1/estimates", {"request": REQUEST, "photos": 5}).body
    assert (found["steps"], 0 < found["usd"] < trained["usd"]) == (0, True)
    for wrong, words in (
        ({"request": REQUEST}, "photos: say how many"),
        ({"request": OF_LORA, "photos": 5}, "photos: leave them out"),
    ):
        answer = call(stores, "POST", "/v1/estimates", wrong)
        assert (answer.status, words in answer.body["message"]) == (422, True)


@pytest.mark.parametrize("change", [{"rank": 0}, {"rnak": 4}, {"instance_prompt": ""}])
def test_a_request_is_checked_before_anything_is_written(change: dict[str, Any]) -> None:
    stores = services()
    name = sent(stores, upload(stores))
    answer = call(stores, "POST", "/v1/models", {"upload_id": name, "request": REQUEST | change})
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")
    assert [one["field"].split(".")[:2] for one in answer.body["errors"]] == [["body", "request"]]
    assert layout.uploads.REQUEST_FILE not in str(stores.uploads.list("tenants/", 99))


def test_a_prompt_that_does_not_name_the_subject_is_told_at_once() -> None:
    stores = services(Limits(trainings_per_day=1))
    name = sent(stores, upload(stores))
    nameless = REQUEST | {"instance_prompt": "a photo of zwx person"}
    for _ in range(2):  # a refusal takes nothing of the day's trainings
        answer = call(stores, "POST", "/v1/models", {"upload_id": name, "request": nameless})
        assert (answer.status, answer.body["code"]) == (422, "invalid_call")
        assert [one["field"] for one in answer.body["errors"]] == ["body.request.instance_prompt"]
        assert "set trigger_word to zwx" in answer.body["message"]
    assert layout.uploads.REQUEST_FILE not in str(stores.uploads.list("tenants/", 99))


def test_an_archive_may_name_the_subject_so_its_request_is_accepted_later() -> None:
    stores = services()
    name = sent(stores, upload(stores, "application/zip"))
    nameless = REQUEST | {"instance_prompt": "a photo of zwx person"}
    body = {"upload_id": name, "request": nameless}
    assert call(stores, "POST", "/v1/models", body).status == 200


def test_photos_of_people_need_a_consent_before_anything_is_written() -> None:
    stores = services()
    stores = replace(stores, consent=stores.consent._replace(required=True))
    body = {"upload_id": (name := sent(stores, upload(stores))), "request": REQUEST}
    answer = call(stores, "POST", "/v1/models", body)
    assert (answer.status, answer.body["code"]) == (422, "consent_missing")
    (problem,) = answer.body["errors"]
    assert problem["field"] == "body.request.consent"
    assert layout.uploads.REQUEST_FILE not in str(stores.uploads.list("tenants/", 99))
    shown = problem["message"]
    consent = json.loads(shown[shown.index("{") :].replace("<opaque id>", "person-1"))
    late = consent | {"adult": False, "expires_at": "2026-11-01T00:00:00+00:00"}
    late["given_at"] = "2026-10-01T00:00:00+00:00"
    refused = call(stores, "POST", "/v1/models", body | {"request": REQUEST | {"consent": late}})
    assert [one["field"] for one in refused.body["errors"]] == [
        "body.request.consent.adult",
        "body.request.consent.expires_at",
    ]
    taken = call(stores, "POST", "/v1/models", body | {"request": REQUEST | {"consent": consent}})
    assert taken.status == 200
    key = f"tenants/acme/uploads/{name}/{layout.uploads.REQUEST_FILE}"
    assert json.loads(stores.uploads.read(key, 9999))["consent"]["given_by"] == "person-1"


def test_one_photo_is_judged_at_once() -> None:
    stores = services()
    name = sent(stores, upload(stores, "image/jpeg", "application/zip"))
    answer = call(stores, "POST", f"/v1/uploads/{name}/photos/0:inspect")
    assert (answer.body["verdict"], answer.body["width"]) == ("accepted", 64)
    for number in ("1", "2", "99"):
        missing = call(stores, "POST", f"/v1/uploads/{name}/photos/{number}:inspect")
        assert missing.status == 404
    assert call(stores, "POST", f"/v1/uploads/{name}/photos/x:inspect").status == 422


def test_a_photo_is_judged_by_its_face_and_by_the_person_on_others() -> None:
    stores = services()
    finder = MemoryFaceFinder(
        {b"none": (), b"two": (face(1, 200), face(2, 190)), b"other": (face(9),)}
        | {b"small": (face(1, share=0.1),), b"side": (face(9, upright=False),), b"late": None}
    )
    stores = replace(stores, inspector=RealInspector(stores.uploads, stores.bases, finder))
    for number, body in enumerate((b"good", b"none", b"two", b"other", b"small", b"side", b"late")):
        stores.uploads.write(f"tenants/acme/uploads/u1/{number:03d}.jpg", body)

    def judged(number: int, **query: str) -> Any:
        asked = {"preset": "face", "face_checks": "photos", **query}
        answer = call(stores, "POST", f"/v1/uploads/u1/photos/{number}:inspect", query=asked)
        assert answer.status == 200
        return answer.body

    assert judged(0)["codes"] == []
    assert [judged(number)["codes"] for number in (1, 2)] == [["no_face"], ["ambiguous_faces"]]
    assert "face from the front" in judged(1)["advice"][0]
    assert (judged(4)["verdict"], judged(4)["codes"]) == ("accepted", ["face_small"])
    assert judged(6)["codes"] == ["faces_not_checked"]
    assert judged(3)["verdict"] == "accepted"
    other = judged(3, same_person_as="0")
    assert (other["verdict"], other["codes"]) == ("refused", ["other_person"])
    seen = len(finder.seen)
    side = judged(5, same_person_as="0")
    assert side["codes"] == ["face_turned", "similar_photo"]
    assert len(finder.seen) == seen + 1, "a face from the side is compared with no other"
    assert judged(1, face_checks="off")["codes"] == []


def test_a_photo_is_shown_and_erased_until_the_upload_is_trained() -> None:
    stores, prefix = services(), "tenants/acme/uploads/u1/"
    for name in ("000.jpg", "001.heic", "001.txt", "request.json", "0011.jpg"):
        stores.uploads.write(prefix + name, b"x")
    stores.uploads.write(f"{prefix}001.heic", b"a second version")
    photos = call(stores, "GET", "/v1/uploads/u1/photos").body["data"]
    assert [(one["number"], one["size"]) for one in photos] == [(0, 1), (1, 16)]
    assert f"{prefix}001.heic" in photos[1]["url"]
    assert call(stores, "GET", "/v1/uploads/u2/photos").status == 404
    erased = call(stores, "DELETE", "/v1/uploads/u1/photos/1")
    assert (erased.status, erased.body["number"]) == (200, 1)
    left = {f"{prefix}{name}" for name in ("000.jpg", "request.json", "0011.jpg")}
    assert set(stores.uploads.versions) == left  # type: ignore[attr-defined]
    assert call(stores, "DELETE", "/v1/uploads/u1/photos/1").status == 404
    stores.jobs.uploads["acme/u1"] = UploadRow(points_to=f"{1:032x}")  # type: ignore[attr-defined]
    refused = call(stores, "DELETE", "/v1/uploads/u1/photos/0")
    assert (refused.status, refused.body["code"]) == (409, "already_started")


def test_the_images_of_a_training_are_shown_while_it_goes_on() -> None:
    stores, one = services(), f"{1:032x}"
    stores.jobs.records[one] = job(1, plan_id=f"{2:032x}")  # type: ignore[attr-defined]
    prefix = layout.models.samples_prefix(f"{2:032x}", one)
    for name in (layout.models.sample_file(300, 0), layout.models.sample_file(150, 0), "other.png"):
        stores.documents.write(prefix + name, b"x")
    samples = call(stores, "GET", f"/v1/jobs/{one}/samples").body["data"]
    assert [sample["step"] for sample in samples] == [150, 300]
    assert call(stores, "GET", f"/v1/jobs/{one}/samples", who=OTHER).status == 404


def test_an_admin_redrives_a_failed_job_and_no_other() -> None:
    stores = replace(services(), redriver=MemoryRedriver("arn:3"))
    for number, status in enumerate(("succeeded", "failed", "failed"), 1):
        stores.jobs.records[f"{number:032x}"] = job(number, status=status)  # type: ignore[attr-defined]

    def redriven(number: int, *scopes: Scope) -> Answer:
        who = context("acme", *scopes)
        return call(stores, "POST", f"/v1/jobs/{number:032x}:redrive", who=who)

    outcomes = [redriven(number, *ALL).body["outcome"] for number in (1, 2, 3)]
    assert outcomes == ["too_late", "redriven", "too_late"]
    assert stores.redriver.redriven == ["arn:2"]  # type: ignore[attr-defined]
    assert redriven(2, "read", "train").status == 403


def test_the_usage_says_what_is_left_of_the_quotas() -> None:
    stores = services(Limits(trainings_per_day=7))
    stores.jobs.records[f"{1:032x}"] = job(1)  # type: ignore[attr-defined]
    before = job(2, created_at="2026-11-20T11:00:00+00:00")
    stores.jobs.records[f"{2:032x}"] = before  # type: ignore[attr-defined]
    quotas = call(stores, "GET", "/v1/usage").body["quotas"]
    assert (quotas["trainings_today"], quotas["trainings_per_day"]) == (1, 7)


def test_a_job_is_awaited_until_it_changes() -> None:
    stores = services()
    stores.jobs.records[f"{1:032x}"] = job(1)  # type: ignore[attr-defined]
    first = call(stores, "GET", f"/v1/jobs/{1:032x}")
    looked = []
    read = stores.jobs.get

    def looking(job_id: str) -> object:
        looked.append(job_id)
        return read(job_id) if len(looked) < 4 else job(1, percent=50)

    stores.jobs.get = looking  # type: ignore[assignment,method-assign]
    query = {"wait": "20", "after": first.body["version"]}
    later = call(stores, "GET", f"/v1/jobs/{1:032x}", query=query)
    assert (later.body["percent"], len(looked)) == (50, 4)
    again = {"wait": "1", "after": later.body["version"]}
    assert call(stores, "GET", f"/v1/jobs/{1:032x}", query=again).body["percent"] == 50


def test_a_failed_job_says_what_to_do() -> None:
    stores = services()
    failed = job(1, status="failed", code="too_few_photos")
    stores.jobs.records[failed.job_id] = failed  # type: ignore[attr-defined]
    failure = call(stores, "GET", f"/v1/jobs/{1:032x}").body["failure"]
    assert (failure["code"], bool(failure["hint"])) == ("too_few_photos", True)


def test_trials_of_a_sweep_are_not_listed() -> None:
    stores = services()
    for one in (job(1), job(2, point_of=f"{1:032x}"), job(3, "globex")):
        stores.jobs.records[one.job_id] = one  # type: ignore[attr-defined]
    listed = call(stores, "GET", "/v1/jobs").body["data"]
    assert [one["id"] for one in listed] == [f"{1:032x}"]


def test_every_file_of_a_model_has_a_link() -> None:
    stores, one = with_everything(), f"{1:032x}"
    answer = call(stores, "GET", f"/v1/models/{one}/files")
    (file,) = answer.body["data"]
    assert file["path"] == "adapter/a.safetensors"
    assert f"training/{one}/checkpoints/{one}/adapter/a.safetensors" in file["url"]


def test_a_model_is_pushed_to_the_hub_as_a_repository() -> None:
    stores, one = with_everything(), f"{1:032x}"
    answer = call(stores, "POST", f"/v1/models/{one}:push")
    assert (answer.status, answer.body["uri"], answer.body["files"]) == (
        200, f"s3://hub/models/acme/{one}/", 1,
    )  # fmt: skip
    hub: Any = stores.hub
    assert hub.bucket.objects == {f"models/acme/{one}/a.safetensors": b"weights"}
    stores.documents.write(layout.models.disabled_model_key(one), b"")
    assert call(stores, "POST", f"/v1/models/{one}:push").body["code"] == "model_disabled"
    member = context("acme", "read", "train", "draw")
    assert call(stores, "POST", f"/v1/models/{one}:push", who=member).status == 403


def test_a_stack_without_a_hub_says_so() -> None:
    stores = with_everything()
    stores = replace(stores, hub=MemoryHub(MemoryStorage()))
    answer = call(stores, "POST", f"/v1/models/{1:032x}:push")
    assert (answer.status, answer.body["code"]) == (409, "no_hub")


def test_a_model_says_its_version_and_who_has_approved_it() -> None:
    stores, one = with_everything(), f"{1:032x}"
    assert call(stores, "GET", f"/v1/models/{one}").body["approval"] is None
    call(stores, "POST", f"/v1/models/{one}:approve", {"approved": True})
    body = call(stores, "GET", f"/v1/models/{one}").body
    assert (body["version"], body["approval"]["approved"], body["approval"]["by"]) == (
        1, True, "key:1",
    )  # fmt: skip


def test_a_key_is_made_replaced_and_revoked() -> None:
    stores = services()
    made = call(stores, "POST", "/v1/keys", {"name": "server", "scopes": ["read"]}).body
    assert made["token"].startswith(f"lk_live_{made['id']}_")
    new = call(stores, "POST", f"/v1/keys/{made['id']}:rotate", {"overlap_seconds": 60}).body
    assert (new["name"], new["scopes"]) == ("server", ["read"])
    listed = {one["id"]: one for one in call(stores, "GET", "/v1/keys").body["data"]}
    assert listed[made["id"]]["expires_at"] == "2026-11-21T12:01:00+00:00"
    assert {one["token"] for one in listed.values()} == {None}
    gone = call(stores, "DELETE", f"/v1/keys/{new['id']}").body
    assert gone["revoked_at"] == NOON.isoformat()
    ended = call(stores, "POST", f"/v1/keys/{new['id']}:rotate", {})
    assert (ended.status, ended.body["code"]) == (409, "key_has_ended")


def test_nobody_gives_away_what_they_do_not_have() -> None:
    who = context("acme", "read", "admin")
    answer = call(services(), "POST", "/v1/keys", {"name": "k", "scopes": ["erase"]}, who=who)
    assert (answer.status, answer.body["code"]) == (403, "forbidden")


def test_nobody_gets_by_a_rotation_what_they_do_not_have() -> None:
    stores, who = services(), context("acme", "read", "admin")
    made = make_key("acme", "k", ["operate"], NOON)
    stores.keys.add(made.stored)
    answer = call(stores, "POST", f"/v1/keys/{made.stored.key_id}:rotate", {}, who=who)
    assert (answer.status, answer.body["code"]) == (403, "forbidden")
    assert "operate" in answer.body["errors"][0]["message"]
    assert stores.keys.of("acme") == [made.stored]


def test_a_key_that_ends_is_replaced_by_one_that_ends() -> None:
    stores, asked = services(), {"name": "server", "scopes": ["read"], "days": 90}
    made = call(stores, "POST", "/v1/keys", asked).body
    later = replace(stores, now=lambda: NOON + timedelta(days=80))
    new = call(later, "POST", f"/v1/keys/{made['id']}:rotate", {}).body
    assert new["expires_at"] == (NOON + timedelta(days=170)).isoformat()


@pytest.mark.parametrize("place", ["", "#", f"#{1:032x}", "2026-11-21T11:00:00+00:00#", "x"])
@pytest.mark.parametrize(
    "kind",
    ["jobs", "pictures", "audit", "exports", "takedowns", "appeals", "models", "consents"],
)
def test_a_cursor_that_is_not_ours_is_refused(kind: str, place: str) -> None:
    who = context("acme", *ALL, "operate")
    cursor = urlsafe_b64encode(place.encode()).decode()
    answer = call(services(), "GET", f"/v1/{kind}", query={"after": cursor}, who=who)
    assert (answer.status, answer.body["code"]) == (422, "invalid_call")


def test_usage_of_an_earlier_month_still_counts_today() -> None:
    stores = with_everything()
    jobs: Any = stores.jobs
    jobs.records = {}
    for number, at in enumerate(("2026-10-02", "2026-11-20", "2026-11-21")):
        one = job(number, created_at=f"{at}T00:00:00+00:00", status="succeeded")
        jobs.records[one.job_id] = one
    body = call(stores, "GET", "/v1/usage", query={"month": "2026-10"}).body
    assert (body["trainings"], body["quotas"]["trainings_today"]) == (1, 1)
    assert call(stores, "GET", "/v1/usage").body["trainings"] == 2


def test_usage_is_the_tenant_s_own_and_of_one_month() -> None:
    stores = with_everything()
    for one in (job(2, status="failed"), job(3, "globex")):
        stores.jobs.records[one.job_id] = one  # type: ignore[attr-defined]
    body = call(stores, "GET", "/v1/usage").body
    assert (body["month"], body["trainings"], body["failed"]) == ("2026-11", 2, 1)
    assert call(stores, "GET", "/v1/usage", query={"month": "2026-10"}).body["trainings"] == 0


def test_a_repeated_post_is_answered_as_before_and_done_once() -> None:
    stores, key = services(), {"idempotency-key": "k1"}
    body = {"files": [{"type": "image/png", "size": 1}]}
    first = call(stores, "POST", "/v1/uploads", body, headers=key)
    again = call(stores, "POST", "/v1/uploads", body, headers=key)
    assert (first.body, again.headers["Idempotent-Replay"]) == (again.body, "true")
    other = call(stores, "POST", "/v1/uploads", {"files": []}, headers=key)
    assert (other.status, other.body["code"]) == (422, "idempotency_mismatch")
    stranger = call(stores, "POST", "/v1/uploads", body, headers=key, who=OTHER)
    assert stranger.body["id"] != first.body["id"]


def test_a_key_means_the_same_query_and_a_caller_who_may_as_much() -> None:
    stores, key = services(), {"idempotency-key": "k1"}
    stores.uploads.write("tenants/acme/uploads/u1/000.jpg", b"x")

    def ask(path: str = "/v1/uploads/u1/photos/0:inspect", **more: Any) -> Answer:
        return call(stores, "POST", path, headers=key, **more)

    first = ask(query={"preset": "object", "face_checks": "off"})
    assert first.status == 200
    assert "Idempotent-Replay" in ask(query={"face_checks": "off", "preset": "object"}).headers
    assert ask(query={"preset": "face"}).body["code"] == "idempotency_mismatch"
    less = ask(query={"preset": "object", "face_checks": "off"}, who=context("acme", "read"))
    assert less.body["code"] == "idempotency_mismatch"


def test_a_repetition_may_wait_longer() -> None:
    stores, key = services(), {"idempotency-key": "k1"}
    first, again = (
        call(stores, "POST", "/v1/uploads", UPLOADED, headers=key, query={"wait": wait})
        for wait in ("1", "20")
    )
    assert (first.body, again.headers["Idempotent-Replay"]) == (again.body, "true")


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_cannot_be_one_is_named(key: str) -> None:
    answer = call(services(), "POST", "/v1/uploads", UPLOADED, headers={"idempotency-key": key})
    assert answer.status == 422
    assert answer.body["errors"][0]["field"] == "header.idempotency-key"


def test_a_request_that_failed_may_be_mended_under_its_key() -> None:
    stores, key = services(), {"idempotency-key": "k1"}
    assert call(stores, "POST", "/v1/models", TRAINING, headers=key).status == 404
    stores.uploads.write("tenants/acme/uploads/u1/000.jpg", b"x")
    assert call(stores, "POST", "/v1/models", TRAINING, headers=key).status == 200


def test_a_new_key_s_text_is_not_kept_for_its_repetition() -> None:
    stores, key = services(), {"idempotency-key": "k1"}
    body = {"name": "server", "scopes": ["read"]}
    first = call(stores, "POST", "/v1/keys", body, headers=key).body
    again = call(stores, "POST", "/v1/keys", body, headers=key).body
    assert (again["id"], again["token"]) == (first["id"], None)
    assert first["token"] not in str(vars(stores.memory))


@pytest.mark.parametrize(
    ("limits", "path", "body", "wait"),
    [
        (Limits(requests_per_minute=1), "/v1/me", None, "60"),
        (
            Limits(trainings_per_day=0),
            "/v1/models",
            {"upload_id": "u1", "request": REQUEST},
            "43200",
        ),
    ],
)
def test_too_much_is_refused_until_a_time_that_is_told(
    limits: Limits, path: str, body: object, wait: str
) -> None:
    stores = services(limits)
    stores.uploads.write("tenants/acme/uploads/u1/000.jpg", b"x")
    method = "GET" if body is None else "POST"
    answers = [call(stores, method, path, body) for _ in range(2)]
    assert (answers[1].status, answers[1].body["code"]) == (429, "too_many_requests")
    assert answers[1].headers["Retry-After"] == wait


@pytest.mark.parametrize(
    ("quotas", "code", "wait"),
    [
        (Quotas(trainings_at_once=1), "too_many_trainings", "60"),
        (Quotas(usd_per_month=2), "monthly_budget_spent", f"{9 * 86400 + 43200}"),
    ],
)
def test_a_used_up_quota_begins_no_training(quotas: Quotas, code: str, wait: str) -> None:
    stores = services(Limits(quotas=quotas))
    stores.uploads.write("tenants/acme/uploads/u1/000.jpg", b"x")
    spent = job(1, estimate=Estimate(steps=1, seconds=1, usd=2.0))
    stores.jobs.records[spent.job_id] = spent  # type: ignore[attr-defined]
    answer = call(stores, "POST", "/v1/models", TRAINING)
    assert (answer.status, answer.body["code"]) == (429, code)
    assert answer.headers["Retry-After"] == wait
    assert len(stores.uploads.list("tenants/acme/", 9)) == 1, "no request was written"


OPERATIONS = sorted(
    (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
)
OPERATORS = re.compile(r".*\{case_id\}.*|/v1/appeals/\{appeal_id\}.+")
DOORS = [(how, path) for how, path in OPERATIONS if "{" in path and not OPERATORS.match(path)]
"""Doors to a tenant's things; a report belongs to no tenant (test_http_api_takedowns.py), and only
operators decide appeals (test_http_api_appeals.py)."""
MISSING = {name: value.replace("1", "9") for name, value in MINE.items()}
BODIES: dict[str, object] = {
    "/v1/uploads/{upload_id}/files": {"files": [{"type": "image/jpeg", "size": 9}], "first": 1},
    "/v1/models/{model_id}:approve": {"approved": True},
    "/v1/keys/{key_id}:rotate": {},
    "/v1/refusals/{refusal_id}:appeal": {},
    "/v1/members/{member_id}:role": {"role": "member"},
    "/v1/aliases/{alias}:promote": {"model_id": f"{1:032x}"},
    "/v1/pictures/{picture_id}:rate": {"stars": 5},
    "/v1/models/{model_id}/pictures": {"prompt": "a photo of sks person"},
}

MAKERS: dict[tuple[str, str], object] = {
    ("POST", "/v1/uploads"): {"files": [{"type": "image/jpeg", "size": 9}]},
    ("POST", "/v1/estimates"): {"photos": 9, "request": REQUEST},
    ("POST", "/v1/keys"): {"name": "k", "scopes": ["read"]},
    ("POST", "/v1/exports"): {"upload_id": MINE["upload_id"]},
    ("POST", "/v1/members"): {"email": "new@example.org"},
    ("POST", "/v1/webhooks"): {"url": "https://hooks.example.org/", "events": ["job.ended"]},
    ("DELETE", "/v1/me"): None,
}
"""Doors that name nothing of anybody, with a body that they take."""


def through(
    door: tuple[str, str], ids: dict[str, str], stores: Services, who: dict[str, str]
) -> Answer:
    method, path = door
    real = re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "0"), path)
    return call(stores, method, real, BODIES.get(path), who=who)


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
def test_the_owner_gets_through_every_door(door: tuple[str, str]) -> None:
    assert through(door, MINE, with_everything(), context("acme", *ALL)).status in {200, 202}


@pytest.mark.parametrize("door", DOORS, ids=" ".join)
@pytest.mark.parametrize("spell", [str, str.upper, quote, lambda i: f"..%2f..%2facme%2f{i}"])
def test_not_yours_and_not_there_are_the_same(door: tuple[str, str], spell: Any) -> None:
    stores = with_everything()
    before = dict(stores.uploads.objects), dict(stores.keys.rows)  # type: ignore[attr-defined]
    leaked = {name: spell(value) for name, value in MINE.items()}
    guessed = {name: spell(value) for name, value in MISSING.items()}
    theirs, nothing = (through(door, ids, stores, OTHER) for ids in (leaked, guessed))
    assert theirs == nothing
    assert theirs.status in {404, 422}
    assert before == (stores.uploads.objects, stores.keys.rows)  # type: ignore[attr-defined]


@pytest.mark.parametrize("door", OPERATIONS, ids=" ".join)
def test_nobody_gets_the_same_answer_everywhere(door: tuple[str, str]) -> None:
    answer = through(door, MINE, with_everything(), {})
    if " ".join(door) in OPEN:
        public = {"takedowns", "verifications"}
        assert answer.body == DOCUMENT or public & set(door[1].split("/"))
        assert answer.status in {200, 422}
        return
    assert (answer.status, answer.body["code"]) == (401, "unauthorized")


def test_a_browser_s_preflight_needs_no_credential() -> None:
    http = {"method": "OPTIONS", "path": "/v1/keys"}
    asked = {"rawPath": http["path"], "requestContext": {"requestId": "r1", "http": http}}
    assert APP.answer(asked, services())["statusCode"] == 204


def test_a_body_never_names_the_tenant() -> None:
    """No model of a request has a field in which a caller could write a tenant."""
    schemas = DOCUMENT["components"]["schemas"]
    requests = ("NewUpload", "FileToUpload", "NewTraining", "NewKey", "Rotation", "NewApproval")
    fields = {
        name for kind in (*requests, "TrainingRequest") for name in schemas[kind]["properties"]
    }
    parameters = {
        one["name"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for one in operation.get("parameters", [])
    }
    assert "tenant" not in fields | parameters


@pytest.mark.parametrize("scopes", [("read",), ("train",), ("draw",), ("erase",), ()])
def test_only_admins_touch_keys(scopes: tuple[Scope, ...]) -> None:
    stores = with_everything()
    for door in [one for one in OPERATIONS if "/keys" in one[1]]:
        made = {"name": "k", "scopes": ["read"]} if door == ("POST", "/v1/keys") else None
        path = door[1].replace("{key_id}", "1" * 16)
        body = BODIES.get(door[1], made)
        assert call(stores, door[0], path, body, who=context("acme", *scopes)).status == 403


def test_the_document_is_committed_as_it_is() -> None:
    for path in ("docs/openapi.json", "functions/http_api/openapi.json"):
        assert json.loads((ROOT / path).read_text()) == DOCUMENT, "run `make generated`"


def test_every_route_is_documented_and_says_what_it_returns() -> None:
    resolver: Any = APP.resolver
    known = resolver._static_routes + resolver._dynamic_routes  # noqa: SLF001
    routes = {(route.method, route.openapi_path) for route in known}
    assert set(OPERATIONS) == routes
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert operation["description"]
            assert operation["responses"]["200"]["content"]["application/json"]["schema"]
