"""Two stages on real pixels: what the checker flags, the content filter confirms or overrules.

The functions' vision transformer in numpy computes what transformers' does.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from contracts.shared.pictures.classifier import ClassifierError
from contracts.shared.pictures.safety_stages import Stages, Verdict
from runtime.imaging.vision_transformer import load
from serving.output.safety import (
    ContentFilter,
    DiffusersChecker,
    SafetySettings,
    figures_of,
    make_checker,
)
from tests.fakes.tiny_vit import FILTER, write_vit
from tests.smoke.test_serving_base import make_safety_folder

pytestmark = pytest.mark.serving

CPU = torch.device("cpu")
LIME, GREY = Image.new("RGB", (64, 48), (0, 255, 0)), Image.new("RGB", (64, 48), (128,) * 3)


class Flagging:
    """A first stage that flags as told, and remembers how many pictures it saw."""

    def __init__(self, *flags: bool) -> None:
        self.flags, self.seen = flags, 0

    def unsafe(self, images: Sequence[Image.Image]) -> list[bool]:
        self.seen += len(images)
        return list(self.flags)


def content_filter(folder: Path, labels: str = "nsfw", threshold: float = 0.5) -> ContentFilter:
    return ContentFilter(write_vit(folder, FILTER), CPU, labels, threshold)


def test_the_second_stage_confirms_or_overrules_what_the_first_flags(tmp_path: Path) -> None:
    stages = Stages(Flagging(True, True, False), content_filter(tmp_path))
    confirmed, overruled, unflagged = stages.check([LIME, GREY, LIME])
    assert (confirmed.unsafe, confirmed.overruled) == (True, False)
    assert (overruled.unsafe, overruled.overruled) == (False, True)
    assert unflagged == Verdict(unsafe=False), "the filter is not asked about it"
    found = figures_of([confirmed, overruled, unflagged])
    assert found["UnsafePictures"] == found["OverruledPictures"] == 1
    assert found["ContentScore"] == pytest.approx(1, abs=0.01)


def test_a_stage_alone_decides_on_every_picture(tmp_path: Path) -> None:
    images = [LIME, GREY]
    first = Stages(Flagging(False, True)).check(images)
    assert first == [Verdict(unsafe=False), Verdict(unsafe=True)]
    second = Stages(None, content_filter(tmp_path)).check(images)
    assert [verdict.unsafe for verdict in second] == [True, False]
    assert not any(verdict.overruled for verdict in second)
    assert Stages().check(images) == [Verdict(unsafe=False)] * 2
    assert figures_of(Stages().check(images)) == {}


@pytest.mark.parametrize(("labels", "threshold", "unsafe"), [
    ("nsfw", 0.999, True), ("nsfw", 1.0, False), ("normal", 0.5, False), ("normal,nsfw", 1.0, True),
])  # fmt: skip
def test_labels_and_threshold_are_the_operator_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: str, threshold: float, unsafe: bool
) -> None:
    folder = write_vit(tmp_path, FILTER)
    monkeypatch.setenv("LIKENESS_FILTER_DIR", str(folder))
    monkeypatch.setenv("LIKENESS_FILTER_LABELS", labels)
    monkeypatch.setenv("LIKENESS_FILTER_THRESHOLD", str(threshold))
    (verdict,) = make_checker(SafetySettings.from_environment(), CPU).check([LIME])
    assert verdict.unsafe == unsafe


def test_a_label_that_the_filter_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="normal, nsfw"):
        content_filter(tmp_path, "gore")


def test_the_adjustment_makes_the_first_stage_flag_more(tmp_path: Path) -> None:
    folder = make_safety_folder(tmp_path, threshold=0.3)
    plain = DiffusersChecker(folder, CPU)
    pixels = plain.prepare([LIME], return_tensors="pt").pixel_values
    network = plain.checker
    with torch.inference_mode():
        embedding = network.visual_projection(network.vision_model(pixels)[1])
        nearest = float(torch.cosine_similarity(embedding, network.concept_embeds).max())
    edge = 0.3 - nearest
    assert DiffusersChecker(folder, CPU, edge + 0.01).unsafe([LIME]) == [True]
    assert DiffusersChecker(folder, CPU, edge - 0.02).unsafe([LIME]) == [False]


@pytest.mark.parametrize("qkv_bias", [True, False])
def test_numpy_computes_what_transformers_computes(tmp_path: Path, *, qkv_bias: bool) -> None:
    torch.manual_seed(3)
    config = ViTConfig(
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        patch_size=8,
        intermediate_size=96,
        image_size=64,
        qkv_bias=qkv_bias,
        num_labels=5,
        initializer_range=0.3,
    )  # large weights: a wrong step shows
    network = ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path)
    prepare = ViTImageProcessor(size={"height": 64, "width": 64}, image_mean=[0.4, 0.5, 0.6])
    prepare.save_pretrained(tmp_path)
    pixels = np.random.default_rng(5).integers(0, 256, (90, 120, 3), np.uint8)
    image = Image.fromarray(pixels)
    with torch.inference_mode():
        given = prepare([image], return_tensors="pt").pixel_values
        expected = network(pixel_values=given).logits.softmax(-1)[0].numpy()
    assert expected.max() - expected.min() > 0.1
    np.testing.assert_allclose(load(tmp_path).probabilities(image), expected, atol=2e-4)
