"""Faces at intake: one clear face on each photo, one person on all."""

from dataclasses import replace

import pytest

from contracts.documents.job import AcceptedUpload
from contracts.documents.photos import FaceMetrics, PhotoReport, PhotoVerdict
from contracts.documents.upload.request import TrainingRequest
from contracts.errors import PersonsMixedError, TooFewPhotosError
from contracts.shared import layout
from contracts.shared.limits import MAX_FACES_SECONDS
from contracts.shared.people.thresholds import DEFAULTS, IntakeThresholds
from domain.intake.faces import (
    FaceServices,
    advice_on_variety,
    check_faces,
    groups_of,
    looks_for_faces,
)
from domain.intake.inspection import inspect_photos
from domain.ports.storage import read_document
from tests.fakes.faces import MemoryFaceFinder, face
from tests.fakes.intake import NOW, REQUEST, base_card, memory_intake
from tests.fakes.storage import MemoryStorage
from tests.unit.domain.test_inspection import PlainDecoder, accepted, inspection_of, report_of


def inspected(finder: MemoryFaceFinder, photos: int = 6, **request: object) -> PhotoReport:
    """Return the report, also when the stage fails."""
    intake = memory_intake()
    files = {f"{n}.jpg": b"photo %d" % n for n in range(photos)}
    job = accepted(intake, files, **{"face_checks": "photos", **request})
    services = replace(inspection_of(intake, PlainDecoder()), faces=finder)
    try:
        inspect_photos(job, services, NOW)
    except (PersonsMixedError, TooFewPhotosError) as error:
        raised.append(error)
    upload = read_document(
        intake.models, layout.models.accepted_upload_key(job.job_id), AcceptedUpload
    )
    report = report_of(intake, job)
    # Photos are pinned in another order than their names'.
    names = {photo.index: upload.photos[photo.index].key for photo in report.photos}
    in_order = sorted(report.photos, key=lambda photo: names[photo.index])
    return report.model_copy(update={"photos": tuple(in_order)})


raised: list[Exception] = []


@pytest.fixture(autouse=True)
def _nothing_raised() -> None:
    raised.clear()


def codes(report: PhotoReport) -> list[tuple[str, ...]]:
    return [photo.codes for photo in report.photos]


def test_three_photos_of_one_person_and_three_of_another_are_named() -> None:
    second = {b"photo %d" % n: (face(5),) for n in (1, 3, 5)}
    report = inspected(MemoryFaceFinder(second))
    refused = [photo.verdict == "refused" for photo in report.photos]
    assert refused in ([False, True] * 3, [True, False] * 3)
    assert [code for code in codes(report) if code] == [("other_person",)] * 3
    assert isinstance(raised[0], PersonsMixedError)
    assert raised[0].facts["people"] == 2


def test_a_stray_photo_of_somebody_else_is_left_out() -> None:
    report = inspected(MemoryFaceFinder({b"photo 0": (face(9),)}))
    assert codes(report) == [("other_person",)] + [()] * 5
    assert raised == []


def test_the_largest_face_is_taken_unless_another_is_nearly_as_large() -> None:
    beside = {b"photo 0": (face(1, 200), face(7, 100)), b"photo 1": (face(1, 200), face(7, 170))}
    report = inspected(MemoryFaceFinder(beside), photos=7)
    assert codes(report)[:2] == [("other_faces",), ("ambiguous_faces",)]


@pytest.mark.parametrize(
    ("faces", "code"),
    [
        ((), "no_face"),
        ((face(1, share=0.1),), "face_small"),
        ((face(1, clarity=0.2),), "face_unclear"),
        ((face(1, turn=-0.5),), "face_turned"),
        ((face(1, upright=False),), "face_turned"),
        ((face(1, iris_contrast=0.1),), "eyes_hidden"),
        ((face(1, iris_contrast=0.1, turn=0.5),), "face_turned"),
        ((face(1, iris_contrast=0.1, clarity=0.2),), "face_unclear"),
    ],
)
def test_each_photo_gets_a_verdict_on_its_face(faces: tuple[object, ...], code: str) -> None:
    report = inspected(MemoryFaceFinder({b"photo 2": faces}))  # type: ignore[dict-item]
    assert codes(report)[2] == (code,)
    assert (report.photos[2].verdict == "refused") == (code == "no_face")


def test_a_face_from_the_side_is_not_compared() -> None:
    aside = {b"photo 0": (face(9, upright=False),)}
    assert codes(inspected(MemoryFaceFinder(aside)))[0] == ("face_turned",)


def test_a_report_holds_no_embedding() -> None:
    report = inspected(MemoryFaceFinder({b"photo 0": (face(0.123456789),)}))
    assert "embedding" not in report.model_dump_json()
    assert "0.1234" not in report.model_dump_json()


def test_a_photo_that_a_limit_ended_is_used_and_said_so() -> None:
    report = inspected(MemoryFaceFinder({b"photo 3": None}))
    assert codes(report)[3] == ()
    assert "faces_not_checked" in report.codes


def test_no_photo_is_looked_at_after_the_time_for_all() -> None:
    class Slow(MemoryFaceFinder):
        @property
        def seconds(self) -> float:
            return len(self.seen) * MAX_FACES_SECONDS / 2

    finder = Slow()
    assert "faces_not_checked" in inspected(finder).codes
    assert len(finder.seen) == 3


@pytest.mark.parametrize(
    ("options", "detector", "looks"),
    [
        ({}, None, True),
        ({}, "dlib", True),
        ({}, "drawn", False),
        ({}, "none", False),
        ({"face_checks": "photos"}, "drawn", True),
        ({"face_checks": "off"}, None, False),
        ({"require_face": False}, None, False),
        ({"class_prompt": "a photo of a dog"}, None, False),
        ({"class_prompt": "a photo of a dog", "require_face": True}, None, True),
    ],
)
def test_real_faces_are_looked_for_where_photos_show_people(
    options: dict[str, object], detector: str | None, looks: bool
) -> None:
    request = TrainingRequest.model_validate({**REQUEST, **options})
    card = base_card(face_detector=detector)
    assert looks_for_faces(request, card) is looks


def test_groups_are_joined_by_their_mean_distance() -> None:
    chain = [(0.5 * n, 0.0) for n in range(6)]
    assert len({*groups_of(chain)}) > 1, "a chain of near neighbours is not one person"
    assert groups_of([]) == []
    assert groups_of([(0.0,), (0.59,)]) == [1, 1], "strangers are 0.8 apart, one person up to 0.44"
    assert groups_of([(0.0,), (0.61,)]) == [1, 2]


def views(turns: tuple[float, ...], shares: tuple[float, ...]) -> MemoryFaceFinder:
    """Return a finder whose photos of one person have these turns and shares."""
    pairs = zip(turns, shares, strict=True)
    faces = {b"photo %d" % n: (face(1, turn=t, share=s),) for n, (t, s) in enumerate(pairs)}
    return MemoryFaceFinder(dict(faces))


@pytest.mark.parametrize(
    ("turns", "shares", "advised"),
    [
        ((0, 0.02, 0.04, 0.06, 0.08), (0.2, 0.3, 0.4, 0.5, 0.6), {"same_angle"}),
        ((-0.2, 0, 0, 0, 0), (0.3, 0.31, 0.33, 0.35, 0.38), {"same_distance"}),
        ((-0.1, 0, 0, 0, 0), (0.2, 0.3, 0.3, 0.3, 0.3), set()),
        ((0.5, 0.5, 0.5, 0.5, 0.5), (0.2, 0.3, 0.3, 0.3, 0.3), set()),
    ],
)
def test_faces_of_one_angle_or_one_size_are_advice_on_the_set(
    turns: tuple[float, ...], shares: tuple[float, ...], advised: set[str]
) -> None:
    report = inspected(views(turns, shares), photos=5)
    assert {*report.codes} - {"few_photos"} == advised
    assert raised == []


def test_copies_of_a_photo_are_no_further_view() -> None:
    finder = views((-0.3, 0.0, 0.0, 0.0, 0.0, 0.0), (0.5,) * 6)
    photos = [
        PhotoVerdict(index=n, verdict="accepted", file=f"{n}.png", face=METRICS) for n in range(6)
    ]
    found = {n: finder.faces[b"photo %d" % n] or () for n in range(6)}
    assert advice_on_variety(photos, found, DEFAULTS) == ("same_distance",)
    photos[0] = photos[0].model_copy(update={"codes": ("similar_photo",)})
    assert advice_on_variety(photos, found, DEFAULTS) == ("same_angle", "same_distance")
    photos[1] = photos[0].model_copy(update={"index": 1})
    assert advice_on_variety(photos, found, DEFAULTS) == ()


METRICS = FaceMetrics(share=0.5, clarity=0.9, score=1.0)


@pytest.mark.parametrize(("photos", "few"), [(5, True), (9, True), (10, False)])
def test_five_photos_are_enough_and_ten_are_advised(photos: int, few: bool) -> None:
    assert ("few_photos" in inspected(MemoryFaceFinder(), photos=photos).codes) is few


def test_an_unclear_face_is_refused_where_the_request_demands_a_clear_one() -> None:
    unclear = {b"photo 2": (face(1, clarity=0.5),)}
    report = inspected(MemoryFaceFinder(unclear), min_face_clarity=0.6)
    assert max(codes(report)) == ("face_too_unclear",)
    assert sum(photo.verdict == "refused" for photo in report.photos) == 1
    assert not any(codes(inspected(MemoryFaceFinder(unclear))))


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"min_face_share": 1.0}, "face_small"),
        ({"clear_face": 1.0}, "face_unclear"),
        ({"max_person_distance": 0.0}, "other_person"),
    ],
)
def test_an_operators_limits_decide_about_faces(limits: dict[str, float], code: str) -> None:
    photos = tuple(PhotoVerdict(index=n, verdict="accepted", file=f"{n}.png") for n in range(6))
    storage = MemoryStorage("uploads")
    for photo in photos:
        storage.write(
            layout.uploads.accepted_prefix("job") + str(photo.file), b"photo %d" % photo.index
        )
    found = {b"photo %d" % n: (face(0.1 * n),) for n in range(6)}
    services = FaceServices(
        storage, MemoryFaceFinder(found), "job", thresholds=IntakeThresholds(**limits)
    )
    checked = check_faces(photos, services)
    assert code in {each for photo in checked.photos for each in photo.codes}
