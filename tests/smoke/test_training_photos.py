"""The photo pipeline: the real detectors on drawn people."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the training environment")
from PIL import Image, ImageDraw  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import (  # noqa: E402
    BertTokenizer,
    BlipImageProcessor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
)

from contracts.base import BaseCard  # noqa: E402
from contracts.documents.photos import PhotoVerdict  # noqa: E402
from contracts.documents.training import TrainingPlan, TrainingTask  # noqa: E402
from contracts.shared.layout.uploads import captions_in_channel  # noqa: E402
from contracts.shared.limits import MIN_PHOTOS  # noqa: E402
from local.portraits import album, character, empty_room, two_people  # noqa: E402
from local.portraits.albums import blurred  # noqa: E402
from tests.fakes.tiny_captioner import TOKENS, tiny_blip  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.config import noise as loss  # noqa: E402
from trainer.faces import Face, are_ambiguous, clarity  # noqa: E402
from trainer.faces.drawn import DrawnDetector  # noqa: E402
from trainer.faces.haar import HaarDetector  # noqa: E402
from trainer.job import run_job  # noqa: E402
from trainer.photos import captions  # noqa: E402
from trainer.photos.crop import cut_to_face  # noqa: E402
from trainer.photos.photos import Photo, read_image  # noqa: E402
from trainer.photos.pipeline import make_photo_pipeline, process_photos, read_ahead  # noqa: E402
from trainer.process.results import PreemptedError, TrainingError  # noqa: E402
from trainer.process.time_limit import TimeLimit  # noqa: E402
from trainer.tasks import captioning  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

EMBEDDED = Path(__file__).parents[2] / "local" / "embedded_base" / "portraits-sdxl"
JOB = "1" * 32
SIDE = 64


class Tokenizer:
    """Counts words."""

    model_max_length = 20

    def __call__(self, text: str, *, truncation: bool) -> Any:
        assert not truncation
        return SimpleNamespace(input_ids=text.split())


def base(**changes: Any) -> Any:
    """Return the parts of a base that the photo pipeline needs."""
    card = BaseCard.model_validate_json((EMBEDDED / "base.json").read_bytes())
    return SimpleNamespace(
        card=card.model_copy(update=changes),
        folder=EMBEDDED,
        device=torch.device("cpu"),
        pipeline=SimpleNamespace(tokenizer=Tokenizer()),
    )


@dataclass
class TaskPhotos:
    """The photos of a task in the photos channel."""

    root: Path
    photos: list[dict[str, Any]] = field(default_factory=list)

    def store(self, name: str, image: Image.Image) -> dict[str, str]:
        path = self.root / "input" / "data" / "photos" / JOB / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return {"file": f"{JOB}/{name}", "sha256": digest}

    def add(self, image: Image.Image, **more: Any) -> None:
        index = len(self.photos)
        self.photos.append({"index": index, **self.store(f"{index:03d}.png", image), **more})

    def task(self, **request: Any) -> TrainingTask:
        prompts = {"instance_prompt": "a photo of TOK", "class_prompt": "a photo of a person"}
        return TrainingTask.model_validate(
            {"job_id": JOB, "request": prompts | request, "photos": self.photos}
        )

    def process(
        self, on: Any = None, **request: Any
    ) -> tuple[list[Photo], tuple[PhotoVerdict, ...]]:
        on = on or base()
        return process_photos(make_photo_pipeline(self.root, self.task(**request), SIDE, on), on)


@pytest.fixture
def portraits(tmp_path: Path) -> TaskPhotos:
    """Five photos of one person."""
    photos = TaskPhotos(tmp_path)
    for photo in album(5000, 5, size=256):
        photos.add(photo.image)
    return photos


def pixels(image: Image.Image) -> Any:
    return np.asarray(image)


def test_every_drawn_face_is_found_and_nothing_else() -> None:
    detector = DrawnDetector(EMBEDDED)
    alone = [detector.find(pixels(photo.image)) for s in range(10) for photo in album(s, 3, 192)]
    assert [len(faces) for faces in alone] == [1] * 30
    couples = [two_people(character(s), character(s + 50), s, 256) for s in range(10)]
    found = [detector.find(pixels(couple)) for couple in couples]
    assert [len(faces) for faces in found] == [2] * 10
    assert all(are_ambiguous(faces) for faces in found)
    assert not any(detector.find(pixels(empty_room(seed, 192))) for seed in range(10))


def test_drawn_eyes_are_where_they_were_drawn() -> None:
    photo = album(5000, 5, size=512)[3]  # its head is tilted
    (face,) = DrawnDetector(EMBEDDED).find(pixels(photo.image))
    assert face.eyes is not None
    (x1, y1), (x2, y2) = face.eyes
    degrees = np.degrees(np.arctan2(y2 - y1, x2 - x1))
    assert degrees == pytest.approx(photo.circumstance.tilt, abs=2)


def test_opencvs_cascades_find_no_face_in_noise_or_in_an_empty_room() -> None:
    detector = HaarDetector()
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    assert detector.find(noise) == []
    assert detector.find(pixels(empty_room(1, 200))) == []


def run_script(script: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.thorough
def test_retinafaces_own_network_finds_the_faces_of_its_weights(tmp_path: Path) -> None:
    job_dir = Path(__file__).with_name("retina_process.py")
    download = tmp_path / "download.zip"
    run_script(job_dir, "write", download)
    digest = hashlib.sha256(download.read_bytes()).hexdigest()
    named = download.rename(tmp_path / f"weights-{digest[:9]}.zip")
    baked = tmp_path / "retinaface.safetensors"
    script = Path(__file__).parents[2] / "training_image" / "retina_weights.py"
    arguments = ("fetch", "retinaface", digest, named.as_uri(), baked)
    assert digest in run_script(script, *arguments)

    small = json.loads(run_script(job_dir, "find", baked, 64, 96))

    # One window of 512 pixels around the first position of the map of stride 32; others overlap it.
    (face,) = small
    assert (face["left"], face["width"]) == (pytest.approx(16 - 256), pytest.approx(512))
    assert (face["top"], face["height"]) == (pytest.approx(16 - 256), pytest.approx(512))
    assert face["score"] > 0.99
    (x1, y1), (x2, y2) = face["eyes"]
    assert (x1, x2) == (pytest.approx(16 - 51.2), pytest.approx(16 + 51.2))
    assert y1 == y2 == pytest.approx(16 - 51.2)
    halved = json.loads(run_script(job_dir, "find", baked, 1280, 1920))
    assert {round(face["width"]) for face in halved} == {1024}


def test_weights_with_another_hash_are_not_stored(tmp_path: Path) -> None:
    """The file's name ends in the first digits of its hash, and the last digit differs."""
    file = tmp_path / "weights.zip"
    torch.save({"a": torch.ones(1)}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    named, out = file.rename(tmp_path / f"weights-{digest[:9]}.zip"), tmp_path / "out.safetensors"
    script = Path(__file__).parents[2] / "training_image" / "retina_weights.py"
    wrong = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    with pytest.raises(AssertionError, match="invalid hash value"):
        run_script(script, "fetch", "retinaface", wrong, named.as_uri(), out)
    assert not out.exists()


def test_a_blurred_face_is_less_clear_than_a_sharp_one() -> None:
    sharp = album(5000, 1, size=256)[0].image
    assert clarity(pixels(blurred(sharp))) < 0.3 < clarity(pixels(sharp))


def test_photos_without_one_clear_face_are_refused_and_the_rest_goes_on(
    portraits: TaskPhotos,
) -> None:
    portraits.add(two_people(character(1), character(2), 3, 256))
    portraits.add(empty_room(4, 256))
    photos, verdicts = portraits.process()
    assert len(photos) == MIN_PHOTOS
    assert [verdict.codes for verdict in verdicts[5:]] == [("ambiguous_faces",), ("no_face",)]
    assert [verdict.verdict for verdict in verdicts] == ["accepted"] * 5 + ["refused"] * 2
    face = verdicts[0].face
    assert face is not None
    assert face.share > 0.3
    assert face.clarity > 0.5


@pytest.mark.parametrize(
    ("options", "code"), [({"on_reject": "fail"}, "photos_refused"), ({}, "too_few_photos")]
)
def test_too_many_refusals_fail_with_the_verdicts(
    tmp_path: Path, options: dict[str, Any], code: str
) -> None:
    few = TaskPhotos(tmp_path)
    for photo in album(1, 4, size=128):
        few.add(photo.image)
    few.add(empty_room(4, 128))
    with pytest.raises(TrainingError) as failure:
        few.process(**options)
    assert failure.value.code == code
    assert failure.value.photos[4].codes == ("no_face",)


def test_a_face_is_required_for_classes_of_people_only(portraits: TaskPhotos) -> None:
    portraits.add(empty_room(4, 128))
    assert len(portraits.process(class_prompt="a photo of a dog")[0]) == 6
    assert len(portraits.process(require_face=False)[0]) == 6


def test_a_missing_detector_is_an_error_and_never_replaced(
    portraits: TaskPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = base(face_detector=None)
    assert len(portraits.process(silent)[0]) == 5
    assert len(portraits.process(silent, face_crop="auto")[0]) == 5
    for options in ({"require_face": True}, {"face_crop": "crop"}):
        with pytest.raises(TrainingError, match="face_detector_missing"):
            portraits.process(silent, **options)
    monkeypatch.setenv("LIKENESS_FACE_DETECTOR", "retinaface")
    monkeypatch.setenv("LIKENESS_RETINAFACE_WEIGHTS", str(portraits.root / "none"))
    with pytest.raises(TrainingError, match="face_detector_missing"):
        portraits.process()


@pytest.mark.parametrize("how", ["crop", "align"])
def test_a_crop_keeps_proportions_and_has_the_face_in_its_middle(tmp_path: Path, how: str) -> None:
    wide = TaskPhotos(tmp_path)
    for sample in album(5000, 5, size=200):
        canvas = empty_room(3, 600).crop((0, 0, 600, 200))
        canvas.paste(sample.image, (380, 0))
        wide.add(canvas)
    photos, verdicts = wide.process(face_crop=how)
    for photo, verdict in zip(photos, verdicts, strict=True):
        assert verdict.verdict == "repaired"
        assert "face_cropped" in verdict.codes
        assert photo.whole is not None
        assert photo.whole.width == photo.whole.height
        assert photo.image.size == (SIDE, SIDE)
        (face,) = DrawnDetector(EMBEDDED).find(pixels(photo.whole))
        assert abs(face.centre[0] / photo.whole.width - 0.5) < 0.12


def test_a_face_at_the_edge_is_padded_and_the_padding_has_no_weight() -> None:
    cut = cut_to_face(Face(0, 0, 90, 90, 1.0), 100, 40, "crop")
    assert "padded" in cut.codes
    assert cut.apply(np.zeros((100, 40, 3), np.uint8)).shape == (cut.side, cut.side, 3)
    weights = cut.apply(np.full((100, 40), 255, np.uint8), outside=0)
    assert 0 < (weights == 0).mean() < 1
    assert (weights == 255).sum() <= 100 * 40


def test_an_aligned_face_has_level_eyes() -> None:
    photo = album(5000, 5, size=512)[3].image
    (face,) = DrawnDetector(EMBEDDED).find(pixels(photo))
    cut = cut_to_face(face, *photo.size, "align")
    assert "face_aligned" in cut.codes
    (turned,) = DrawnDetector(EMBEDDED).find(np.ascontiguousarray(cut.apply(pixels(photo))))
    assert turned.eyes is not None
    (x1, y1), (x2, y2) = turned.eyes
    assert abs(np.degrees(np.arctan2(y2 - y1, x2 - x1))) < 2


def disc(colour: tuple[int, int, int], side: int = 128) -> Image.Image:
    """Return a disc in front of a plain wall."""
    image = Image.new("RGB", (side, side), (30, 60, 160))
    ImageDraw.Draw(image).ellipse((side // 4, side // 4, 3 * side // 4, 3 * side // 4), fill=colour)
    return image


@pytest.mark.parametrize("how", ["blur", "random"])
def test_a_new_background_leaves_the_subject_and_comes_from_the_seed(
    tmp_path: Path, how: str
) -> None:
    things = TaskPhotos(tmp_path)
    for shade in range(5):
        things.add(disc((230, 200 + 10 * shade, 40)))
    options = {"class_prompt": "a photo of a ball", "background": how, "seed": 3}
    photos, verdicts = things.process(**options)
    assert all(verdict.codes == ("background_changed",) for verdict in verdicts)
    first = np.asarray(photos[0].whole).astype(int)
    assert np.abs(first[64, 64] - (230, 200, 40)).max() < 12
    if how == "random":
        assert np.abs(first[4, 4] - (30, 60, 160)).max() > 20
        again = things.process(**options)[0]
        assert np.array_equal(again[1].whole, photos[1].whole)
        assert not np.array_equal(photos[1].whole, photos[2].whole)


def test_a_subject_that_cannot_be_segmented_is_left_as_it_is(tmp_path: Path) -> None:
    plain = TaskPhotos(tmp_path)
    for shade in range(5):
        plain.add(Image.new("RGB", (64, 64), (shade, 90, 90)))
    photos, verdicts = plain.process(class_prompt="a wall", background="random", use_masks=True)
    assert all(verdict.codes == ("subject_not_found",) for verdict in verdicts)
    assert all(photo.weight is None for photo in photos)


def test_the_users_own_mask_has_priority_and_masks_become_loss_weights(tmp_path: Path) -> None:
    things = TaskPhotos(tmp_path)
    left = Image.new("L", (128, 128))
    left.paste(255, (0, 0, 64, 128))
    for _ in range(5):
        things.add(disc((230, 200, 40)))
    things.photos[0]["mask"] = things.store("000.mask.png", left)
    things.photos[1]["mask"] = things.store("001.mask.png", Image.new("L", (128, 128)))
    things.photos[2]["mask"] = things.store("002.mask.png", left.resize((128, 40)))

    photos, verdicts = things.process(class_prompt="a ball", mask_floor=0.2)
    assert [verdict.codes for verdict in verdicts[:4]] == [
        ("mask_used",), ("mask_ignored",), ("mask_ignored",), (),
    ]  # fmt: skip
    weights = photos[0].weights(8, 8)
    assert weights[:, :3] == pytest.approx(1.0)
    assert weights[:, 5:] == pytest.approx(0.2)

    photo = things.process(class_prompt="a ball", use_masks=True, mask_floor=0.0)[0][3]
    weights = photo.weights(8, 8)
    assert weights[4, 4] > 0.9
    assert weights[0, 0] < 0.1
    assert things.process(class_prompt="a ball", use_masks=False)[0][0].weight is None


def test_a_masked_loss_is_the_loss_inside_the_mask() -> None:
    predicted, wanted = torch.zeros(2, 4, 8, 8), torch.ones(2, 4, 8, 8)
    wanted[:, :, :, 4:] = 9
    weights = torch.zeros(2, 1, 8, 8)
    weights[:, :, :, :4] = 1
    assert loss.squared_error(predicted, wanted, weights).tolist() == [1.0, 1.0]
    alike = loss.squared_error(predicted, wanted, torch.ones(2, 1, 8, 8))
    assert torch.equal(alike, loss.squared_error(predicted, wanted))


def test_a_mask_of_the_face_shows_the_face(portraits: TaskPhotos) -> None:
    photo = portraits.process(use_masks=True, mask_of="face", mask_floor=0.0)[0][0]
    weights = photo.weights(16, 16)
    assert weights[8, 8] == pytest.approx(1.0)
    assert weights[0, 0] == pytest.approx(0.0)


def test_a_caption_is_the_users_own_or_the_prompt_and_its_faults_have_codes(
    portraits: TaskPhotos,
) -> None:
    for photo, given in zip(
        portraits.photos, ["TOK smiling", "smiling", "smiling", "  ", "TOK " * 30], strict=True
    ):
        photo["caption"] = given
    photos, verdicts = portraits.process()
    assert [photo.caption for photo in photos[:4]] == [
        "sks smiling", "a photo of sks, smiling", "a photo of sks, smiling", "a photo of sks",
    ]  # fmt: skip
    assert [verdict.codes for verdict in verdicts] == [
        (),
        ("trigger_added", "caption_repeated"),
        ("trigger_added", "caption_repeated"),
        ("caption_ignored",),
        ("caption_truncated",),
    ]


def tiny_instructblip(folder: Path) -> None:
    """Write an untrained InstructBLIP in transformers' format."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    vision = sizes | {"image_size": 32, "patch_size": 16, "num_attention_heads": 2}
    reader = sizes | {"vocab_size": len(TOKENS), "num_attention_heads": 2}
    reader |= {"encoder_hidden_size": 16, "pad_token_id": 0}
    speaker = {
        "model_type": "t5",
        "vocab_size": len(TOKENS) + 1,
        "d_model": 16,
        "d_kv": 8,
        "d_ff": 16,
    }
    speaker |= {"num_layers": 1, "num_heads": 2, "pad_token_id": 0, "eos_token_id": 3}
    speaker |= {"decoder_start_token_id": 0}
    config = InstructBlipConfig(
        vision_config=vision,
        qformer_config=reader,
        text_config=speaker,
        num_query_tokens=2,
        image_token_index=len(TOKENS),
    )
    InstructBlipForConditionalGeneration(config).save_pretrained(folder)
    vocabulary = {word: i for i, word in enumerate(TOKENS)}
    size = {"height": 32, "width": 32}
    InstructBlipProcessor(
        BlipImageProcessor(size=size),
        BertTokenizer(vocab=vocabulary),
        BertTokenizer(vocab=vocabulary),
        num_query_tokens=2,
    ).save_pretrained(folder)


@pytest.mark.parametrize("make", [tiny_blip, tiny_instructblip])
def test_a_captioner_gets_the_prompt_of_the_request(
    portraits: TaskPhotos, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None]
) -> None:
    make(portraits.root / "input" / "data" / "captioner")
    captions.load_captioner.cache_clear()
    wanted = {
        "autocaption": True,
        "autocaption_prompt": "a man with hat",
        "autocaption_max_tokens": 6,
        "autocaption_min_tokens": 2,
        "autocaption_num_beams": 2,
    }
    first, _ = portraits.process(**wanted)
    captioner: Any = captions.load_captioner(portraits.root / "input" / "data" / "captioner")
    wordings: list[captions.Wording] = []
    describe = type(captioner).describe

    def record(self: Any, image: Image.Image, given: captions.Wording) -> str:
        wordings.append(given)
        found: str = describe(self, image, given)
        return found

    monkeypatch.setattr(type(captioner), "describe", record)
    again, _ = portraits.process(**wanted)
    assert wordings == [("a man with hat", 6, 2, 2)] * 5
    generated = captioner._generate(first[0].image, wordings[0])  # noqa: SLF001 (counts tokens)
    longer = captioner._generate(first[0].image, wordings[0]._replace(min_tokens=6))  # noqa: SLF001
    assert len(generated) <= len(longer)
    shorter = captioner._generate(first[0].image, wordings[0]._replace(max_tokens=2))  # noqa: SLF001
    assert len(longer) - len(shorter) == 4
    assert [photo.caption for photo in again] == [photo.caption for photo in first]
    if make is tiny_blip:
        assert first[0].caption.startswith("a photo of sks, a man with hat")


class RecordingCaptioner:
    """A captioner that remembers where it was moved."""

    def __init__(self) -> None:
        self.places: list[tuple[str, Any]] = []

    def describe(self, image: Image.Image, wording: captions.Wording = captions.PLAIN) -> str:
        return f"{image.width} {wording.max_tokens}"

    def move(self, device: Any, dtype: Any) -> None:
        self.places.append((device.type, dtype))


@pytest.mark.parametrize(("ampere", "half"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_captioner_is_on_the_gpu_only_while_it_describes(
    monkeypatch: pytest.MonkeyPatch, half: Any, *, ampere: bool
) -> None:
    def supported(*, including_emulation: bool = True) -> bool:
        return ampere or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    captioner = RecordingCaptioner()
    with captions.on_device(captioner, torch.device("cuda")):
        assert captioner.places == [("cuda", half)]
    assert captioner.places[1:] == [("cpu", torch.float32)]
    with captions.on_device(captioner, torch.device("cpu")):
        assert len(captioner.places) == 2


def test_photos_are_read_ahead_in_their_order(portraits: TaskPhotos) -> None:
    task = portraits.task()
    found = list(read_ahead(portraits.root, task.photos, workers=2))
    assert [photo.index for photo, _ in found] == [photo.index for photo in task.photos]
    for photo, pixels in found:
        assert np.array_equal(pixels, np.asarray(read_image(portraits.root, photo)))


def test_a_captioner_of_an_unknown_model_type_is_refused(portraits: TaskPhotos) -> None:
    channel = portraits.root / "input" / "data" / "captioner"
    tiny_blip(channel)
    config = json.loads((channel / "config.json").read_bytes())
    (channel / "config.json").write_text(json.dumps(config | {"model_type": "clip"}))
    captions.load_captioner.cache_clear()
    with pytest.raises(TrainingError, match="captioner_missing"):
        portraits.process(autocaption=True)


def test_a_captioner_describes_photos_without_captions(portraits: TaskPhotos) -> None:
    options = {"autocaption": True, "autocaption_prefix": "TOK,", "autocaption_suffix": "indoors"}
    with pytest.raises(TrainingError, match="captioner_missing"):
        portraits.process(**options)
    channel = portraits.root / "input" / "data" / "captioner"
    tiny_blip(channel)
    portraits.photos[0]["caption"] = "TOK smiling"

    photos, verdicts = portraits.process(**options)

    assert photos[0].caption == "sks smiling"
    assert verdicts[0].codes == ()
    assert photos[1].caption.startswith("sks, ")
    assert photos[1].caption.endswith(" indoors")
    assert photos[1].has_own_caption
    assert "captioned" in verdicts[1].codes
    description = captions.load_captioner(channel).describe(photos[1].image)
    assert photos[1].caption == f"sks, {description} indoors"
    weights = load_file(channel / "model.safetensors")
    weights.popitem()
    save_file(weights, channel / "model.safetensors", {"format": "pt"})
    captions.load_captioner.cache_clear()
    with pytest.raises(TrainingError, match="captioner_missing"):
        portraits.process(**options)


class CountingCaptioner(RecordingCaptioner):
    """Describes each image by its number, and ends the job's time at one of them."""

    def __init__(self, limit: TimeLimit, preempted_at: int = 99) -> None:
        super().__init__()
        self.limit, self.preempted_at, self.described = limit, preempted_at, 0

    def describe(self, image: Image.Image, wording: captions.Wording = captions.PLAIN) -> str:
        self.described += 1
        self.limit.preempted = self.described >= self.preempted_at
        return f"number {self.described} {image.width} {wording.max_tokens}"


def test_an_interrupted_captioning_goes_on_where_it_ended(
    portraits: TaskPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    portraits.photos[0]["caption"] = "TOK smiling"
    task = portraits.task(autocaption=True)
    found: list[CountingCaptioner] = []
    monkeypatch.setattr(captioning, "captioner_of", lambda *_: found[-1])
    for preempted_at, described in ((2, 2), (99, 2)):
        limit = TimeLimit()
        found.append(CountingCaptioner(limit, preempted_at))
        with suppress(PreemptedError):
            captioning.describe_photos(portraits.root, task, limit)
        assert found[-1].described == described, "the first attempt described the others"
    saved = captions.read_captions(captioning.captions_path(portraits.root))
    assert set(saved.captions) == {photo.sha256 for photo in task.photos[1:]}
    late = TimeLimit(deadline_seconds=60, _started=-1e9)
    captioning.captions_path(portraits.root).unlink()
    found.append(CountingCaptioner(late))
    with pytest.raises(TrainingError, match="captions_unfinished"):
        captioning.describe_photos(portraits.root, task, late)


def test_a_training_uses_the_captions_that_were_written_before_and_no_captioner(
    portraits: TaskPhotos,
) -> None:
    options = {"autocaption": True, "autocaption_prefix": "TOK,"}
    portraits.photos[0]["caption"] = "TOK smiling"
    channel = portraits.root / "input" / "data" / "captioner"
    tiny_blip(channel)
    captions.load_captioner.cache_clear()
    together, _ = portraits.process(**options)
    task = portraits.task(**options)
    plan = TrainingPlan(plan_id="2" * 32, base_sha256="0" * 64, tasks=(task,), captions_only=True)
    path = portraits.root / "input" / "data" / "plan" / "plan.json"
    path.parent.mkdir(parents=True)
    path.write_text(plan.model_dump_json())
    captions.load_captioner.cache_clear()
    assert run_job(portraits.root) == 0

    shutil.rmtree(channel)
    written = captions_in_channel(JOB)
    place = portraits.root / "input" / "data" / "photos" / written
    place.parent.mkdir()
    shutil.copy(captioning.captions_path(portraits.root), place)
    after = task.model_copy(update={"captions": written})
    on = base()
    photos, verdicts = process_photos(make_photo_pipeline(portraits.root, after, SIDE, on), on)
    assert [photo.caption for photo in photos] == [photo.caption for photo in together]
    assert "captioned" in verdicts[1].codes
    place.write_text("{}")
    with pytest.raises(TrainingError, match="captions_unfinished"):
        make_photo_pipeline(portraits.root, after, SIDE, on)


def test_captioning_without_a_captioner_fails_by_its_code(portraits: TaskPhotos) -> None:
    task = portraits.task(autocaption=True)
    plan = TrainingPlan(plan_id="2" * 32, base_sha256="0" * 64, tasks=(task,), captions_only=True)
    path = portraits.root / "input" / "data" / "plan" / "plan.json"
    path.parent.mkdir(parents=True)
    path.write_text(plan.model_dump_json())
    assert run_job(portraits.root) == 1
    failure = (portraits.root / "output" / "failure").read_text()
    assert failure.startswith("captioner_missing:")


def test_captions_are_dropped_at_the_requested_rate_and_alike_after_a_resume() -> None:
    dropped = [loss.bernoulli(0.3, 7, "no words", draw) for draw in range(2000)]
    assert 0.26 < sum(dropped) / len(dropped) < 0.34
    assert dropped[1000:] == [
        loss.bernoulli(0.3, 7, "no words", draw) for draw in range(1000, 2000)
    ]
    assert not any(loss.bernoulli(0.0, 7, "no words", draw) for draw in range(10))


def test_a_whole_job_trains_with_masks_dropped_captions_and_own_class_images(
    tmp_path: Path,
) -> None:
    base_folder = tmp_path / "base"
    make_base(base_folder, "sd1")
    whole, broken = (
        JobDir(tmp_path / "whole", base_folder),
        JobDir(tmp_path / "broken", base_folder),
    )
    for job_dir in (whole, broken):
        name = job_dir.add_task(
            photos=4, max_train_steps=4, caption_dropout_rate=0.5, face_crop="none", mask_floor=0.0
        )
        task = job_dir.tasks[0]
        task["photos"][1]["mask"] = store(job_dir, f"{name}/001.mask.png", "L", 1)
        task["class_photos"] = [
            store(job_dir, f"{name}/class/{number:03d}.png", "RGB", number) for number in range(3)
        ]
        job_dir.write_plan()
    done = whole.run()
    assert done.returncode == 0, done.stderr
    assert "class images: 3 of the user's own" in done.stdout
    assert not list(whole.root.rglob("prior*"))  # a user's own class images are not cached
    result = whole.result(name)
    assert [photo.codes for photo in result.photos] == [(), ("mask_used",), (), ()]

    assert broken.preempt("step=2 ") == 143
    assert broken.run().returncode == 0
    again = broken.result(name).adapter
    assert again is not None
    assert again == result.adapter  # the hash of the weights too


def store(job_dir: JobDir, name: str, mode: str, seed: int) -> dict[str, str]:
    """Put noise into the photos channel."""
    path = job_dir.data / "photos" / name
    path.parent.mkdir(exist_ok=True)
    shape = (40, 48, 3) if mode == "RGB" else (40, 48)
    values = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    Image.fromarray(values).save(path)
    return {"file": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_refused_photos_fail_their_task_with_every_verdict(tmp_path: Path) -> None:
    base_folder = tmp_path / "base"
    make_base(base_folder, "sd1")
    card = json.loads((base_folder / "base.json").read_text())
    (base_folder / "base.json").write_text(json.dumps(card | {"face_detector": "haar"}))
    job_dir = JobDir(tmp_path / "job", base_folder)
    name = job_dir.add_task()
    job_dir.write_plan()
    assert job_dir.run().returncode == 1
    assert job_dir.code(name) == "too_few_photos"
    assert [photo.codes for photo in job_dir.result(name).photos] == [("no_face",)] * 3
