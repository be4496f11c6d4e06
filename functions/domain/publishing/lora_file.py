"""Check, without torch, that a safetensors file is a LoRA of a given rank with finite weights."""

import re
from collections.abc import Collection

from contracts.shared.weights.families import FAMILIES, Family
from contracts.shared.weights.safetensors import (
    BYTES_PER_VALUE,
    OTHER_TYPES,
    WeightsError,
    read_layout,
)

LAYER = re.compile(r"[A-Za-z0-9_.]{1,200}")
"""The part of a tensor's name after its network."""

HALVES = {"lora_A.weight": "lora_B.weight", "lora.down.weight": "lora.up.weight"}
"""Names of an adapted layer's two matrices, in PEFT and in older diffusers."""

MAGNITUDES = ("lora_magnitude_vector", "lora_magnitude_vector.weight")
"""Names of DoRA's row lengths, a tensor beside the two matrices: peft's, and the one by which
diffusers finds them in a text encoder."""

MATRIX_SIDES, CONVOLUTION_SIDES = 2, 4
"""Axes of the weights of a linear layer and of a convolution."""

NOT_FINITE = {
    "F32": re.compile(rb"[\x7f\xff]"),
    "BF16": re.compile(rb"[\x7f\xff]"),
    "F16": re.compile(rb"[\x7c-\x7f\xfc-\xff]"),
    "F64": re.compile(rb"[\x7f\xff]"),
    "F8_E4M3": re.compile(rb"[\x7f\xff]"),
    "F8_E5M2": re.compile(rb"[\x7c-\x7f\xfc-\xff]"),
}
"""High bytes of infinity and NaN; for F32, BF16 and F64 also of the largest values, from 1.7e38 and
1.1e306 on."""


def check_lora(
    data: bytes, rank: int, text_rank: int | None = None, family: Family = FAMILIES["sdxl"]
) -> None:
    """Refuse a file that is damaged or is not a LoRA of this rank.

    Args:
        data: the file.
        rank: rank of the denoising network's adapters.
        text_rank: rank of the text encoders' adapters; None: the same.
        family: of the base; it says which networks an adapter may change.

    Raises:
        WeightsError: with a code for the reason.
    """
    start, entries = read_layout(data)
    shapes = {entry.name: entry.shape for entry in entries}
    ranks = dict.fromkeys(family.networks, text_rank or rank) | {family.network: rank}
    check_pairs(shapes, ranks)
    body = memoryview(data)[start:]
    for entry in entries:
        check_values(body[entry.start : entry.end], entry.dtype)


def check_pairs(shapes: dict[str, tuple[int, ...]], ranks: dict[str, int]) -> None:
    """Refuse anything but pairs of matrices: A has ``rank`` rows, B has ``rank`` columns.

    A convolution's A has the kernel as its third and fourth side, and its B has sides of 1. A DoRA
    has lengths beside a pair, of as many values as B has rows.

    The keys of ``ranks`` are the networks that an adapter may change.
    """
    downs = [name for name in shapes if name.endswith(tuple(HALVES))]
    partners = {name: partner_of(name) for name in downs}
    magnitudes = {
        down.removesuffix(half) + magnitude: up
        for down, up in partners.items()
        for half in HALVES
        if down.endswith(half)
        for magnitude in MAGNITUDES
    }
    lengths = {name: up for name, up in magnitudes.items() if name in shapes}
    if {*partners, *partners.values(), *lengths} != set(shapes) or not all(
        is_lora_key(name, ranks) for name in shapes
    ):
        raise WeightsError("keys_unknown")
    for down, up in partners.items():
        rank = ranks[down.partition(".")[0]]
        if shapes[down][:1] != (rank,) or shapes[up][1:2] != (rank,):
            raise WeightsError("rank_wrong")
        if not are_halves(shapes[down], shapes[up]):
            raise WeightsError("shape_wrong")
    for name, up in lengths.items():
        if shapes[name] != lengths_shape(shapes[up]):
            raise WeightsError("rank_wrong")


def are_halves(down: tuple[int, ...], up: tuple[int, ...]) -> bool:
    """Return whether two shapes are those of a linear layer's or a convolution's pair.

    >>> are_halves((4, 8), (6, 4)), are_halves((4, 8, 3, 3), (6, 4, 1, 1))
    (True, True)
    >>> are_halves((4, 8, 3, 3), (6, 4)), are_halves((4, 8), (6, 4, 1, 1))
    (False, False)
    """
    linear = len(down) == len(up) == MATRIX_SIDES
    return linear or (len(down) == CONVOLUTION_SIDES and up[MATRIX_SIDES:] == (1, 1))


def lengths_shape(up: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of DoRA's lengths beside a B: peft keeps a convolution's axes.

    >>> lengths_shape((6, 4)), lengths_shape((6, 4, 1, 1))
    ((6,), (1, 6, 1, 1))
    """
    return up[:1] if len(up) == MATRIX_SIDES else (1, *up[:1], *up[MATRIX_SIDES:])


def partner_of(down: str) -> str:
    """Return the name of the layer's second matrix."""
    for half, other in HALVES.items():
        if down.endswith(half):
            return down.removesuffix(half) + other
    raise WeightsError("keys_unknown")


def is_lora_key(name: str, networks: Collection[str]) -> bool:
    """Return whether a tensor belongs to a network that an adapter may change."""
    network, _, layer = name.partition(".")
    return network in networks and LAYER.fullmatch(layer) is not None


def check_values(values: memoryview, dtype: str) -> None:
    """Refuse infinity and NaN; the high byte of each little-endian value shows them."""
    width = (BYTES_PER_VALUE | OTHER_TYPES)[dtype]
    if dtype in NOT_FINITE and NOT_FINITE[dtype].search(bytes(values[width - 1 :: width])):
        raise WeightsError("values_not_finite")
