"""Real people in the trainer: dlib's detector and judge, and the outline that keeps the hair."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

torch = pytest.importorskip("torch")

import numpy as np  # noqa: E402
from PIL import Image, ImageEnhance, ImageFilter, ImageOps  # noqa: E402

from contracts.base import GateFloors  # noqa: E402
from contracts.documents.training import TrainingTask  # noqa: E402
from contracts.documents.upload.request import TrainingRequest  # noqa: E402
from tests.fakes.people import ASTRONAUT, PRESIDENT, photo  # noqa: E402
from trainer.evaluation.gate import (  # noqa: E402
    Evidence,
    SamplingRequests,
    examine,
    floors_for,
)
from trainer.evaluation.judge import load_judge  # noqa: E402
from trainer.evaluation.ranking import MAX_SIMILARITY, edges, similarities  # noqa: E402
from trainer.faces.choice import (  # noqa: E402
    DETECTOR_VARIABLE,
    IMAGE_VARIABLE,
    detector_of,
)
from trainer.faces.dlib_faces import MIN_IDENTITY, WIDTH, DlibJudge  # noqa: E402
from trainer.model.sampling import SamplingRequest  # noqa: E402
from trainer.photos.background import GrabCutSegmenter  # noqa: E402
from trainer.photos.person import PersonSegmenter, segmenter_of  # noqa: E402
from trainer.photos.photos import square  # noqa: E402
from trainer.photos.pipeline import (  # noqa: E402
    ProcessedPhoto,
    crop_to_face,
    find_face,
    make_photo_pipeline,
)

pytestmark = pytest.mark.training

HAIR = (slice(20, 75), slice(150, 290))
"""Rows and columns of the astronaut's photo that are nearly all hair."""


def base(detector: str | None) -> Any:
    return SimpleNamespace(
        card=SimpleNamespace(face_detector=detector, judge=None, clip=None),
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


def test_the_image_s_own_detector_crops_where_the_card_names_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompts = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
    only = {"index": 0, "file": "1/000.png", "sha256": "0" * 64}
    wanted = {"request": prompts | {"face_crop": "auto"}, "photos": [only], "job_id": "1" * 32}
    task, pixels = TrainingTask.model_validate(wanted), np.asarray(photo(ASTRONAUT))
    codes = {}
    for detector in ("dlib", "none"):
        monkeypatch.setenv(IMAGE_VARIABLE, detector)
        pipeline = make_photo_pipeline(Path(), task, 64, base(None))
        whole = ProcessedPhoto(pixels, None, ())
        codes[detector] = crop_to_face(whole, find_face(pipeline, pixels), pipeline).codes
    assert codes == {"dlib": ("face_cropped",), "none": ()}


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


SIDE = 256


def sampled(*names: str) -> list[Image.Image]:
    """Return the upper squares of photos: they stand for pictures that an adapter drew."""
    whole = [photo(name) for name in names]
    upper = [image.crop((0, 0, image.width, min(image.size))) for image in whole]
    return [square(image, SIDE) for image in upper]


def evidence_of(subject: list[Image.Image], sample: Image.Image) -> Evidence:
    """Return pictures of a subject, one of a sample prompt, and one of the class."""
    requests = SamplingRequests(
        [SamplingRequest("sks", n) for n in range(len(subject))],
        [SamplingRequest("sks in a park", 9)],
        [SamplingRequest("a person", 10)],
    )
    drawn = np.stack([np.asarray(i, np.float32) / 255 for i in (*subject, sample, sample)])
    return Evidence(requests, drawn, drawn)


def test_pictures_are_ranked_by_likeness_and_a_copy_of_a_photo_is_refused() -> None:
    held_out, learnt = sampled(PRESIDENT[0]), sampled(PRESIDENT[1])
    floors = GateFloors(min_effect=0.0, min_identity=0.0)
    (stranger,) = sampled(ASTRONAUT)
    evidence = evidence_of([stranger, ImageOps.mirror(learnt[0])], held_out[0])
    report = examine(evidence, held_out, DlibJudge(), floors, learnt)
    assert [one.row for one in report.ranking] == [3, 2, 1]
    assert [one.file for one in report.ranking] == ["pictures/00.png", None, None]
    assert report.codes == ("gate_copies_photo",)
    assert report.photo_similarity == pytest.approx(1.0)
    assert report.ranking[1].photo_similarity == report.photo_similarity


def test_without_a_judge_pictures_are_compared_and_not_ranked() -> None:
    learnt = sampled(PRESIDENT[1])
    floors = GateFloors(min_effect=0.0)
    report = examine(evidence_of(learnt, learnt[0]), [], None, floors, learnt)
    assert (report.codes, report.ranking[0].identity) == ((), None)
    strict = floors.model_copy(update={"max_photo_similarity": 0.9})
    report = examine(evidence_of(learnt, learnt[0]), [], None, strict, learnt)
    assert report.codes == ("gate_copies_photo",)


def test_a_changed_copy_is_told_from_another_photo_of_the_same_person() -> None:
    one, *others = sampled(*PRESIDENT)
    copies = [one.filter(ImageFilter.GaussianBlur(3)), ImageEnhance.Brightness(one).enhance(1.3)]
    near, far = similarities(copies, [one]), similarities(others, [one])
    assert near is not None
    assert far is not None
    assert near.min() > MAX_SIMILARITY + 0.1
    assert far.max() < MAX_SIMILARITY - 0.5
    assert not edges(Image.new("RGB", (64, 64), "grey")).any()
    assert similarities(others, []) is None
