import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.shared.safetensors import WeightsError
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
