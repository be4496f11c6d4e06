"""The verdict on one photo before a training is that of InspectPhotos for the same photo."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from contracts.codes import CODES
from contracts.documents.api.uploads import PhotoInspected, PhotoToInspect
from contracts.shared.limits import MAX_SIDE
from contracts.shared.people.thresholds import IntakeThresholds
from domain.intake.normalisation import MAX_PHOTO_BYTES
from domain.intake.one_photo import COMPARED_SIDE, OnePhotoServices, inspect_one_photo
from domain.ports.decoder import DecodedPhoto, DecodeLimits, PhotoMetrics
from domain.ports.faces import FoundFace
from tests.fakes.faces import MemoryFaceFinder, face
from tests.fakes.intake import memory_intake
from tests.unit.domain.test_content import judges
from tests.unit.domain.test_inspection import PlainDecoder

PREFIX = "tenants/acme/uploads/first/"
GOOD = PhotoMetrics(sharpness=500, brightness=128, contrast=50, fingerprint=0)
OTHER = GOOD._replace(fingerprint=2**64 - 1)
METRICS = {
    b"dark": OTHER._replace(brightness=5),
    b"like": GOOD,
    b"other": OTHER,
    b"dull": OTHER._replace(sharpness=1),
}


class MeasuringDecoder(PlainDecoder):
    """A PlainDecoder that measures the photos above; every other photo is a good one."""

    def decode(self, body: bytes, limits: DecodeLimits) -> DecodedPhoto:
        return super().decode(body, limits)._replace(metrics=METRICS.get(body, GOOD))


class CountingFinder(MemoryFaceFinder):
    """Remembers whether it was told to start before the photo was decoded."""

    def __init__(self, faces: Mapping[bytes, tuple[FoundFace, ...] | None] | None = None) -> None:
        super().__init__(faces)
        self.begun = 0

    def begin(self) -> None:
        self.begun += 1


class Bench:
    """The photos of one upload, and what judges them."""

    def __init__(
        self,
        faces: Mapping[bytes, tuple[FoundFace, ...] | None] | None = None,
        *,
        looks_for_faces: bool = True,
        thresholds: IntakeThresholds | None = None,
    ) -> None:
        intake = memory_intake()
        self.uploads, self.decoder = intake.uploads, MeasuringDecoder()
        self.finder = CountingFinder(faces)
        self.services = OnePhotoServices(
            intake.uploads,
            intake.bases,
            self.decoder,
            self.finder if looks_for_faces else None,
            thresholds or IntakeThresholds(),
        )

    def inspect(
        self,
        photo: bytes,
        compared: bytes | None = None,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> PhotoInspected:
        """Store the photos and judge the first one, which is photo 3."""
        asked = {"number": 3, "key": f"{PREFIX}3.jpg", "preset": "face", **options}
        self.uploads.write(f"{PREFIX}3.jpg", photo)
        if compared is not None:
            self.uploads.write(f"{PREFIX}0.jpg", compared)
            asked["compared"] = f"{PREFIX}0.jpg"
        return inspect_one_photo(PhotoToInspect.model_validate(asked), self.services)


def hints(*codes: str) -> tuple[str, ...]:
    return tuple(CODES[code].hint for code in codes)


def test_a_good_photo_is_accepted_without_advice() -> None:
    bench = Bench()
    found = bench.inspect(b"photo", b"other")
    assert found == PhotoInspected(
        number=3, verdict="accepted", codes=(), advice=(), width=80, height=96
    )
    assert bench.finder.begun == 1
    assert bench.finder.seen == [b"photo", b"other"]


def test_what_was_repaired_is_said_and_needs_no_advice() -> None:
    found = Bench().inspect(b"turn")
    assert (found.verdict, found.codes, found.advice) == ("repaired", ("rotated",), ())


@pytest.mark.parametrize(
    ("photo", "code"),
    [(b"refuse damaged_image", "damaged_image"), (b"refuse too_small", "too_small")],
)
def test_what_cannot_be_decoded_is_refused_and_no_face_is_looked_for(
    photo: bytes, code: str
) -> None:
    bench = Bench()
    found = bench.inspect(photo, b"other")
    assert found == PhotoInspected(number=3, verdict="refused", codes=(code,), advice=hints(code))
    assert bench.finder.seen == []


def test_a_photo_that_is_gone_or_too_large_is_refused() -> None:
    bench = Bench()
    asked = PhotoToInspect(number=0, key=f"{PREFIX}gone.jpg")
    assert inspect_one_photo(asked, bench.services).codes == ("photo_missing",)
    assert bench.inspect(bytes(MAX_PHOTO_BYTES)).verdict == "accepted"
    assert bench.inspect(bytes(MAX_PHOTO_BYTES + 1)).codes == ("too_many_bytes",)


def test_a_photo_below_the_stack_s_quality_is_refused() -> None:
    strict = Bench(thresholds=IntakeThresholds(quality_threshold=0.5))
    assert strict.inspect(b"dull").codes == ("low_quality",)
    assert strict.inspect(b"photo").verdict == "accepted"


def test_light_and_likeness_to_the_other_photo_are_advised_on() -> None:
    bench = Bench()
    dark = bench.inspect(b"dark", b"photo")
    assert (dark.codes, dark.advice) == (("too_dark",), hints("too_dark"))
    assert bench.inspect(b"like", b"photo").codes == ("similar_photo",)
    assert bench.inspect(b"like").codes == ()


@pytest.mark.parametrize(
    ("faces", "verdict", "code"),
    [
        ((), "refused", "no_face"),
        ((face(1, 200), face(2, 190)), "refused", "ambiguous_faces"),
        ((face(1, 200), face(2, 90)), "accepted", "other_faces"),
        ((face(1, share=0.1),), "accepted", "face_small"),
        ((face(1, upright=False),), "accepted", "face_turned"),
        (None, "accepted", "faces_not_checked"),
        ((face(7),), "refused", "other_person"),
    ],
)
def test_the_face_is_judged_as_at_intake(
    faces: tuple[FoundFace, ...] | None, verdict: str, code: str
) -> None:
    found = Bench({b"photo": faces}).inspect(b"photo", b"other")
    assert (found.verdict, found.codes, found.advice) == (verdict, (code,), hints(code))


def test_a_face_of_the_stack_s_own_limit_is_small() -> None:
    own = Bench({b"photo": (face(1, share=0.4),)}, thresholds=IntakeThresholds(min_face_share=0.5))
    assert own.inspect(b"photo").codes == ("face_small",)


def test_how_far_two_people_are_apart_is_the_stack_s_own_limit() -> None:
    faces = {b"photo": (face(1.4),)}
    assert Bench(faces).inspect(b"photo", b"other").verdict == "accepted"
    own = IntakeThresholds(max_person_distance=0.3)
    assert Bench(faces, thresholds=own).inspect(b"photo", b"other").codes == ("other_person",)


@pytest.mark.parametrize(
    ("photo", "compared"),
    [
        (b"aside", b"other"),  # a face from the side is compared with none
        (b"photo", b"aside"),
        (b"photo", b"empty"),  # nor with a photo without a face
        (b"photo", b"unseen"),
        (b"photo", b"refuse damaged_image"),
        (b"photo", None),
    ],
)
def test_only_two_faces_from_the_front_are_compared(photo: bytes, compared: bytes | None) -> None:
    faces: dict[bytes, tuple[FoundFace, ...] | None] = {
        b"photo": (face(7),),
        b"aside": (face(9, upright=False),),
        b"empty": (),
        b"unseen": None,
    }
    found = Bench(faces).inspect(photo, compared)
    assert found.verdict == "accepted"
    assert "other_person" not in found.codes


def test_the_photo_to_compare_with_may_be_gone() -> None:
    bench = Bench({b"photo": (face(7),)})
    bench.inspect(b"photo")
    asked = PhotoToInspect(
        number=3, key=f"{PREFIX}3.jpg", compared=f"{PREFIX}gone.jpg", preset="face"
    )
    assert inspect_one_photo(asked, bench.services).codes == ()


@pytest.mark.parametrize(
    ("options", "searched"),
    [
        ({"preset": "face"}, True),
        ({"preset": "object"}, False),
        ({"preset": "object", "face_checks": "photos"}, True),
        ({"preset": "face", "face_checks": "off"}, False),
    ],
)
def test_faces_are_looked_for_as_in_a_training_with_this_preset(
    options: dict[str, str], searched: bool
) -> None:
    bench = Bench({b"photo": ()})
    assert (bench.inspect(b"photo", options=options).codes == ("no_face",)) is searched
    assert bench.finder.begun == searched
    off = Bench({b"photo": ()}, looks_for_faces=False)
    assert off.inspect(b"photo", b"other", options).verdict == "accepted"


def test_the_other_photo_is_decoded_small_since_only_its_face_counts() -> None:
    bench = Bench()
    bench.inspect(b"photo", b"other")
    own, compared = bench.decoder.limits
    assert own.min_side == compared.min_side == 64
    assert (own.max_side, compared.max_side) == (MAX_SIDE, COMPARED_SIDE)


@pytest.mark.parametrize(
    ("photo", "code"), [(b"bad", "photo_not_allowed"), (b"child", "photo_of_minor")]
)
def test_one_photo_passes_the_filters_of_a_training_before_its_face_is_judged(
    photo: bytes, code: str
) -> None:
    bench = Bench()
    bench.services = replace(bench.services, judges=judges())
    answer = bench.inspect(photo)
    assert (answer.verdict, answer.codes) == ("refused", (code,))
    assert answer.advice == (CODES[code].hint,)
    assert bench.inspect(b"good").verdict == "accepted"
