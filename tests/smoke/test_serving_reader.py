"""An adapter is read only if it is whole, of this base, and of its manifest.

No pipeline and no server; runs in the serving environment.
"""

import json
import math
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

torch = pytest.importorskip("torch", reason="needs the serving environment")
from torch import nn  # noqa: E402

from serving.adapters.reader import AdapterReader, find_layers  # noqa: E402
from serving.picture_error import PictureError  # noqa: E402
from tests.unit.training_kit import safetensors  # noqa: E402

pytestmark = [pytest.mark.serving, pytest.mark.filterwarnings("ignore")]

BASE_SHA256, CPU = "b" * 64, torch.device("cpu")
UNET, TEXT = "unet.mid.to_k", "text_encoder.text_model.q_proj"
LAYERS: dict[str, Any] = {UNET: nn.Linear(4, 3), TEXT: nn.Linear(2, 2)}
CONVOLUTION = "unet.mid.conv1"


def tensors(rank: int = 2, text_rank: int = 1, value: float = 0.5) -> dict[str, Any]:
    """A pair for each layer: A is (rank, in), B is (out, rank)."""
    return {
        f"{UNET}.lora_A.weight": matrix(rank, 4, value),
        f"{UNET}.lora_B.weight": matrix(3, rank, value),
        f"{TEXT}.lora_A.weight": matrix(text_rank, 2, value),
        f"{TEXT}.lora_B.weight": matrix(2, text_rank, value),
    }


def matrix(rows: int, columns: int, value: float) -> tuple[tuple[int, int], bytes]:
    return (rows, columns), struct.pack(f"<{rows * columns}f", *[value] * (rows * columns))


def write(folder: Path, weights: bytes, **changes: Any) -> Path:
    """Leave an adapter's folder as PublishAdapter packs it."""
    (folder / "pytorch_lora_weights.safetensors").write_bytes(weights)
    manifest = {
        "schema_version": 1,
        "job_id": "1" * 32,
        "base_id": "tiny",
        "base_revision": "1",
        "base_sha256": BASE_SHA256,
        "family": "sdxl",
        "prediction_type": "epsilon",
        "rank": 2,
        "lora_alpha": 2.0,
        "text_encoder_rank": 1,
        "trigger_word": "zwx",
        "resolution": 64,
        "weights_sha256": sha256(weights).hexdigest(),
        **changes,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def reader() -> AdapterReader:
    return AdapterReader(BASE_SHA256, LAYERS, CPU, torch.float32)


def why(folder: Path) -> str:
    with pytest.raises(PictureError) as caught:
        reader().read(folder)
    return str(caught.value).removeprefix("likeness/")


def test_a_whole_adapter_is_read_with_the_values_that_it_has(tmp_path: Path) -> None:
    weights = safetensors(tensors(value=0.25))
    adapter = reader().read(write(tmp_path, weights))
    assert adapter.sha256 == sha256(weights).hexdigest()
    assert (adapter.trigger_word, adapter.job_id, adapter.size) == ("zwx", "1" * 32, 18 * 4)
    assert set(adapter.pairs) == set(LAYERS)
    down, up, _ = adapter.pairs[UNET]
    assert (down.shape, up.shape) == ((2, 4), (3, 2))
    assert torch.equal(up, torch.full((3, 2), 0.25))


class Sides(NamedTuple):
    """Shapes of one convolution's tensors in a file."""

    down: tuple[int, ...] = (2, 4, 3, 3)
    up: tuple[int, ...] = (5, 2, 1, 1)
    lengths: tuple[int, ...] = (1, 5, 1, 1)


def convolution(sides: Sides, lengths: str = "lora_magnitude_vector") -> bytes:
    names = ("lora_A.weight", "lora_B.weight", lengths)
    found = {
        f"{CONVOLUTION}.{name}": (shape, struct.pack("<f", 0.5) * math.prod(shape))
        for name, shape in zip(names, sides, strict=True)
    }
    return safetensors(found)


@pytest.fixture
def with_convolution(monkeypatch: pytest.MonkeyPatch) -> nn.Conv2d:
    layer = nn.Conv2d(4, 5, 3)
    monkeypatch.setitem(LAYERS, CONVOLUTION, layer)
    return layer


@pytest.mark.parametrize("name", ["lora_magnitude_vector", "lora_magnitude_vector.weight"])
def test_a_convolution_of_a_dora_is_read_and_all_that_it_needs_is_counted(
    tmp_path: Path, with_convolution: nn.Conv2d, name: str
) -> None:
    adapter = reader().read(write(tmp_path, convolution(Sides(), name)))
    pair = adapter.pairs[CONVOLUTION]
    assert pair.gain is not None
    rows = (with_convolution.weight + 0.5).flatten(1).norm(dim=1)  # 2 x 0.5 x 0.5 is the change
    assert torch.allclose(pair.gain.flatten(), 0.5 / rows - 1, atol=1e-5)
    assert torch.allclose(pair.up[:, 0].flatten(), 0.5 * 0.5 / rows, atol=1e-5)
    assert adapter.size == 4 * ((72 + 10 + 5) + (10 + 5))  # the file, and B and the factors anew


@pytest.mark.usefixtures("with_convolution")
@pytest.mark.parametrize(
    "sides",
    [
        Sides(down=(2, 4, 1, 1)),
        Sides(down=(2, 3, 3, 3)),
        Sides(down=(1, 4, 3, 3)),
        Sides(up=(5, 2)),
        Sides(up=(4, 2, 1, 1)),
        Sides(lengths=(5,)),
        Sides(lengths=(1, 4, 1, 1)),
    ],
)
def test_a_convolution_that_does_not_fit_is_refused(tmp_path: Path, sides: Sides) -> None:
    write(tmp_path, convolution(sides))
    assert why(tmp_path) == "adapter_invalid: a tensor's shape does not fit the base"


def test_only_convolutions_of_all_channels_between_zeros_are_changeable() -> None:
    network = nn.Sequential(
        nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, groups=2), nn.Linear(4, 4),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"),
    )  # fmt: skip
    assert set(find_layers({"unet": network})) == {"unet.0", "unet.2"}


def test_weights_that_are_not_the_manifest_s_are_refused(tmp_path: Path) -> None:
    write(tmp_path, safetensors(tensors()), weights_sha256="f" * 64)
    assert why(tmp_path) == "adapter_invalid: the weights are not those of manifest.json"


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    write(tmp_path, safetensors(tensors()), base_sha256="c" * 64)
    assert why(tmp_path) == "wrong_base: the adapter was trained on another base"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_weight_that_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    weights = tensors()
    weights[f"{UNET}.lora_B.weight"] = matrix(3, 2, value)
    write(tmp_path, safetensors(weights))
    assert why(tmp_path) == "adapter_invalid: a weight is not a finite number"


@pytest.mark.parametrize(
    ("weights", "changes"),
    [
        (tensors(rank=1), {}),
        (tensors(text_rank=2), {}),
        (tensors(), {"rank": 4}),
        (tensors(), {"text_encoder_rank": None}),
        ({**tensors(), f"{UNET}.lora_A.weight": matrix(2, 3, 0.5)}, {}),
        ({**tensors(), f"{UNET}.lora_B.weight": matrix(4, 2, 0.5)}, {}),
    ],
)
def test_a_shape_that_fits_neither_base_nor_manifest_is_refused(
    tmp_path: Path, weights: dict[str, Any], changes: dict[str, Any]
) -> None:
    write(tmp_path, safetensors(weights), **changes)
    assert why(tmp_path) == "adapter_invalid: a tensor's shape does not fit the base"


def test_what_the_base_does_not_have_is_refused(tmp_path: Path) -> None:
    other = {name.replace("mid", "far"): found for name, found in tensors().items()}
    write(tmp_path, safetensors(other))
    assert why(tmp_path) == "adapter_invalid: a tensor names a layer that the base does not have"


@pytest.mark.parametrize("lost", ["lora_A", "lora_B"])
def test_half_a_pair_is_refused(tmp_path: Path, lost: str) -> None:
    half = {name: found for name, found in tensors().items() if name != f"{UNET}.{lost}.weight"}
    write(tmp_path, safetensors(half))
    assert why(tmp_path) == "adapter_invalid: one matrix of a LoRA pair is missing"


@pytest.mark.parametrize("name", ["vae.mid.to_k.lora_A.weight", "unet.mid.to_k.weight"])
def test_what_is_no_part_of_an_adapter_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, safetensors({**tensors(), name: matrix(2, 4, 0.5)}))
    assert why(tmp_path) == "adapter_invalid: a tensor is not part of a LoRA adapter"


def test_a_file_that_is_missing_or_damaged_is_refused(tmp_path: Path) -> None:
    write(tmp_path, b"not safetensors")
    assert why(tmp_path) == "adapter_invalid: the weights are not a safetensors file"
    (tmp_path / "pytorch_lora_weights.safetensors").unlink()
    assert why(tmp_path) == "adapter_invalid: a file is missing or not valid"
    (tmp_path / "manifest.json").write_text("{}")
    assert why(tmp_path) == "adapter_invalid: a file is missing or not valid"
