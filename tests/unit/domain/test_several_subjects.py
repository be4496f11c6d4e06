"""Several subjects of one upload: which photos show whom, what each needs, and what it costs."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.documents.class_images import orders_of
from contracts.documents.consent_record import ConsentRecord
from contracts.documents.job import AcceptedUpload
from contracts.documents.upload.problems import RequestProblems
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import InvalidRequestError, PersonsMixedError, TooFewPhotosError
from contracts.shared import layout
from contracts.shared.steps import Dataset, count_steps
from domain.intake.accepting import accept_request
from domain.intake.inspection import inspect_photos
from domain.intake.services import IntakeServices
from domain.ports.storage import read_document
from domain.pricing.estimating import make_estimate
from domain.pricing.step_sharing import shares_steps
from domain.requests.consent import ConsentRules, refuse_consent
from domain.requests.merge import RequestSources, merge_sources
from domain.requests.request_json import RequestRefusedError
from tests.fakes.faces import MemoryFaceFinder, face
from tests.fakes.intake import NOW, announced, base_card, memory_intake, put_upload
from tests.unit.domain.test_consent import GIVEN, RULES
from tests.unit.domain.test_inspection import PlainDecoder, inspection_of, report_of
from tests.unit.training_kit import NOON

ANNA: dict[str, Any] = {
    "trigger_word": "zwx",
    "instance_prompt": "a photo of TOK woman",
    "class_prompt": "a photo of a woman",
    "folder": "Anna",
}
REX: dict[str, Any] = {
    "trigger_word": "rex",
    "instance_prompt": "a photo of rex dog",
    "class_prompt": "a photo of a dog",
}
TWO = {"subjects": [ANNA, REX]}
FILES = {f"Anna/{n}.jpg": b"anna %d" % n for n in range(6)} | {
    f"set/rex/{n}.jpg": b"rex %d" % n for n in range(5)
}


def request(**fields: Any) -> TrainingRequest:
    return TrainingRequest.model_validate(TWO | fields)


def accepted(intake: IntakeServices, files: dict[str, bytes], **fields: Any) -> AcceptedUpload:
    job = accept_request(announced(put_upload(intake, files, TWO | fields)), intake, NOW).job
    return read_document(
        intake.models, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )


def test_the_first_subject_gives_the_requests_own_fields() -> None:
    found = request()
    assert (found.trigger_word, found.class_prompt) == ("zwx", "a photo of a woman")
    assert found.trigger_words == ("zwx", "rex")
    assert (
        TrainingRequest.model_validate_json(found.model_dump_json(exclude_defaults=True)) == found
    )
    anna, rex = found.of_each()
    assert (rex.trigger_word, rex.instance_prompt, rex.subjects) == (
        "rex",
        "a photo of rex dog",
        (),
    )
    assert anna.subjects == ()


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"subjects": [ANNA]}, "one subject is described by the request itself"),
        (
            {"subjects": [ANNA, REX | {"trigger_word": "Zwx", "instance_prompt": "TOK"}]},
            "trigger_word is another subject's",
        ),
        (
            {"subjects": [ANNA, REX | {"trigger_word": "zwx rex", "instance_prompt": "TOK"}]},
            "subjects.0.trigger_word is another subject's too, or a part of it",
        ),
        (
            {"subjects": [ANNA, REX | {"instance_prompt": "rex beside zwx"}]},
            "subjects.1.instance_prompt names another subject too",
        ),
        ({"subjects": [ANNA, REX | {"instance_prompt": "a dog"}]}, "neither the subject's"),
        ({"subjects": [ANNA, REX | {"class_prompt": "a rex"}]}, "class_prompt names a subject"),
        ({"subjects": [ANNA, REX | {"folder": "Anna"}]}, "two subjects have the same folder"),
        ({"subjects": [ANNA | {"folder": "REX"}, REX]}, "two subjects have the same folder"),
        ({"subjects": [ANNA, REX | {"folder": "a/b"}]}, "String should match pattern"),
        ({"subjects": [ANNA | {"trigger_word": f"t{n}"} for n in range(5)]}, "at most 4 items"),
        (TWO | {"trigger_word": "sks"}, "remove them, or repeat those of the first"),
        (TWO | {"consent": GIVEN.model_dump()}, "each of them has its own"),
        (TWO | {"sample_prompts": ["TOK in Rome"]}, "TOK may be any of the subjects"),
        (TWO | {"sample_prompts": ["a dog in Rome"]}, "names none of the subjects"),
        (TWO | {"adapter_file": "a.safetensors"}, "subjects has no effect with adapter_file"),
    ],
)
def test_subjects_that_cannot_be_told_apart_are_refused(fields: dict[str, Any], part: str) -> None:
    with pytest.raises(ValidationError, match=part):
        TrainingRequest.model_validate(fields)


def test_the_folder_around_a_photo_says_whom_it_shows() -> None:
    found = accepted(memory_intake(), FILES)
    shown = {pin.key.rpartition("uploads/first/")[2]: pin.subject for pin in found.photos}
    assert shown == {name: int("rex" in name) for name in FILES}


@pytest.mark.parametrize(
    ("names", "problems"),
    [
        (
            ["Anna/1.jpg"] * 5 + ["rex/1.jpg"] * 5 + ["other/1.jpg", "1.jpg"],
            {"subjects": "2 of 12 photos are in no subject's folder."},
        ),
        (
            ["anna/1.jpg"] * 5 + ["7_rex dog/1.jpg"] * 4,
            {"subjects.1": "Photos in its folder: 4; each subject needs at least 5."},
        ),
        (["ANNA/new/1.jpg"] * 5 + ["up.zip/rex/1.jpg"] * 5, {}),
        (["Anna.zip/1.jpg"] * 5 + ["rex.tar.gz/1.jpg"] * 5, {}),
    ],
)
def test_photos_outside_the_folders_are_told(names: list[str], problems: dict[str, str]) -> None:
    sources = RequestSources(json.dumps(TWO).encode(), {}, names)
    found: dict[str, str] = {}
    try:
        merge_sources(sources)
    except RequestRefusedError as refusal:
        found = {problem.field: problem.message for problem in refusal.problems}
    assert found.keys() == problems.keys()
    assert all(found[field].startswith(text) for field, text in problems.items())


def test_folders_of_kohyas_form_alone_name_several_subjects() -> None:
    photos = [f"10_zwx woman/{n}.jpg" for n in range(5)] + [f"3_rex/{n}.jpg" for n in range(5)]
    found = merge_sources(RequestSources(b"{}", {}, photos))
    words = {one.trigger_word: one.class_prompt for one in found.request.subjects}
    assert words == {"zwx": "a photo of a woman", "rex": "a photo"}
    assert found.origins["subjects"] == "folder"
    body = json.dumps({"instance_prompt": "zwx and rex", "class_prompt": "a photo"})
    sources = RequestSources(body.encode(), {}, photos)
    with pytest.raises(RequestRefusedError) as caught:
        merge_sources(sources)
    assert "give each subject its own prompts in subjects" in caught.value.problems[0].message


def test_the_same_photos_of_other_subjects_are_another_job() -> None:
    swapped = {"Anna/0.jpg": b"rex 0", "set/rex/0.jpg": b"anna 0"}
    jobs = {accepted(memory_intake(), FILES | more).job.job_id for more in ({}, swapped)}
    assert len(jobs) == 2


def test_pictures_of_a_class_say_not_which_of_several_they_show() -> None:
    intake = memory_intake()
    with pytest.raises(InvalidRequestError):
        accepted(intake, FILES | {"class/1.jpg": b"a dog"})
    problems = read_document(
        intake.models, layout.models.problems_key("acme", "first"), RequestProblems
    ).problems
    assert "Remove these pictures" in problems[0].message
    one_class = [ANNA, REX | {"class_prompt": ANNA["class_prompt"]}]
    assert accepted(memory_intake(), FILES | {"class/1.jpg": b"x"}, subjects=one_class).class_photos


def inspected(files: dict[str, bytes], finder: MemoryFaceFinder) -> dict[int, list[Any]]:
    """Return the codes of the photos of each subject."""
    intake = memory_intake()
    upload = accepted(intake, files, face_checks="photos")
    services = replace(inspection_of(intake, PlainDecoder()), faces=finder)
    inspect_photos(upload.job, services, NOW)
    photos = report_of(intake, upload.job).photos
    return {n: [photo.codes for photo in photos if photo.subject == n] for n in (0, 1)}


def test_each_subjects_photos_are_compared_with_one_another_only() -> None:
    dogs = {b"rex %d" % n: (face(5),) for n in range(5)}
    found = inspected(FILES, MemoryFaceFinder(dogs))
    assert found == {0: [()] * 6, 1: [()] * 5}
    stranger = dogs | {b"anna 3": (face(7),)}
    found = inspected(FILES, MemoryFaceFinder(stranger))
    assert sorted(found[0]) == [()] * 5 + [("other_person",)]
    with pytest.raises(PersonsMixedError):
        inspected(FILES, MemoryFaceFinder({b"rex %d" % n: (face(n),) for n in range(5)}))


def test_too_few_good_photos_of_one_subject_are_too_few() -> None:
    with pytest.raises(TooFewPhotosError) as caught:
        inspected(FILES | {"set/rex/0.jpg": b"refuse blank_image"}, MemoryFaceFinder())
    assert caught.value.facts["found"] == 4


def test_only_people_need_a_consent_and_each_their_own() -> None:
    anna, bob = ANNA | {"consent": GIVEN}, REX | {"class_prompt": "a man", "trigger_word": "bob"}
    bob |= {"instance_prompt": "bob"}

    def refusal(*subjects: dict[str, Any]) -> tuple[str, list[str]] | None:
        found = refuse_consent(request(subjects=subjects), RULES, NOON)
        return None if found is None else (found.code, [one.field for one in found.problems])

    old = GIVEN.model_copy(update={"expires_at": NOON})
    assert refusal(anna, REX) is None
    assert refusal(anna, bob) == ("consent_missing", ["subjects.1.consent"])
    assert refusal(anna, bob | {"consent": old}) == (
        "consent_expired",
        ["subjects.1.consent.expires_at"],
    )
    assert refusal(anna, bob | {"consent": GIVEN}) is None


def test_every_consent_is_kept_and_the_first_to_end_ends_all() -> None:
    intake = replace(memory_intake(), consent=ConsentRules(True, "2026-11", 30))
    later = GIVEN.model_copy(update={"given_by": "b", "expires_at": NOON + timedelta(days=700)})
    people = [
        ANNA | {"consent": later.model_dump(mode="json")},
        REX | {"class_prompt": "a man", "consent": GIVEN.model_dump(mode="json")},
    ]
    job = accepted(intake, FILES, subjects=people).job
    record = intake.consents.get(job.job_id)
    assert isinstance(record, ConsentRecord)
    assert (record.consent, record.others) == (later, (GIVEN,))
    assert record.ends == GIVEN.expires_at


def test_steps_and_price_follow_all_photos_and_every_class() -> None:
    card = base_card()
    dataset = Dataset((1,) * 11, subjects=(0,) * 6 + (1,) * 5)
    two, one = request(), TrainingRequest.model_validate(REX)
    budget = count_steps(two, card.training, dataset)
    assert (budget.held_out, budget.trained_photos, budget.steps) == (1, 10, 200)
    assert (budget.class_images, budget.drawn_class_images) == (200, 400)
    assert [order.class_prompt for order in orders_of(two, 64)] == list(two.class_prompts)
    seconds = [make_estimate(each, dataset, card, "ml.g5.2xlarge").seconds for each in (one, two)]
    assert seconds[0] < seconds[1]
    assert shares_steps(one, card)
    assert not shares_steps(two, card)
