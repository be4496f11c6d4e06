"""Real people in the trainer: dlib's detector and judge, and the outline that keeps the hair."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402

from contracts.base import GateFloors  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from tests.fakes.people import ASTRONAUT, PRESIDENT, photo  # noqa: E402
from trainer.evaluation.gate import floors_for  # noqa: E402
from trainer.evaluation.judge import load_judge  # noqa: E402
from trainer.faces.choice import DETECTOR_VARIABLE, detector_of  # noqa: E402
from trainer.faces.dlib_faces import MIN_IDENTITY, WIDTH, DlibJudge  # noqa: E402
from trainer.photos.background import GrabCutSegmenter  # noqa: E402
from trainer.photos.person import PersonSegmenter, segmenter_of  # noqa: E402

pytestmark = pytest.mark.training

HAIR = (slice(20, 75), slice(150, 290))
"""Rows and columns of the astronaut's photo that are nearly all hair."""


def base(detector: str | None) -> Any:
    return SimpleNamespace(
        card=SimpleNamespace(face_detector=detector, judge=None),
        folder=None,
        device=torch.device("cpu"),
    )


@pytest.fixture(autouse=True)
def _no_choice_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DETECTOR_VARIABLE, raising=False)


def test_the_largest_face_and_its_eyes_are_found_in_the_photos_own_pixels() -> None:
    detector = detector_of(base("dlib"))
    assert detector is not None
    (face,) = detector.find(np.asarray(photo(ASTRONAUT)))
    assert 170 < face.left < 190
    assert 85 < face.height < 110
    assert face.eyes is not None
    assert [round(x, -1) for x, _ in face.eyes] == [200, 250]


def test_the_judge_that_comes_with_dlib_tells_people_apart() -> None:
    judge = load_judge(base("dlib"))
    assert isinstance(judge, DlibJudge)
    images = [photo(PRESIDENT[0]), photo(PRESIDENT[2]), photo(ASTRONAUT)]
    empty = photo(ASTRONAUT).crop((0, 260, 512, 512))
    identities = judge.identities([*images, empty])
    assert identities.shape == (4, WIDTH)
    assert not identities[3].any()
    same, other = (float(identities[0] @ identities[n]) for n in (1, 2))
    assert same > MIN_IDENTITY > other
    assert load_judge(base("haar")) is None


def test_the_judges_floor_holds_where_the_base_sets_none() -> None:
    judge = DlibJudge()
    assert floors_for(judge, GateFloors(min_effect=0.01)).min_identity == MIN_IDENTITY
    assert floors_for(judge, GateFloors(min_effect=0.01, min_identity=0.5)).min_identity == 0.5
    assert floors_for(None, GateFloors(min_effect=0.01)).min_identity is None


def test_the_outline_of_a_person_keeps_the_hair() -> None:
    pixels = np.asarray(photo(ASTRONAUT))
    mask = PersonSegmenter().subject(pixels, None)
    assert mask is not None
    assert mask.shape == pixels.shape[:2]
    assert float(mask[HAIR].mean()) > 0.7
    assert float(mask[:60, :60].mean()) < 0.1


@pytest.mark.parametrize(
    ("detector", "class_prompt", "kind"),
    [
        ("dlib", "a photo of a person", PersonSegmenter),
        ("dlib", "a photo of a dog", GrabCutSegmenter),
        ("drawn", "a photo of a person", GrabCutSegmenter),
    ],
)
def test_people_on_real_photos_have_a_segmenter_of_their_own(
    detector: str, class_prompt: str, kind: type
) -> None:
    request = TrainingRequest.model_validate(
        {"instance_prompt": "sks", "class_prompt": class_prompt, "background": "random"}
    )
    assert isinstance(segmenter_of(cast("Any", base(detector)), request), kind)
