"""Photos that an operator's classifier refuses are not trained, and the scores are kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from contracts.documents.photos import ContentScores, PhotoVerdict
from contracts.errors import PhotosRefusedError, TooFewPhotosError
from domain.intake.content import ContentJudges, Judge, judged
from domain.intake.inspection import inspect_photos
from domain.intake.remembered_faces import RememberedFaces
from domain.ports.classifier import Box
from domain.ports.faces import FoundFace
from tests.fakes.faces import MemoryFaceFinder, face
from tests.fakes.intake import NOW, memory_intake
from tests.unit.domain.test_inspection import (
    GOOD,
    PlainDecoder,
    accepted,
    inspection_of,
    report_of,
)

BAD, CHILD, SLOW = b"bad", b"child", b"slow"
ADULT_BOX, CHILD_BOX = (100.0, 100.0, 200.0, 200.0), (0.0, 0.0, 100.0, 100.0)


class MemoryClassifier:
    """Finds a label where a photo's bytes say so; remembers what it was asked."""

    def __init__(self, word: bytes) -> None:
        self.word, self.asked = word, list[tuple[bytes, tuple[Box, ...]]]()

    def classify(
        self, png: bytes, boxes: Sequence[Box] = ()
    ) -> tuple[Mapping[str, float], ...] | None:
        self.asked.append((png, tuple(boxes)))
        if png.startswith(SLOW):
            return None
        share = 0.96 if self.word in png else 0.02
        return tuple({"yes": share, "no": 1 - share} for _ in boxes or [CHILD_BOX])


def judges(
    finder: MemoryFaceFinder | None = None, thresholds: Mapping[str, float] = {}
) -> ContentJudges:
    return ContentJudges(
        Judge(MemoryClassifier(BAD), ("yes",), thresholds.get("filter", 0.5)),
        Judge(MemoryClassifier(CHILD), ("yes",), thresholds.get("ages", 0.9)),
        finder or MemoryFaceFinder(),
    )


def verdict_on(png: bytes, given: ContentJudges) -> PhotoVerdict:
    return judged(PhotoVerdict(index=3, verdict="accepted", codes=("rotated",)), png, given)


def test_without_classifiers_a_verdict_stays_as_it_is() -> None:
    photo = PhotoVerdict(index=0, verdict="accepted")
    assert judged(photo, BAD, ContentJudges()) is photo


def test_a_good_photo_keeps_its_codes_and_gets_scores() -> None:
    photo = verdict_on(b"pixels", judges())
    assert (photo.verdict, photo.codes) == ("accepted", ("rotated",))
    assert photo.content == ContentScores(refused=0.02, under_18=0.02)


@pytest.mark.parametrize(
    ("png", "code", "scores"),
    [
        (BAD, "photo_not_allowed", ContentScores(refused=0.96)),
        (CHILD, "photo_of_minor", ContentScores(refused=0.02, under_18=0.96)),
        (SLOW, "not_inspected", ContentScores()),
    ],
)
def test_a_refusal_has_its_code_and_what_was_scored(
    png: bytes, code: str, scores: ContentScores
) -> None:
    photo = verdict_on(png, judges())
    assert (photo.index, photo.verdict, photo.codes) == (3, "refused", (code,))
    assert photo.content == scores


@pytest.mark.parametrize(("png", "name"), [(BAD, "filter"), (CHILD, "ages")])
@pytest.mark.parametrize(("threshold", "refused"), [(0.96, True), (0.961, False)])
def test_a_photo_is_refused_from_the_threshold_on(
    png: bytes, name: str, threshold: float, *, refused: bool
) -> None:
    assert (verdict_on(png, judges(thresholds={name: threshold})).verdict == "refused") == refused


def test_ages_are_of_faces_with_a_margin_and_the_youngest_counts() -> None:
    both = (face(1, box=ADULT_BOX), face(2, box=CHILD_BOX))
    given = judges(MemoryFaceFinder({CHILD: both}))
    assert verdict_on(CHILD, given).codes == ("photo_of_minor",)
    assert given.ages is not None
    classifier = given.ages.classifier
    assert isinstance(classifier, MemoryClassifier)
    assert classifier.asked == [(CHILD, ((75, 75, 225, 225), (-25, -25, 125, 125)))]


@pytest.mark.parametrize(
    ("faces", "codes"), [((), ("rotated",)), (None, ("not_inspected",))]
)  # fmt: skip
def test_without_a_face_there_is_no_age_and_a_search_without_an_end_is_no_pass(
    faces: tuple[FoundFace, ...] | None, codes: tuple[str, ...]
) -> None:
    assert verdict_on(CHILD, judges(MemoryFaceFinder({CHILD: faces}))).codes == codes


def inspected(
    photos: dict[str, bytes], **request: object
) -> Callable[[], tuple[PhotoVerdict, ...]]:
    """Return a function that inspects an upload with both classifiers."""
    intake = memory_intake()
    job = accepted(intake, photos, **request)
    services = replace(inspection_of(intake, PlainDecoder()), judges=judges())

    def inspect() -> tuple[PhotoVerdict, ...]:
        try:
            inspect_photos(job, services, NOW)
        finally:
            inspect.report = report_of(intake, job)  # type: ignore[attr-defined]
        return report_of(intake, job).photos

    return inspect


def test_refused_photos_are_named_in_the_report_and_the_others_are_trained() -> None:
    photos = inspected({**GOOD, "5.jpg": BAD, "6.jpg": CHILD})()
    refusals = {photo.codes: photo.content for photo in photos if photo.verdict == "refused"}
    assert set(refusals) == {("photo_not_allowed",), ("photo_of_minor",)}
    assert all(refusals.values())
    assert sum(photo.verdict == "accepted" for photo in photos) == len(GOOD)


def test_refused_photos_count_as_any_refused_photo_does() -> None:
    few = dict(list(GOOD.items())[:4])
    with pytest.raises(TooFewPhotosError):
        inspected({**few, "5.jpg": BAD})()
    with pytest.raises(PhotosRefusedError):
        inspected({**GOOD, "5.jpg": CHILD}, on_reject="fail")()


def test_pictures_of_the_class_pass_the_same_filter() -> None:
    classes = {f"class/{n}.jpg": f"class {n}".encode() for n in range(3)}
    inspect = inspected({**GOOD, **classes, "class/9.jpg": BAD})
    inspect()
    report = inspect.report  # type: ignore[attr-defined]
    assert len(report.class_photos) == len(classes)
    assert "class_photos_ignored" in report.codes


def test_faces_of_a_photo_are_looked_for_once() -> None:
    finder = MemoryFaceFinder()
    remembered = RememberedFaces(finder)
    remembered.begin()
    assert remembered.find(b"one") == remembered.find(b"one") == (face(1),)
    remembered.find(b"two")
    assert (finder.seen, remembered.seconds) == ([b"one", b"two"], 2.0)
