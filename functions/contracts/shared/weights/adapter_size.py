"""How large an adapter's file is: pairs of one rank for each kind of network, in float32.

An adapter that is too large to be published is refused before a step is paid: by its file's header
where it is imported, and by the base's layers in the trainer.
"""

from collections import defaultdict
from collections.abc import Mapping
from math import prod

from contracts.shared.limits import MAX_ADAPTER_BYTES
from contracts.shared.weights.lora_kinds import split_key

BYTES_PER_VALUE = 4
"""Adapters are delivered and published in float32."""

HEADER_BYTES = 1 << 20
"""Room for the names of the tensors: a LoCon of SDXL has 0.3 MB of them."""

MAX_VALUES = (MAX_ADAPTER_BYTES - HEADER_BYTES) // BYTES_PER_VALUE
"""Largest number of values of an adapter that is published."""

_TEXT_LAYER = ("self_attn", "mlp")
"""Parts of the name of every adapted layer of a text encoder, whatever tool wrote it."""


def size_of(values: int) -> int:
    """Return the bytes of a file with so many values."""
    return values * BYTES_PER_VALUE + HEADER_BYTES


def is_too_large(values: int) -> bool:
    """Return whether an adapter with so many values is too large to be published."""
    return size_of(values) > MAX_ADAPTER_BYTES


def fitting_rank(rank: int, values: int) -> int:
    """Return the largest rank that fits, given the values at another rank; 0: none does.

    >>> fitting_rank(128, 709 * 2**20 // 4)
    90
    """
    return rank * MAX_VALUES // values


def least_values(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int]:
    """Return how many values a file of some tool has at least once its pairs have one rank.

    LoHa and LoKr count for nothing here: their ranks as plain pairs are found by the trainer.

    Args:
        shapes: the shape of each tensor by its name.

    Returns:
        The number of values, and the largest rank of a pair.

    >>> least_values({"lora_unet_a.lora_down.weight": (4, 8), "lora_unet_a.lora_up.weight": (6, 4)})
    (56, 4)
    """
    layers: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for name, shape in shapes.items():
        layer, part = split_key(name) or (name, "")
        layers[layer][part] = shape
    sides: dict[bool, int] = defaultdict(int)
    ranks: dict[bool, int] = defaultdict(int)
    for layer, parts in layers.items():
        if {"down", "up"} <= parts.keys() and parts["down"] and parts["up"]:
            is_of_text = any(part in layer for part in _TEXT_LAYER)
            sides[is_of_text] += prod(parts["down"][1:]) + parts["up"][0]
            ranks[is_of_text] = max(ranks[is_of_text], parts["down"][0])
    return sum(ranks[kind] * sides[kind] for kind in sides), max(ranks.values(), default=0)
