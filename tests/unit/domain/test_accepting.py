"""An upload becomes one job, named by its content, or is refused with every problem."""

from dataclasses import replace
from typing import Any

import pytest

from contracts.documents.job import AcceptedUpload, PinnedObject, PinnedPhoto
from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError, InvalidUploadError, TooManyPhotosError
from contracts.shared import layout
from contracts.shared.limits import MAX_PHOTOS
from contracts.shared.pictures.picture_places import tenant_hash
from contracts.shared.words.allowed_texts import hash_of_texts, marker_of
from contracts.shared.words.name_list import hash_of, parse_names
from domain.intake.accepting import accept_request
from domain.intake.job_ids import name_job
from domain.intake.services import IntakeServices
from domain.intake.uploads import PinnedUpload
from domain.ports.storage import read_document, write_document
from tests.fakes.intake import (
    BASE_ID,
    NOW,
    REQUEST,
    announced,
    base_card,
    memory_intake,
    put_upload,
)
from tests.fakes.jobs import MemoryJobs
from tests.fakes.storage import MemoryStorage

PHOTOS = {f"{n}.jpg": bytes([n]) for n in range(5)}


def accepted_upload(intake: IntakeServices, job_id: str) -> AcceptedUpload:
    return read_document(intake.models, layout.models.accepted_upload_key(job_id), AcceptedUpload)


def test_an_upload_becomes_a_job_with_pinned_photos() -> None:
    intake = memory_intake()
    key = put_upload(intake, {**PHOTOS, "0.txt": b"smiling", ".DS_Store": b"x", "notes.txt": b"y"})
    answer = accept_request(announced(key), intake, NOW)
    assert answer.status == "accepted"
    pinned = accepted_upload(intake, answer.job.job_id).photos
    assert {pin.key.rpartition("/")[2] for pin in pinned} == set(PHOTOS)
    assert [pin.etag for pin in pinned] == sorted(pin.etag for pin in pinned)
    assert all(pin.version_id == "1" and pin.size == 1 for pin in pinned)
    assert [p.caption.key[-5:] for p in pinned if p.caption is not None] == ["0.txt"]


def test_the_same_content_twice_is_one_job() -> None:
    intake = memory_intake()
    first = accept_request(announced(put_upload(intake, PHOTOS), "arn:1"), intake, NOW)
    copied = {f"copy of {name}": body for name, body in PHOTOS.items()}
    key = put_upload(intake, copied, place=("acme", "second"))
    again = accept_request(announced(key, "arn:2"), intake, NOW)
    assert (first.status, again.status) == ("accepted", "repeat")
    assert first.job.job_id == again.job.job_id
    assert accepted_upload(intake, first.job.job_id).job.upload == "first"


def test_a_retried_stage_is_accepted_again_by_its_own_execution() -> None:
    intake = memory_intake()
    event = announced(put_upload(intake, PHOTOS))
    assert accept_request(event, intake, NOW) == accept_request(event, intake, NOW)


@pytest.mark.parametrize(
    "other",
    [
        {"place": ("other", "first")},
        {"request": {**REQUEST, "seed": 7}},
        {"request": {**REQUEST, "idempotency_key": "again"}},
        {"photos": {**PHOTOS, "5.jpg": b"new"}},
        {"photos": {**PHOTOS, "1.txt": b"a caption"}},
    ],
)
def test_other_content_is_another_job(other: dict[str, Any]) -> None:
    intake = memory_intake()
    first = accept_request(announced(put_upload(intake, PHOTOS)), intake, NOW)
    key = put_upload(intake, **{"photos": PHOTOS, **other})
    again = accept_request(announced(key), intake, NOW)
    assert first.job.job_id != again.job.job_id


def test_the_request_is_read_as_it_was_announced() -> None:
    intake = memory_intake()
    key = put_upload(intake, PHOTOS)
    put_upload(intake, {}, b"not json any more")
    assert accept_request(announced(key, version="1"), intake, NOW).status == "accepted"


@pytest.mark.parametrize("body", [b"not json", b"{}", b" " * 70_000])
def test_a_bad_request_leaves_its_problems_for_the_notice(body: bytes) -> None:
    intake = memory_intake()
    event = announced(put_upload(intake, PHOTOS, body))
    with pytest.raises(InvalidRequestError):
        accept_request(event, intake, NOW)
    key = layout.models.problems_key("acme", "first")
    assert read_document(intake.models, key, RequestProblems).problems
    assert isinstance(intake.jobs, MemoryJobs)
    assert intake.jobs.records == {}


def test_a_request_that_is_gone_is_a_problem() -> None:
    intake = memory_intake()
    with pytest.raises(InvalidRequestError):
        accept_request(announced("tenants/acme/uploads/first/request.json"), intake, NOW)


@pytest.mark.parametrize(
    "key",
    [
        "request.json",
        "tenants/a/uploads/b/c/request.json",
        "tenants/../uploads/b/request.json",
        "tenants/a b/uploads/b/request.json",
        "tenants/a%20b/uploads/b/request.json",
        "tenants/a/uploads/b/request.json\n",
        "tenants/-a/uploads/b/request.json",
    ],
)
def test_a_request_in_the_wrong_place_is_refused(key: str) -> None:
    with pytest.raises(InvalidUploadError):
        accept_request(announced(key), memory_intake(), NOW)


def test_too_many_photos_are_refused_before_they_are_read() -> None:
    intake = memory_intake()
    photos = {f"{n}.jpg": b"x" for n in range(MAX_PHOTOS + 1)}
    with pytest.raises(TooManyPhotosError) as caught:
        accept_request(announced(put_upload(intake, photos)), intake, NOW)
    assert caught.value.facts["found"] == MAX_PHOTOS + 1


def test_a_photo_that_vanishes_meanwhile_is_left_out() -> None:
    class Vanishing(MemoryStorage):
        def heads(self, keys: Any) -> Any:
            return super().heads(keys[1:])

    intake = memory_intake()
    intake = replace(intake, uploads=Vanishing())
    answer = accept_request(announced(put_upload(intake, PHOTOS)), intake, NOW)
    assert len(accepted_upload(intake, answer.job.job_id).photos) == len(PHOTOS) - 1


NAMED = {**REQUEST, "validation_prompts": ["a photo of FAMOUS-person"]}


@pytest.mark.parametrize("listed", ["Famous Person", hash_of("famous person")])
def test_a_name_on_the_list_is_not_trained(listed: str) -> None:
    intake = replace(memory_intake(), names=parse_names(listed))
    event = announced(put_upload(intake, PHOTOS, NAMED))
    with pytest.raises(InvalidRequestError) as caught:
        accept_request(event, intake, NOW)
    assert caught.value.facts["code"] == "name_refused"
    key = layout.models.problems_key("acme", "first")
    stored = read_document(intake.models, key, RequestProblems)
    assert [one.field for one in stored.problems] == ["sample_prompts"]
    assert "famous" not in stored.model_dump_json().lower()
    other = announced(put_upload(intake, PHOTOS, REQUEST))
    assert accept_request(other, intake, NOW).status == "accepted"


def test_a_text_that_an_operator_lets_through_is_trained_for_its_tenant_alone() -> None:
    intake = replace(memory_intake(), names=parse_names("Famous Person"))
    event = announced(put_upload(intake, PHOTOS, NAMED))
    owner = tenant_hash("globex")
    (text,) = NAMED["validation_prompts"]
    key = layout.models.allowed_key(marker_of(owner, hash_of_texts(owner, [text])))
    intake.models.write(key, b"")
    with pytest.raises(InvalidRequestError):
        accept_request(event, intake, NOW)
    owner = tenant_hash("acme")
    key = layout.models.allowed_key(
        marker_of(owner, hash_of_texts(owner, ["A photo of famous person"]))
    )
    intake.models.write(key, b"")
    assert accept_request(event, intake, NOW).status == "accepted"


WORDLESS = {**REQUEST, "autocaption": True}


def test_words_are_not_promised_where_nobody_can_write_them() -> None:
    intake = memory_intake()
    with pytest.raises(InvalidRequestError) as caught:
        accept_request(announced(put_upload(intake, PHOTOS, WORDLESS)), intake, NOW)
    assert caught.value.facts["code"] == "captioner_missing"


def test_another_captioner_makes_another_job_and_only_of_those_that_use_it() -> None:
    ids: dict[str, set[str]] = {"one": set(), "other": set()}
    for captioner, jobs in ids.items():
        intake = memory_intake(captioner)
        for request in (WORDLESS, REQUEST):
            event = announced(put_upload(intake, PHOTOS, request))
            jobs.add(accept_request(event, intake, NOW).job.job_id)
    assert len(ids["one"] & ids["other"]) == 1
    assert len(ids["one"] | ids["other"]) == 3


# --- the job's name -------------------------------------------------------------------------


def pin(etag: str, **changes: object) -> PinnedPhoto:
    fields = {"key": f"k/{etag}", "version_id": "1", "etag": etag, "size": 1}
    return PinnedPhoto.model_validate(fields | changes)


def upload(*photos: PinnedPhoto, class_photos: tuple[PinnedObject, ...] = ()) -> PinnedUpload:
    return PinnedUpload(photos, class_photos, request=None, settings=(), names=())


def plain(etag: str) -> PinnedObject:
    return PinnedObject(key=f"k/{etag}", version_id="1", etag=etag, size=1)


def test_the_same_upload_has_the_name_that_it_had_in_every_release() -> None:
    """Another name would train anew, and charge, what somebody uploads again."""
    photos = (pin("b", caption=plain("words"), mask=plain("mask")), pin("a"))
    request = TrainingRequest(**REQUEST, rank=4)
    some = upload(*photos, class_photos=(plain("y"), plain("x")))
    assert name_job("acme", some, request, "b" * 64) == "6fa6ab165853dc14f117f088859664c1"


def test_whatever_the_model_depends_on_is_in_its_name() -> None:
    request = TrainingRequest(**REQUEST)
    a, b = pin("a"), pin("b")
    names = {
        name_job(tenant, found, wished, models)
        for tenant, found, wished, models in (
            ("acme", upload(a, b), request, "base"),
            ("other", upload(a, b), request, "base"),
            ("acme", upload(a), request, "base"),
            ("acme", upload(pin("a", caption=plain("c")), b), request, "base"),
            ("acme", upload(pin("a", mask=plain("c")), b), request, "base"),
            ("acme", upload(a, b, class_photos=(plain("c"),)), request, "base"),
            ("acme", upload(a, b), TrainingRequest(**REQUEST, rank=4), "base"),
            ("acme", upload(a, b), request, "another base"),
        )
    }
    assert len(names) == 8


def test_the_order_and_the_places_of_photos_are_not_in_its_name() -> None:
    request = TrainingRequest(**REQUEST)
    one = upload(pin("a"), pin("b"), class_photos=(plain("x"), plain("y")))
    other = upload(
        pin("b", key="elsewhere", version_id="9", name="n"),
        pin("a"),
        class_photos=(plain("y"), plain("x")),
    )
    assert name_job("t", one, request, "m") == name_job("t", other, request, "m")
    message = TrainingRequest(**REQUEST, seed=0)
    assert name_job("t", one, message, "m") == name_job("t", one, request, "m"), "its default"


@pytest.mark.parametrize(
    ("detector", "request_", "crop"),
    [
        ("dlib", {"preset": "face"}, "crop"),
        ("dlib", {"preset": "face", "face_crop": "none"}, "none"),
        ("dlib", {"preset": "face", "require_face": False}, "none"),
        ("dlib", {"preset": "object"}, "none"),
        ("dlib", {}, "none"),
        ("drawn", {"preset": "face"}, "none"),
        (None, {"preset": "face"}, "auto"),
        (None, {"preset": "face", "require_face": False}, "none"),
        ("none", {"preset": "face"}, "none"),
    ],
)
def test_the_face_preset_crops_to_faces_where_the_base_can_find_them(
    detector: str | None, request_: dict[str, Any], crop: str
) -> None:
    intake = memory_intake()
    key = layout.bases.card_key(BASE_ID)
    write_document(intake.bases.storage, key, base_card(face_detector=detector))
    answer = accept_request(announced(put_upload(intake, PHOTOS, REQUEST | request_)), intake, NOW)
    stored = accepted_upload(intake, answer.job.job_id)
    assert stored.request.face_crop == crop
    assert ("face_crop" in stored.origins) is (crop != "none")
