"""What keeps a training from learning the wrong thing: faces, masks, photos kept apart, the gate.

Small tensors and pictures, no pipeline and no weights of a detector; runs in the training
environment.
"""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

from contracts.base import GateFloors  # noqa: E402
from contracts.documents.photos import PhotoVerdict  # noqa: E402
from contracts.documents.training import GateReport, TrainingTask  # noqa: E402
from contracts.documents.upload.photo_options import PhotoOptions  # noqa: E402
from contracts.shared.people.faces import names_a_person  # noqa: E402
from contracts.shared.rejection import PhotoRejectedError  # noqa: E402
from tests.smoke.trainer_kit import small_recipe  # noqa: E402
from trainer.evaluation.gate import (  # noqa: E402
    Evidence,
    SamplingRequests,
    examine,
    is_healthy,
    likeness,
    likeness_within,
    make_sampling_requests,
    measure_effect,
    missed_floors,
)
from trainer.export.adapter_files import to_diffusers  # noqa: E402
from trainer.faces import Face, advice_on, are_ambiguous, by_size, measure_face  # noqa: E402
from trainer.faces.choice import chosen_detector, detector_of  # noqa: E402
from trainer.model.lora import initial_lora_a  # noqa: E402
from trainer.model.sampling import SamplingRequest  # noqa: E402
from trainer.optimisation.step import divergence_at  # noqa: E402
from trainer.photos.captions import Descriptions  # noqa: E402
from trainer.photos.masks import face_mask, own_mask, to_weights  # noqa: E402
from trainer.photos.photos import Photo, read_picture, split  # noqa: E402
from trainer.photos.pipeline import PhotoPipeline, find_face, require_enough, with_codes  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

NEAR, FAR = Face(0, 0, 90, 100, 1.0), Face(200, 0, 40, 45, 0.9)
TWIN = Face(120, 0, 60, 80, 1.0)


# --- whose photo it is ------------------------------------------------------------------------


class Seen:
    """A detector that finds what a test says."""

    def __init__(self, *faces: Face) -> None:
        self.faces = faces

    def find(self, _pixels: Any) -> list[Face]:
        return list(self.faces)


def task(**options: object) -> TrainingTask:
    prompts = {"instance_prompt": "a photo of sks person", "class_prompt": "a photo of a person"}
    photo = {"index": 0, "file": "1/000.png", "sha256": "0" * 64}
    return TrainingTask.model_validate(
        {"job_id": "1" * 32, "request": prompts | options, "photos": [photo]}
    )


def room(*faces: Face, **options: object) -> PhotoPipeline:
    detector: Any = Seen(*faces)
    segmenter: Any = None
    return PhotoPipeline(Path(), task(**options), 64, detector, segmenter, Descriptions())


PIXELS = np.zeros((200, 300, 3), np.uint8)


def test_of_several_faces_the_largest_is_learnt() -> None:
    assert by_size([FAR, NEAR]) == [NEAR, FAR]
    assert find_face(room(FAR, NEAR), PIXELS) == NEAR


@pytest.mark.parametrize(("height", "ambiguous"), [(79.9, False), (80.0, True), (100.0, True)])
def test_a_second_face_of_eight_tenths_may_be_meant_as_well(height: float, ambiguous: bool) -> None:
    assert are_ambiguous([Face(0, 0, 9, height, 1.0), NEAR]) is ambiguous
    assert not are_ambiguous([NEAR])


@pytest.mark.parametrize(("faces", "code"), [((), "no_face"), ((NEAR, TWIN), "ambiguous_faces")])
def test_a_person_s_photo_without_one_clear_face_is_refused(
    faces: tuple[Face, ...], code: str
) -> None:
    with pytest.raises(PhotoRejectedError) as caught:
        find_face(room(*faces), PIXELS)
    assert caught.value.code == code
    assert find_face(room(*faces, require_face=False), PIXELS) is None
    assert find_face(room(*faces, class_prompt="a photo of a dog"), PIXELS) is None


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, True),
        ({"class_prompt": "a dog"}, False),
        ({"class_prompt": "a dog", "face_crop": "crop"}, True),
        ({"class_prompt": "a dog", "face_crop": "auto"}, False),
        ({"class_prompt": "a dog", "require_face": True}, True),
        ({"require_face": False}, False),
    ],
)
def test_a_face_is_needed_where_one_is_meant(options: dict[str, object], needed: bool) -> None:
    assert room(NEAR, **options).needs_face is needed


@pytest.mark.parametrize(
    ("words", "person"),
    [("a photo of a woman", True), ("a PORTRAIT", True), ("a mandarin", False), ("a human", True)],
)
def test_words_that_name_people_are_known(words: str, person: bool) -> None:
    assert names_a_person(words) is person


def test_a_face_is_measured_by_the_photo_s_shorter_side() -> None:
    found = measure_face(Face(0, 0, 40, 50, 0.91234), PIXELS)
    assert (found.share, found.score, found.clarity) == (0.25, 0.912, 0.0)
    assert advice_on(found) == ("face_unclear",)
    assert advice_on(found.model_copy(update={"share": 0.149, "clarity": 0.3})) == ("face_small",)
    assert advice_on(found.model_copy(update={"share": 0.15, "clarity": 0.3})) == ()


@pytest.mark.parametrize(
    ("others", "card", "chosen"),
    [
        ((None, None), None, "none"),
        ((None, None), "none", "none"),
        (("none", "dlib"), "haar", "none"),
        ((None, "dlib"), "haar", "haar"),
        ((None, "dlib"), "drawn", "drawn"),
        ((None, "dlib"), None, "dlib"),
        (("haar", "dlib"), None, "haar"),
    ],
)
def test_the_operator_chooses_a_detector_before_the_base_and_the_base_before_the_image(
    monkeypatch: pytest.MonkeyPatch,
    others: tuple[str | None, str | None],
    card: str | None,
    chosen: str,
) -> None:
    names = ("LIKENESS_FACE_DETECTOR", "LIKENESS_IMAGE_FACE_DETECTOR")
    for name, value in zip(names, others, strict=True):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    base: Any = SimpleNamespace(
        card=SimpleNamespace(face_detector=card), folder=Path(), device=torch.device("cpu")
    )
    assert chosen_detector(base) == chosen


def test_a_detector_that_nobody_knows_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIKENESS_FACE_DETECTOR", "eyes")
    base: Any = SimpleNamespace(
        card=SimpleNamespace(face_detector="haar"), folder=Path(), device=torch.device("cpu")
    )
    with pytest.raises(TrainingError) as caught:
        detector_of(base)
    assert caught.value.code == "face_detector_missing"
    assert caught.value.message == "the chosen face detector 'eyes' cannot be loaded"


# --- masks ------------------------------------------------------------------------------------


def test_what_the_mask_shows_counts_whole_and_the_rest_counts_the_floor() -> None:
    mask = np.array([[0.0, 0.5, 1.0]], np.float32)
    assert to_weights(mask, 0.2).tolist() == [[51, 153, 255]]
    assert to_weights(mask, 0.0).tolist() == [[0, 128, 255]]
    assert to_weights(mask, 1.0).tolist() == [[255, 255, 255]]


def test_a_face_s_mask_is_around_the_face() -> None:
    mask = face_mask(Face(40, 40, 20, 20, 1.0), 100, 100)
    assert (mask.shape, mask.dtype) == ((100, 100), np.float32)
    assert (mask[50, 50], mask[5, 5], mask.max()) == (1.0, 0.0, 1.0)
    assert mask[50, 36] == 1.0, "hair and chin belong to it"
    assert mask[50, 30] == 0.0


def picture_in(root: Path, image: Image.Image, name: str = "1/000.mask.png") -> dict[str, str]:
    path = root / "input" / "data" / "photos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return {"file": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def masked(root: Path, image: Image.Image) -> Any:
    stored = picture_in(root, image)
    given = task().photos[0].model_dump() | {"mask": stored}
    return type(task().photos[0]).model_validate(given)


def test_a_user_s_mask_is_read_white_is_learnt(tmp_path: Path) -> None:
    half = Image.new("L", (30, 20))
    half.paste(255, (15, 0, 30, 20))
    photo = masked(tmp_path, half)
    mask, codes = own_mask(tmp_path, photo, PIXELS, PhotoOptions())
    assert mask is not None
    assert (mask.shape, codes) == ((200, 300), ())
    assert (mask[100, 10], mask[100, 290]) == (0.0, 1.0)
    assert own_mask(tmp_path, photo, PIXELS, PhotoOptions(use_masks=False)) == (None, ())
    assert own_mask(tmp_path, task().photos[0], PIXELS, PhotoOptions()) == (None, ())


@pytest.mark.parametrize("image", [Image.new("L", (30, 30), 255), Image.new("L", (30, 20), 0)])
def test_a_mask_of_another_shape_or_of_nothing_is_ignored(
    tmp_path: Path, image: Image.Image
) -> None:
    photo = masked(tmp_path, image)
    assert own_mask(tmp_path, photo, PIXELS, PhotoOptions()) == (None, ("mask_ignored",))


# --- photos -----------------------------------------------------------------------------------


def photos(count: int) -> list[Photo]:
    image = Image.new("RGB", (8, 8))
    return [Photo(index=n, caption="", has_own_caption=False, image=image) for n in range(count)]


@pytest.mark.parametrize(
    ("count", "held_out"),
    [(5, []), (6, [5]), (10, [4, 9]), (23, [4, 9, 14, 19]), (40, [9, 19, 29, 39])],
)
def test_photos_that_are_kept_to_judge_by_are_not_learnt_from(
    count: int, held_out: list[int]
) -> None:
    learnt, kept = split(photos(count))
    assert [photo.index for photo in kept] == held_out
    assert [photo.index for photo in learnt] == [n for n in range(count) if n not in held_out]


def test_a_photo_that_is_not_what_was_accepted_is_not_read(tmp_path: Path) -> None:
    stored = picture_in(tmp_path, Image.new("RGB", (8, 8), "red"), "1/000.png")
    read = read_picture(tmp_path, stored["file"], stored["sha256"], "photo 0")
    assert (read.size, read.mode) == ((8, 8), "RGB")
    path = tmp_path / "input" / "data" / "photos" / "1/000.png"
    Image.new("RGB", (8, 8), "blue").save(path)
    for _ in range(2):
        with pytest.raises(TrainingError) as caught:
            read_picture(tmp_path, stored["file"], stored["sha256"], "photo 0")
        assert caught.value.code == "photo_changed"
        assert caught.value.message == "photo 0 is missing or is not the accepted file"
        path.unlink(missing_ok=True)
    path.write_bytes(b"no picture")
    digest = hashlib.sha256(b"no picture").hexdigest()
    with pytest.raises(TrainingError, match="photo 0 cannot be decoded"):
        read_picture(tmp_path, stored["file"], digest, "photo 0")


@pytest.mark.parametrize(
    ("refused", "accepted", "all_must_pass", "code"),
    [
        (0, 3, False, None),  # as few as InspectPhotos let through
        (1, 5, False, None),
        (1, 4, False, "too_few_photos"),
        (1, 9, True, "photos_refused"),
        (0, 9, True, None),
    ],
)
def test_a_training_goes_on_with_photos_enough(
    refused: int, accepted: int, all_must_pass: bool, code: str | None
) -> None:
    verdicts = tuple(
        PhotoVerdict(index=n, verdict="refused" if n < refused else "accepted")
        for n in range(refused + accepted)
    )
    if code is None:
        require_enough(verdicts, all_must_pass=all_must_pass)
        return
    with pytest.raises(TrainingError) as caught:
        require_enough(verdicts, all_must_pass=all_must_pass)
    assert (caught.value.code, caught.value.photos) == (code, verdicts)


def test_a_photo_that_was_changed_is_a_repaired_one() -> None:
    plain = PhotoVerdict(index=0, verdict="accepted", codes=("rotated",))
    assert with_codes(plain, ("mask_used",)).verdict == "accepted"
    for repair in ("face_cropped", "face_aligned", "padded", "background_changed"):
        found = with_codes(plain, ("mask_used", repair))
        assert (found.verdict, found.codes) == ("repaired", ("rotated", "mask_used", repair))


# --- the gate ---------------------------------------------------------------------------------

FLOORS = GateFloors(min_effect=0.1, min_identity=0.5, min_prompt_following=0.6, max_class_drift=0.3)
GOOD = {"effect": 0.1, "identity": 0.5, "prompt_following": 0.6, "class_drift": 0.3}


@pytest.mark.parametrize(
    ("measured", "codes"),
    [
        ({}, ()),
        ({"effect": 0.099}, ("gate_no_effect",)),
        ({"identity": 0.499}, ("gate_not_alike",)),
        ({"prompt_following": 0.599}, ("gate_ignores_prompt",)),
        ({"class_drift": 0.301}, ("gate_class_drift",)),
        ({"identity": None, "prompt_following": None, "class_drift": None}, ()),
        ({"identity": 0.0, "effect": 0.0}, ("gate_no_effect", "gate_not_alike")),
    ],
)
def test_each_floor_is_missed_by_what_is_below_it(
    measured: dict[str, float | None], codes: tuple[str, ...]
) -> None:
    report = GateReport.model_validate({"passed": False, **GOOD, **measured})
    assert missed_floors(report, FLOORS) == codes
    assert missed_floors(report, GateFloors(min_effect=0.0)) == ()


def evidence(without: Any, with_adapter: Any) -> Evidence:
    shots = SamplingRequests(
        [SamplingRequest("a", 1)], [SamplingRequest("b", 2)], [SamplingRequest("c", 3)]
    )
    return Evidence(shots, without, with_adapter)


def noisy(spread: float = 0.5) -> Any:
    return np.random.default_rng(0).random((3, 8, 8, 3), np.float32) * spread


def test_an_adapter_passes_when_it_misses_no_floor() -> None:
    plain = noisy()
    changed = plain.copy()
    changed[0] += 0.25
    report = examine(evidence(plain, changed), [], None, GateFloors(min_effect=0.2))
    assert (report.passed, report.codes) == (True, ())
    assert report.effect == pytest.approx(0.25)
    weak = examine(evidence(plain, plain), [], None, GateFloors(min_effect=0.2))
    assert (weak.passed, weak.codes, weak.effect) == (False, ("gate_no_effect",), 0.0)


def test_the_effect_is_measured_on_the_subject_alone() -> None:
    plain = noisy()
    changed = plain.copy()
    changed[1:] += 0.25
    assert measure_effect(evidence(plain, changed)) == 0.0
    assert [evidence(plain, plain).subject(), evidence(plain, plain).sample_prompts()] == [
        slice(0, 1),
        slice(1, 2),
    ]


@pytest.mark.parametrize("broken", ["flat", "nan", "inf"])
def test_broken_pictures_never_pass(broken: str) -> None:
    made = noisy()
    made[1] = {"flat": 0.5, "nan": np.nan, "inf": np.inf}[broken]
    assert not is_healthy(made)
    report = examine(evidence(noisy(), made), [], None, GateFloors(min_effect=0.0))
    assert (report.passed, report.codes) == (False, ("gate_broken_pictures",))
    assert report.effect == 0.0
    assert is_healthy(noisy())


def test_likeness_is_a_mean_of_cosines() -> None:
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert likeness(one, other) == 0.5
    assert likeness_within(other) == 0.0
    assert likeness_within(torch.tensor([[1.0, 0.0], [1.0, 0.0]])) == 1.0
    assert likeness_within(one) is None


def test_the_gate_looks_at_the_same_pictures_for_every_attempt() -> None:
    own = small_recipe()
    shots = make_sampling_requests(own, ["a wish"], None, "weights")
    assert [shot.seed for shot in shots.subject] == list(range(1000, 1008))
    assert [shot.seed for shot in shots.of_class] == list(range(1000, 1008))
    assert [(shot.prompt, shot.seed) for shot in shots.sample_prompts] == [("a wish", 1000)]
    assert {shot.prompt for shot in shots.subject} == {own.instance_prompt}
    assert len(shots.all) == 17


# --- weights ----------------------------------------------------------------------------------


def test_alpha_by_rank_is_folded_into_b_once() -> None:
    own = small_recipe(1, 6.0)  # alpha 6, rank 2
    weights = {"unet.a.lora_A.weight": torch.ones(2, 3), "unet.a.lora_B.weight": torch.ones(3, 2)}
    found = to_diffusers(weights, own)
    assert torch.equal(found["unet.a.lora_A.weight"], torch.ones(2, 3))
    assert torch.equal(found["unet.a.lora_B.weight"], torch.full((3, 2), 3.0))


def test_weights_start_from_the_seed_and_their_name() -> None:
    first = initial_lora_a("unet.a", (2, 3), 2, seed=7)
    assert torch.equal(first, initial_lora_a("unet.a", (2, 3), 2, seed=7))
    assert not torch.equal(first, initial_lora_a("unet.a", (2, 3), 2, seed=8))
    assert not torch.equal(first, initial_lora_a("unet.b", (2, 3), 2, seed=7))
    assert torch.allclose(initial_lora_a("unet.a", (2, 3), 4, seed=7), first / 2)


def test_a_divergence_is_said_with_its_step() -> None:
    found = divergence_at(3)
    assert found.code == "training_diverged"
    assert found.message == "the loss or the gradient was not finite at step 3"
