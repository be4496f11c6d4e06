"""The judge for real photos: OpenCV's face recogniser with a small encoder, on drawn faces.

The encoder is built here. It compares coarse patches, which is enough to tell drawn people apart.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
import onnx  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from PIL import Image  # noqa: E402

from contracts.base import GateFloors  # noqa: E402
from local.embedded_base import PORTRAITS  # noqa: E402
from local.portraits import Character, draw, held_out_character  # noqa: E402
from local.portraits import circumstance as moment  # noqa: E402
from tests.smoke.gate_kit import small_base  # noqa: E402
from trainer.evaluation.face_judge import FaceJudge  # noqa: E402
from trainer.evaluation.gate import Evidence, SamplingRequests, examine  # noqa: E402
from trainer.evaluation.judge import Judge, load_judge  # noqa: E402
from trainer.faces.choice import DETECTOR_VARIABLE  # noqa: E402
from trainer.faces.drawn import DrawnDetector  # noqa: E402
from trainer.model.base import Base  # noqa: E402
from trainer.model.sampling import Pictures, SamplingRequest  # noqa: E402
from trainer.photos.photos import Photo  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402
from trainer.tasks.training import choose_reference_photos  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

SIDE, PATCH = 256, 8
ONE, OTHER = held_out_character(8_100_001), held_out_character(8_100_002)
CLASS = [held_out_character(8_100_010 + number) for number in range(4)]


def write_encoder(path: Path) -> None:
    """Write 8 random, balanced filters for each patch, as ONNX; (1, 3, 112, 112) to (1, 1568)."""
    filters = np.random.default_rng(0).standard_normal((8, 3, PATCH, PATCH)).astype(np.float32)
    filters -= filters.mean(axis=(1, 2, 3), keepdims=True)
    # kernel_shape may be left out, but OpenCV 4.11 reads it; exporters write it.
    square = {"kernel_shape": [PATCH, PATCH], "strides": [PATCH, PATCH]}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["data", "filters"], ["patches"], **square),
            helper.make_node("Flatten", ["patches"], ["identity"]),
        ],
        "encoder",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("identity", TensorProto.FLOAT, [1, 1568])],
        [numpy_helper.from_array(filters, "filters")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_encoder(tmp_path / "encoder.onnx")
    settings = {"kind": "face", "recognizer": "encoder.onnx"}
    (tmp_path / "judge.json").write_text(json.dumps(settings))
    return tmp_path


@pytest.fixture
def judge(folder: Path) -> FaceJudge:
    return FaceJudge(DrawnDetector(PORTRAITS), folder / "encoder.onnx")


def portraits(people: list[Character], first: int) -> list[Image.Image]:
    return [draw(who, moment(first + number), SIDE) for number, who in enumerate(people)]


def to_pictures(images: list[Image.Image]) -> Pictures:
    return np.stack([np.asarray(image) for image in images]).astype(np.float32) / 255


def empty_room() -> Image.Image:
    return Image.linear_gradient("L").convert("RGB")


def test_a_face_is_nearer_to_its_own_than_to_others(judge: FaceJudge) -> None:
    people = [(ONE, 8_200_000), (ONE, 8_200_100), (OTHER, 8_200_200)]
    one, again, other = (judge.identities(portraits([who] * 6, first)) for who, first in people)
    assert torch.allclose(one.norm(dim=1), torch.ones(6)), "also of faces whose eyes are not found"
    assert (one @ again.T).mean() > (one @ other.T).mean() + 0.05


def test_a_picture_of_nobody_is_like_nobody(judge: FaceJudge) -> None:
    (nobody,) = judge.identities([empty_room()])
    assert not nobody.any()


def test_it_reads_no_attributes(judge: FaceJudge) -> None:
    any_judge: Judge = judge
    assert any_judge.follows("a photo of sks person, smiling", empty_room()) == (0, 0)
    assert (any_judge.circumstances("a person"), any_judge.describe(empty_room())) == ((), "")


def evidence_of(subject: Character) -> Evidence:
    requests = [SamplingRequest("a photo", number) for number in range(4)]
    base = portraits(CLASS, 8_200_300)
    drawn = portraits([subject] * 4, 8_200_400)
    return Evidence(
        SamplingRequests(requests, [], requests), to_pictures(base * 2), to_pictures(drawn + base)
    )


def test_the_gate_refuses_another_face(judge: FaceJudge) -> None:
    photos = portraits([ONE] * 4, 8_200_000)
    own, other = (
        examine(evidence_of(who), photos, judge, GateFloors(min_effect=0)) for who in (ONE, OTHER)
    )
    assert own.identity is not None
    assert other.identity is not None
    floor = (own.identity + other.identity) / 2
    floors = GateFloors(min_effect=0, min_identity=floor, max_class_drift=0.5)
    verdicts = [examine(evidence_of(who), photos, judge, floors).codes for who in (ONE, OTHER)]
    assert verdicts == [(), ("gate_not_alike",)]


def test_photos_without_a_face_do_not_count(judge: FaceJudge) -> None:
    floors = GateFloors(min_effect=0, min_identity=0.9)
    photos = portraits([ONE] * 4, 8_200_000)
    plain = examine(evidence_of(ONE), photos, judge, floors)
    mixed = examine(evidence_of(ONE), [*photos, empty_room()], judge, floors)
    assert mixed.identity == plain.identity
    nobody = examine(evidence_of(ONE), [empty_room()], judge, floors)
    assert (nobody.identity, nobody.passed) == (None, True), "a dog has no face to compare"


def test_photos_kept_apart_are_no_use_without_a_face(judge: FaceJudge) -> None:
    face, no_face = (
        [Photo(n, "a photo", has_own_caption=False, image=image)]
        for n, image in enumerate([portraits([ONE], 8_200_000)[0], empty_room()])
    )
    assert choose_reference_photos(judge, learnt=no_face, held_out=face) == face
    assert choose_reference_photos(judge, learnt=face, held_out=no_face) == face
    assert choose_reference_photos(None, learnt=face, held_out=no_face) == no_face


def base_with(judge_folder: Path, tmp_path: Path, detector: str | None) -> Base:
    base = small_base(tmp_path / "base")
    (base.folder / "faces.safetensors").write_bytes((PORTRAITS / "faces.safetensors").read_bytes())
    (base.folder / "face").symlink_to(judge_folder)
    card = base.card.model_copy(update={"judge": "face", "face_detector": detector})
    return replace(base, card=card)


def test_a_base_brings_it(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = base_with(folder, tmp_path_factory.mktemp("b"), "drawn")
    assert isinstance(load_judge(base), FaceJudge)


def test_without_a_detector_it_is_an_operator_s_mistake(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(DETECTOR_VARIABLE, raising=False)
    with pytest.raises(TrainingError, match="needs a face detector") as caught:
        load_judge(base_with(folder, tmp_path_factory.mktemp("b"), None))
    assert caught.value.code == "face_detector_missing"


@pytest.mark.parametrize("content", [b"no network", None])
def test_an_encoder_that_cannot_be_read_is_of_another_base(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, content: bytes | None
) -> None:
    encoder = folder / "encoder.onnx"
    encoder.unlink() if content is None else encoder.write_bytes(content)
    with pytest.raises(TrainingError, match="judge cannot be loaded") as caught:
        load_judge(base_with(folder, tmp_path_factory.mktemp("b"), "drawn"))
    assert caught.value.code == "base_mismatch"
