"""Reads what a LoRA file says of itself, without torch: its header, and whether its bytes fit it.

Layout: 8 bytes with the header's length, the header (JSON), then the tensors' bytes without gaps.
Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

BYTES_PER_VALUE = {"F32": 4, "F16": 2, "BF16": 2}

LARGEST_HEADER = 8 << 20
"""Bytes."""

LORA_KEY = re.compile(r"(unet|text_encoder|text_encoder_2)\.[A-Za-z0-9_.]{1,200}")
HALVES = {"lora_A.weight": "lora_B.weight", "lora.down.weight": "lora.up.weight"}
"""The two matrices of an adapted layer, as PEFT and as older diffusers call them."""

NOT_FINITE = {
    "F32": re.compile(rb"[\x7f\xff]"),
    "BF16": re.compile(rb"[\x7f\xff]"),
    "F16": re.compile(rb"[\x7c-\x7f\xfc-\xff]"),
}
"""High bytes of infinity and NaN; for F32 and BF16 also of everything above 1.7e38."""


class WeightsError(Exception):
    """The file is not a LoRA; its text is a code for the reason."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int
    """Offsets into the bytes after the header."""


def check_lora(data: bytes, rank: int, text_rank: int | None = None) -> None:
    """Refuse a file that is damaged, or is no LoRA of this rank (of text encoders: ``text_rank``).

    Raises:
        WeightsError: why.
    """
    entries, start = read_header(data)
    check_offsets(entries, len(data) - start)
    shapes = {entry.name: entry.shape for entry in entries}
    check_pairs(shapes, {"unet": rank, "text_encoder": text_rank or rank})
    body = memoryview(data)[start:]
    for entry in entries:
        check_values(body[entry.start : entry.end], entry.dtype)


def read_header(data: bytes) -> tuple[list[TensorEntry], int]:
    """Return the tensors in the order of their bytes, and where those bytes start."""
    size = int.from_bytes(data[:8], "little")
    if size > min(LARGEST_HEADER, len(data) - 8):
        raise WeightsError("header_damaged")
    try:
        header = json.loads(data[8 : 8 + size])
        entries = [entry_of(name, e) for name, e in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise WeightsError("header_damaged") from None
    return sorted(entries, key=lambda entry: entry.start), 8 + size


def entry_of(name: str, entry: dict[str, Any]) -> TensorEntry:
    """Return a header's entry; raises TypeError, ValueError or KeyError when it is none."""
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and number >= 0 for number in (start, end, *shape)):
        raise TypeError
    return TensorEntry(name, str(entry["dtype"]), shape, start, end)


def check_offsets(entries: list[TensorEntry], size: int) -> None:
    """Refuse gaps, overlaps, unknown types, and a file that ends too soon or too late."""
    expected = 0
    for entry in entries:
        width = BYTES_PER_VALUE.get(entry.dtype)
        if width is None:
            raise WeightsError("dtype_unknown")
        if entry.start != expected or entry.end - entry.start != width * math.prod(entry.shape):
            raise WeightsError("offsets_wrong")
        expected = entry.end
    if expected != size or not entries:
        raise WeightsError("size_wrong")


def check_pairs(shapes: dict[str, tuple[int, ...]], ranks: dict[str, int]) -> None:
    """Refuse anything but pairs of matrices: A with as many rows as its network's rank, B columns.

    ``ranks`` are by the beginning of a key: ``unet`` or ``text_encoder``.
    """
    downs = [name for name in shapes if name.endswith(tuple(HALVES))]
    partners = {name: partner_of(name) for name in downs}
    if {*partners, *partners.values()} != set(shapes) or not all_are_lora_keys(shapes):
        raise WeightsError("keys_unknown")
    for down, up in partners.items():
        rank = next(rank for network, rank in ranks.items() if down.startswith(network))
        if shapes[down][:1] != (rank,) or shapes[up][1:2] != (rank,):
            raise WeightsError("rank_wrong")


def partner_of(down: str) -> str:
    """Return the name of the other matrix of the same layer."""
    for half, other in HALVES.items():
        if down.endswith(half):
            return down.removesuffix(half) + other
    raise WeightsError("keys_unknown")


def all_are_lora_keys(names: Iterable[str]) -> bool:
    """Whether every tensor belongs to a network that an adapter may change."""
    return all(LORA_KEY.fullmatch(name) for name in names)


def check_values(values: memoryview, dtype: str) -> None:
    """Refuse infinity and NaN; the high byte of each little-endian value is enough to see them."""
    width = BYTES_PER_VALUE[dtype]
    if NOT_FINITE[dtype].search(bytes(values[width - 1 :: width])):
        raise WeightsError("values_not_finite")
