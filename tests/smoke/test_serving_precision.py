"""A picture whose numbers overflow is drawn in a wider type or refused; nobody gets a black one.

Runs in the serving environment, in float16 on the CPU.
"""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from contracts.base import BaseCard
from serving import precision
from serving.adapters.reader import AdapterReader
from serving.engine.warm_up import OverflowingBaseError, warm_up
from serving.generator import Generator
from serving.picture_error import PictureError
from serving.picture_request import Sampling
from serving.precision import DTYPE, PrecisionError, choose_dtype, wider_dtype
from serving.rows import Row
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines
from tests.unit.serving.test_tensors import BASE

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
SAMPLING = Sampling(2, 64, 64, "DDIMScheduler")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("precision")
    kit.make_base(root / "base", "sd1")
    return root


def overflowing(models: Path, folder: Path, factor: float) -> Path:
    """A base of which one layer's numbers are ``factor`` times as large, and those after it not."""
    shutil.copytree(models / "base", folder)
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    with torch.no_grad():
        pipeline.unet.conv_in.weight.mul_(factor)  # a normalisation follows
    pipeline.unet.save_pretrained(folder / "unet")
    tiny_pipelines.write_card(folder, "sd1", "epsilon", resolution=64)
    return folder


def adapter(models: Path, folder: Path, factor: float) -> Path:
    """An adapter whose change of one layer is ``factor`` times as large."""
    kit.make_adapter(folder, models / "base")
    return scaled(folder, models / "base", factor)


def scaled(folder: Path, base_folder: Path, factor: float) -> Path:
    from safetensors.torch import load_file, save_file  # noqa: PLC0415

    file = folder / "pytorch_lora_weights.safetensors"
    tensors = load_file(file)
    save_file({n: t * factor for n, t in tensors.items()}, file, metadata={"format": "pt"})
    kit.write_manifest(folder, base_folder, 4)
    return folder


def row(seed: int, generator: Generator, folder: Path | None = None) -> Row:
    if folder is None:
        return Row("a photo", None, seed, 4.0, SAMPLING)
    reader = AdapterReader(generator.card.sha256, generator.layers, CPU, generator.dtype)
    return Row("a photo", None, seed, 4.0, SAMPLING, mix=((reader.read(folder), 1.0),))


# --- the choice -------------------------------------------------------------------------------


def card(dtype: str | None) -> BaseCard:
    inference = BASE.inference.model_copy(update={"torch_dtype": dtype})
    return BASE.model_copy(update={"inference": inference})


@pytest.mark.parametrize(
    ("base_dtype", "asked", "capability", "chosen"),
    [
        (None, None, (8, 6), torch.float16),
        (None, "auto", (7, 5), torch.float16),
        ("bfloat16", None, (8, 6), torch.bfloat16),
        ("bfloat16", None, (7, 5), torch.float32),  # a T4 has no bfloat16
        ("float32", None, (7, 5), torch.float32),
        ("bfloat16", "float16", (8, 6), torch.float16),  # the operator's comes first
        (None, "bfloat16", (8, 0), torch.bfloat16),
    ],
)
def test_operator_base_and_gpu_choose_the_type_in_this_order(
    monkeypatch: pytest.MonkeyPatch,
    base_dtype: str | None,
    asked: str | None,
    capability: tuple[int, int],
    chosen: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device: capability)
    assert choose_dtype(card(base_dtype), GPU, asked) is chosen
    wide = torch.bfloat16 if capability >= (8, 0) else torch.float32
    assert wider_dtype(GPU) is wide


def test_a_cpu_computes_in_float32() -> None:
    assert choose_dtype(card(None), CPU, None) is torch.float32
    assert choose_dtype(card("bfloat16"), CPU, None) is torch.float32


@pytest.mark.parametrize(("asked", "words"), [("half", DTYPE), ("bfloat16", "no bfloat16")])
def test_a_type_that_cannot_be_used_is_refused(asked: str, words: str) -> None:
    with pytest.raises(PrecisionError, match=words):
        choose_dtype(card(None), CPU, asked)


# --- pictures ---------------------------------------------------------------------------------


def test_a_base_that_overflows_float16_is_loaded_in_a_wider_type(
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(DTYPE, "float16")
    generator = Generator(overflowing(models, tmp_path / "base", 1e6), CPU)
    warm_up(generator)
    assert generator.dtype is torch.float32
    assert "overflows torch.float16; it is loaded again in torch.float32" in capsys.readouterr().err
    assert isinstance(kit.draw_rows(generator, [row(1, generator)])[0], Image.Image)


def test_a_base_that_overflows_every_type_does_not_serve(models: Path, tmp_path: Path) -> None:
    generator = Generator(overflowing(models, tmp_path / "base", 1e39), CPU)
    with pytest.raises(OverflowingBaseError, match=r"torch\.float32"):
        warm_up(generator)


def test_a_base_that_fits_keeps_its_type(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DTYPE, "float16")
    generator = Generator(models / "base", CPU)
    warm_up(generator)
    assert generator.dtype is torch.float16


def test_only_the_row_that_overflows_is_drawn_again_and_the_base_is_unchanged(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DTYPE, "float16")
    large = adapter(models, tmp_path / "large", 200.0)
    generator = Generator(models / "base", CPU)
    before = kit.draw_rows(generator, [row(1, generator)])
    pictures = kit.draw_rows(generator, [row(1, generator), row(2, generator, large)])
    assert isinstance(pictures[1], Image.Image)
    assert np.asarray(pictures[1]).std() > 1, "not black"
    assert generator.pipeline.unet.dtype is torch.float16
    again = kit.draw_rows(generator, [row(1, generator)])
    assert np.array_equal(np.asarray(before[0]), np.asarray(again[0])), "the weights came back"
    alone = kit.draw_rows(generator, [row(2, generator, large)])
    assert np.array_equal(np.asarray(pictures[1]), np.asarray(alone[0])), "as if drawn alone"


def test_a_row_that_overflows_float32_too_has_no_picture(models: Path, tmp_path: Path) -> None:
    huge = adapter(models, tmp_path / "huge", 1e18)
    generator = Generator(models / "base", CPU)
    pictures = kit.draw_rows(generator, [row(1, generator, huge), row(2, generator)])
    assert isinstance(pictures[0], PictureError)
    assert pictures[0].code == "picture_overflow"
    assert isinstance(pictures[1], Image.Image)


def test_every_type_has_its_name() -> None:
    assert {str(dtype).removeprefix("torch.") for dtype in precision.DTYPES.values()} == set(
        precision.DTYPES
    )
