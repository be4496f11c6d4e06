"""A LoRA file is accepted only if it is whole, finite and of the expected rank."""

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shared.weights.families import FAMILIES, Family
from contracts.shared.weights.safetensors import WeightsError, read_layout
from domain.publishing.lora_file import check_lora
from tests.unit.training_kit import lora, safetensors

DOWN, UP = "unet.mid.to_k.lora_A.weight", "unet.mid.to_k.lora_B.weight"


def pair(down: bytes, dtype: str = "F32", width: int = 4) -> bytes:
    """A rank-1 LoRA of one layer."""
    return safetensors({DOWN: ((1, width), down), UP: ((width, 1), bytes(len(down)))}, dtype)


def why(data: bytes, rank: int = 1) -> str:
    with pytest.raises(WeightsError) as caught:
        check_lora(data, rank)
    return str(caught.value)


def test_a_lora_passes() -> None:
    check_lora(lora(rank=2), rank=2)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision_passes(dtype: str) -> None:
    check_lora(pair(b"\x00\x3c" * 4, dtype), rank=1)


@pytest.mark.parametrize("cut", [0, 7, 8, 50])
def test_a_file_cut_in_its_header_is_refused(cut: int) -> None:
    assert why(lora()[:cut], rank=2) == "header_damaged"


def test_a_file_that_ends_too_soon_is_refused() -> None:
    assert why(lora()[:-1], rank=2) == "size_wrong"


def test_a_file_with_something_behind_its_end_is_refused() -> None:
    assert why(lora() + b"x", rank=2) == "size_wrong"


def test_another_rank_is_refused() -> None:
    assert why(lora(rank=2), rank=4) == "rank_wrong"


def test_an_unknown_type_is_refused() -> None:
    assert why(pair(bytes(16), "F64")) == "dtype_unknown"


def test_a_matrix_without_its_partner_is_refused() -> None:
    assert why(safetensors({DOWN: ((1, 4), bytes(16))})) == "keys_unknown"


@pytest.mark.parametrize("network", ["vae", "unet/..", "safety_checker"])
def test_a_network_that_no_adapter_may_change_is_refused(network: str) -> None:
    down, up = f"{network}.to_k.lora_A.weight", f"{network}.to_k.lora_B.weight"
    assert why(safetensors({down: ((1, 4), bytes(16)), up: ((4, 1), bytes(16))})) == "keys_unknown"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", [0, 3])
def test_one_number_that_is_none_is_refused(bad: float, place: int) -> None:
    values = [0.5] * 4
    values[place] = bad
    assert why(pair(struct.pack("<4f", *values))) == "values_not_finite"
    assert why(pair(struct.pack("<4e", *values), "F16")) == "values_not_finite"


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=4, max_size=4))
def test_every_finite_number_passes(values: list[float]) -> None:
    check_lora(pair(struct.pack("<4f", *values)), rank=1)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    why(data)


def placed(**places: tuple[int, int]) -> bytes:
    """A file of 32 bytes of tensors, each of four F32 numbers where ``places`` says."""
    header = {
        name: {"dtype": "F32", "shape": [1, 4], "data_offsets": list(span)}
        for name, span in places.items()
    }
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(32)


def test_tensors_that_lie_one_behind_the_other_pass_in_any_order_of_the_header() -> None:
    _, entries = read_layout(placed(second=(16, 32), first=(0, 16)))
    assert [entry.name for entry in entries] == ["first", "second"]


@pytest.mark.parametrize(
    "places",
    [
        {"a": (0, 16), "b": (17, 33)},  # a gap
        {"a": (0, 16), "b": (12, 28)},  # an overlap
        {"a": (0, 16), "b": (0, 16)},  # twice the same bytes
        {"a": (16, 32)},  # a gap at the start
        {"a": (0, 16), "b": (16, 28)},  # fewer bytes than its shape has
        {"a": (0, 16), "b": (16, 36)},  # more
    ],
)
def test_gaps_and_overlaps_between_tensors_are_refused(places: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(WeightsError, match="offsets_wrong"):
        read_layout(placed(**places))


def test_bytes_that_belong_to_no_tensor_are_refused() -> None:
    with pytest.raises(WeightsError, match="size_wrong"):
        read_layout(placed(a=(0, 16)))
    with pytest.raises(WeightsError, match="size_wrong"):
        read_layout(placed()[:-32])


def rank_of(shapes: dict[str, tuple[int, ...]], rank: int, text_rank: int | None = None) -> str:
    """What is message of a file of these shapes; nothing, where it passes."""
    tensors = {name: (shape, bytes(4 * math.prod(shape))) for name, shape in shapes.items()}
    try:
        check_lora(safetensors(tensors), rank, text_rank)
    except WeightsError as error:
        return str(error)
    return ""


KERNEL = {DOWN: (2, 4, 3, 3), UP: (6, 2, 1, 1)}
LENGTHS = "unet.mid.to_k.lora_magnitude_vector"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (KERNEL, ""),
        ({DOWN: (2, 4, 1, 1), UP: (6, 2, 1, 1)}, ""),
        ({**KERNEL, UP: (6, 2)}, "shape_wrong"),
        ({**KERNEL, UP: (6, 2, 3, 3)}, "shape_wrong"),
        ({DOWN: (2, 4), UP: (6, 2, 1, 1)}, "shape_wrong"),
        ({DOWN: (2, 4, 3), UP: (6, 2, 1)}, "shape_wrong"),
        ({**KERNEL, DOWN: (3, 4, 3, 3)}, "rank_wrong"),
        ({**KERNEL, LENGTHS: (1, 6, 1, 1)}, ""),
        ({**KERNEL, LENGTHS: (6,)}, "rank_wrong"),
        ({DOWN: (2, 4), UP: (6, 2), LENGTHS: (6,)}, ""),
        ({DOWN: (2, 4), UP: (6, 2), f"{LENGTHS}.weight": (6,)}, ""),
        ({DOWN: (2, 4), UP: (6, 2), LENGTHS: (4,)}, "rank_wrong"),
        ({DOWN: (2, 4), UP: (6, 2), LENGTHS: (1, 6)}, "rank_wrong"),
        ({DOWN: (2, 4), UP: (6, 2), "unet.x.lora_magnitude_vector": (6,)}, "keys_unknown"),
    ],
)
def test_a_convolution_and_a_dora_have_the_axes_that_peft_gives_them(
    shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    assert rank_of(shapes, 2) == message


TEXT_DOWN, TEXT_UP = "text_encoder.q.lora_A.weight", "text_encoder.q.lora_B.weight"
SECOND_DOWN, SECOND_UP = "text_encoder_2.q.lora.down.weight", "text_encoder_2.q.lora.up.weight"


@pytest.mark.parametrize(
    ("shapes", "rank", "text_rank", "message"),
    [
        ({DOWN: (2, 4), UP: (4, 2)}, 2, None, ""),
        ({DOWN: (2, 4), UP: (4, 3)}, 2, None, "rank_wrong"),
        ({DOWN: (3, 4), UP: (4, 2)}, 2, None, "rank_wrong"),
        ({TEXT_DOWN: (2, 4), TEXT_UP: (4, 2)}, 2, None, ""),
        ({TEXT_DOWN: (1, 4), TEXT_UP: (4, 1)}, 2, 1, ""),
        ({TEXT_DOWN: (2, 4), TEXT_UP: (4, 2)}, 2, 1, "rank_wrong"),
        ({SECOND_DOWN: (1, 4), SECOND_UP: (4, 1)}, 2, 1, ""),
        ({SECOND_DOWN: (2, 4), SECOND_UP: (4, 2)}, 2, 1, "rank_wrong"),
        ({DOWN: (2, 4), UP: (4, 2), TEXT_DOWN: (1, 4), TEXT_UP: (4, 1)}, 2, 1, ""),
        ({DOWN: (2, 4), SECOND_UP: (4, 2)}, 2, None, "keys_unknown"),
        ({UP: (4, 2)}, 2, None, "keys_unknown"),
        ({DOWN: (2, 4), UP: (4, 2), "unet.mid.to_k.alpha": (1, 1)}, 2, None, "keys_unknown"),
    ],
)
def test_a_pair_has_the_rank_of_its_network(
    shapes: dict[str, tuple[int, ...]], rank: int, text_rank: int | None, message: str
) -> None:
    assert rank_of(shapes, rank, text_rank) == message


@pytest.mark.parametrize(("length", "message"), [(200, ""), (201, "keys_unknown")])
def test_a_layer_has_a_name_of_sensible_length(length: int, message: str) -> None:
    down, up = (
        f"unet.{'x' * (length - len(end))}{end}" for end in (".lora_A.weight", ".lora_B.weight")
    )
    assert rank_of({down: (2, 4), up: (4, 2)}, 2) == message


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_every_value_is_looked_at_by_its_high_byte(dtype: str) -> None:
    width = {"F32": 4, "F16": 2, "BF16": 2}[dtype]
    for place in range(4):
        values = bytearray(width * 4)
        values[width * place + width - 1] = 0x7F
        assert why(pair(bytes(values), dtype)) == "values_not_finite"
        low = bytearray(width * 4)
        low[width * place] = 0x7F
        check_lora(pair(bytes(low), dtype), rank=1)


def test_a_zimage_has_layers_of_its_transformer_and_no_others() -> None:
    def reason(network: str, family: Family) -> str:
        halves = {f"{network}.layers.0.attention.to_q.lora_{half}.weight": half for half in "AB"}
        tensors = {
            name: ((2, 4) if half == "A" else (4, 2), bytes(32)) for name, half in halves.items()
        }
        try:
            check_lora(safetensors(tensors), 2, None, family)
        except WeightsError as error:
            return str(error)
        return ""

    zimage, sdxl = FAMILIES["zimage"], FAMILIES["sdxl"]
    assert reason("transformer", zimage) == reason("unet", sdxl) == ""
    assert reason("unet", zimage) == reason("transformer", sdxl) == "keys_unknown"
    assert reason("text_encoder", zimage) == "keys_unknown"
