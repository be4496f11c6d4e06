"""A tiny classifier with known weights judges real pixels, in a child that a photo may end."""

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.errors import DecoderBrokenError
from contracts.shared.pictures.classifier import WEIGHTS, ClassifierError
from runtime.imaging.classifier import ChildClassifier
from runtime.imaging.vision_transformer import gelu, load
from tests.fakes.people import png
from tests.fakes.tiny_vit import AGES, FILTER, safetensors, tiny_vit, weights_of, write_vit

LIME, GREY = (0, 255, 0), (128, 128, 128)


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[ChildClassifier]:
    with closing(ChildClassifier(write_vit(tmp_path, FILTER))) as found:
        yield found


def half(left: tuple[int, int, int], right: tuple[int, int, int]) -> bytes:
    """Return a photo with two halves."""
    image = Image.new("RGB", (80, 60), left)
    image.paste(right, (40, 0, 80, 60))
    return png(image)


def shares(classifier: ChildClassifier, body: bytes, *boxes: tuple[float, ...]) -> list[float]:
    found = classifier.classify(body, [(box[0], box[1], box[2], box[3]) for box in boxes])
    assert found is not None
    assert all(sum(one.values()) == pytest.approx(1, abs=1e-5) for one in found)
    return [one["nsfw"] for one in found]


def test_a_photo_and_its_parts_are_judged_by_their_pixels(classifier: ChildClassifier) -> None:
    body = half(LIME, GREY)
    assert shares(classifier, half(LIME, LIME))[0] > 0.99
    assert shares(classifier, half(GREY, GREY))[0] < 0.01
    left, right = shares(classifier, body, (-5, -5, 38, 70), (42, 0, 80, 60))
    assert left > 0.99
    assert right < 0.01


@pytest.mark.parametrize("box", [(200, 200, 300, 300), (-50, -50, -1, -1), (5, 5, 5, 5)])
def test_a_box_beside_the_photo_is_one_pixel_of_it(
    classifier: ChildClassifier, box: tuple[float, ...]
) -> None:
    assert shares(classifier, half(LIME, LIME), box)[0] > 0.99


def test_what_is_no_photo_ends_the_child_but_not_the_stage(classifier: ChildClassifier) -> None:
    assert classifier.classify(b"no photo") is None
    assert shares(classifier, half(LIME, LIME))[0] > 0.99


def test_a_folder_without_weights_does_not_start(tmp_path: Path) -> None:
    (write_vit(tmp_path, FILTER) / WEIGHTS).unlink()
    with closing(ChildClassifier(tmp_path)) as found, pytest.raises(DecoderBrokenError):
        found.classify(half(LIME, LIME))


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_weights_of_16_bits_say_the_same(tmp_path: Path, kind: str) -> None:
    image = Image.new("RGB", (9, 9), LIME)
    whole = load(write_vit(tmp_path / "whole", FILTER)).probabilities(image)
    folder = write_vit(tmp_path / "short", FILTER)
    (folder / WEIGHTS).write_bytes(short(kind))
    np.testing.assert_allclose(load(folder).probabilities(image), whole, atol=0.01)


def short(kind: str) -> bytes:
    """Return the tiny filter's weights with 16 bits a value."""
    tensors = weights_of(list(FILTER.values()))
    if kind == "F16":
        halves = {name: array.astype("<f2") for name, array in tensors.items()}
    else:
        halves = {
            name: (array.view(np.uint32) >> 16).astype("<u2") for name, array in tensors.items()
        }
    return safetensors(halves, kind)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("classifier.weight", "classifier.weight is missing"), (None, "header_damaged")],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, name: str | None, reason: str) -> None:
    folder = write_vit(tmp_path, FILTER)
    tensors = weights_of(list(AGES.values()))
    body = b"x" * 99 if name is None else safetensors(tensors)
    (folder / WEIGHTS).write_bytes(body)
    with pytest.raises(ClassifierError, match=reason):
        load(folder)


def test_the_tiny_classifier_has_all_files() -> None:
    assert all(tiny_vit(AGES).values())


def test_gelu_is_that_of_the_normal_distribution() -> None:
    given = np.linspace(-6, 6, 241, dtype=np.float32)
    exact = [x / 2 * (1 + math.erf(x / math.sqrt(2))) for x in given.tolist()]
    assert gelu(given) == pytest.approx(exact, abs=2e-6)
