"""What a training draws for people passes the stages of its plan; what they withhold is grey."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="needs the training environment")

from contracts.documents.training import GateReport, PictureSafety  # noqa: E402
from serving.output.safety import SafetySettings, make_checker  # noqa: E402
from tests.fakes.tiny_checker import tiny_checker  # noqa: E402
from tests.fakes.tiny_vit import FILTER, write_vit  # noqa: E402
from tests.smoke.job_dir import JobDir  # noqa: E402
from tests.smoke.tiny_pipelines import make_base  # noqa: E402
from trainer.evaluation.safety import load_checker, show, to_pictures, withheld_of  # noqa: E402
from trainer.process.results import TrainingError  # noqa: E402

pytestmark = [pytest.mark.training, pytest.mark.filterwarnings("default")]

GREY = 128
LIME, BLACK = (Image.new("RGB", (64, 64), colour) for colour in ("lime", "black"))


def checker_in(root: Path, threshold: float) -> None:
    """Put a safety checker into a job's channel; below -1 it flags every picture."""
    for name, body in tiny_checker(threshold).items():
        path = root / "input/data/safety_checker" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


def filter_in(root: Path) -> None:
    """Put a content filter that refuses green pictures into a job's channel."""
    write_vit(root / "input/data/content_filter", FILTER)


def is_grey(path: Path) -> bool:
    with Image.open(path) as image:
        return bool((np.asarray(image.convert("RGB")) == GREY).all())


@pytest.mark.parametrize(("threshold", "withheld"), [(0.0, True), (1.0, False)])
def test_withheld_pictures_are_grey_wherever_people_see_them(
    tmp_path: Path, threshold: float, withheld: bool
) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"
    make_base(tmp_path / "base", "sd1")
    job_dir = JobDir(tmp_path / "job", tmp_path / "base")
    name = job_dir.add_task(sample_prompts=["a photo of sks person, smiling"], validation_steps=1)
    checker_in(job_dir.root, -2.0)
    filter_in(job_dir.root)
    job_dir.write_plan(
        safety={"checker": True, "content_filter": True, "threshold": threshold, "labels": "nsfw"}
    )
    done = job_dir.run()
    assert done.returncode == 0, done.stderr
    adapter = job_dir.folder(name) / "adapter"
    report = GateReport.model_validate_json((adapter / "report.json").read_bytes())
    drawn = 2 * (8 + 1 + 8)
    assert report.withheld == (drawn if withheld else 0)
    assert report.content_score is not None
    assert job_dir.result(name).gate == report
    files = [*(adapter / "pictures").iterdir(), *(adapter / "samples").iterdir()]
    assert len(files) == 1 + 2 * 3
    assert [is_grey(path) for path in files] == [withheld] * len(files)
    with Image.open(adapter / "samples.png") as sheet:
        first = sheet.convert("RGB").getpixel((64, 80))
    assert (first == (GREY, GREY, GREY)) is withheld
    card = (adapter / "README.md").read_text()
    assert (f"withhold {drawn} pictures" in card) is withheld
    assert report.effect > 0, "the gate measures what was drawn"


@pytest.mark.parametrize(
    ("checker", "content_filter", "flagged", "unsafe"),
    [
        (True, False, -2.0, [True, True]),
        (True, False, 2.0, [False, False]),
        (False, True, 0.0, [True, False]),
        (True, True, -2.0, [True, False]),
        (True, True, 2.0, [False, False]),
    ],
)
def test_the_second_stage_decides_on_what_the_first_flags(
    tmp_path: Path, checker: bool, content_filter: bool, flagged: float, unsafe: list[bool]
) -> None:
    checker_in(tmp_path, flagged)
    filter_in(tmp_path)
    safety = PictureSafety(checker=checker, content_filter=content_filter)
    shown = show([LIME, BLACK], load_checker(tmp_path, safety))
    assert [one.unsafe for one in shown.verdicts] == unsafe
    assert shown.withheld == sum(unsafe)
    pixels = to_pictures(shown.images)
    assert (pixels.shape, pixels.dtype) == ((2, 64, 64, 3), np.float32)
    assert [bool(np.allclose(one, GREY / 255)) for one in pixels] == unsafe
    assert (shown.score is not None) is (content_filter and not (checker and flagged > 0))


@pytest.mark.parametrize("adjustment", [0.0, 4.0])
def test_trainer_and_server_say_the_same_of_a_picture(tmp_path: Path, adjustment: float) -> None:
    checker_in(tmp_path, 2.0)
    filter_in(tmp_path)
    safety = PictureSafety(checker=True, adjustment=adjustment, content_filter=True)
    channels = tmp_path / "input/data"
    named = SafetySettings(
        str(channels / "safety_checker"), adjustment, str(channels / "content_filter")
    )
    images = [LIME, BLACK, Image.new("RGB", (64, 48), (40, 180, 60))]
    ours = load_checker(tmp_path, safety)
    assert ours is not None
    assert ours.check(images) == make_checker(named, torch.device("cpu")).check(images)


def test_an_adjustment_makes_the_first_stage_flag_more(tmp_path: Path) -> None:
    checker_in(tmp_path, 2.0)
    for adjustment, flagged in ((0.0, False), (4.0, True)):
        safety = PictureSafety(checker=True, adjustment=adjustment)
        assert show([LIME], load_checker(tmp_path, safety)).verdicts[0].unsafe is flagged


def test_without_a_stage_pictures_are_shown_as_they_were_drawn() -> None:
    shown = show([LIME, BLACK], load_checker(Path("nowhere"), None))
    assert shown.images == [LIME, BLACK]
    assert withheld_of(shown) == {"withheld": None, "content_score": None}


@pytest.mark.parametrize(
    "safety",
    [
        {"checker": True},
        {"content_filter": True},
        {"content_filter": True, "labels": "gore", "there": True},
    ],
)
def test_a_stage_that_cannot_be_used_ends_the_job_and_says_why(
    tmp_path: Path, safety: dict[str, Any]
) -> None:
    if safety.pop("there", False):
        filter_in(tmp_path)
    with pytest.raises(TrainingError) as caught:
        load_checker(tmp_path, PictureSafety.model_validate(safety))
    assert caught.value.code == "classifier_unusable"
    assert "lacks" in str(caught.value)
