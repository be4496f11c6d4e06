"""Read the header of a safetensors file without torch.

Layout: 8 bytes with the header's length, the header (JSON), then the tensors' bytes without gaps.
Source: https://github.com/huggingface/safetensors, "Format".
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import Any

BYTES_PER_VALUE = {"F32": 4, "F16": 2, "BF16": 2}

OTHER_TYPES = {"F64": 8, "I64": 8, "I32": 4, "F8_E4M3": 1, "F8_E5M2": 1}
"""Bytes of the types that other tools' LoRAs have too; our own files have none of them."""

MAX_HEADER_BYTES = 8 << 20


class WeightsError(Exception):
    """The file is invalid; the exception's text is a code for the reason."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of the header."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int
    """End of the tensor; both offsets count from the end of the header."""


def read_layout(
    data: bytes | mmap, types: Mapping[str, int] = BYTES_PER_VALUE
) -> tuple[int, list[TensorEntry]]:
    """Return the offset of the first tensor, and the tensors in the order of their bytes.

    Args:
        data: the file.
        types: the types that a tensor may have, each with its bytes for a value.

    Raises:
        WeightsError: ``header_damaged``, ``dtype_unknown``, ``offsets_wrong`` or ``size_wrong``.
    """
    start, entries = read_header(data)
    check_offsets(entries, len(data) - start, types)
    return start, entries


def read_header(data: bytes | mmap) -> tuple[int, list[TensorEntry]]:
    """Return the offset of the first tensor and the header's entries, without checking them."""
    size = int.from_bytes(data[:8], "little")
    if size > min(MAX_HEADER_BYTES, len(data) - 8):
        raise WeightsError("header_damaged")
    try:
        header = json.loads(data[8 : 8 + size])
        entries = [entry_of(name, e) for name, e in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise WeightsError("header_damaged") from None
    return 8 + size, sorted(entries, key=lambda entry: (entry.start, entry.end))


def entry_of(name: str, entry: dict[str, Any]) -> TensorEntry:
    """Return one entry; raise TypeError, ValueError or KeyError when it is invalid."""
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and number >= 0 for number in (start, end, *shape)):
        raise TypeError
    return TensorEntry(name, str(entry["dtype"]), shape, start, end)


def check_offsets(
    entries: list[TensorEntry], size: int, types: Mapping[str, int] = BYTES_PER_VALUE
) -> None:
    """Refuse gaps, overlaps, unknown types, and a file of the wrong length."""
    expected = 0
    for entry in entries:
        width = types.get(entry.dtype)
        if width is None:
            raise WeightsError("dtype_unknown")
        if entry.start != expected or entry.end - entry.start != width * math.prod(entry.shape):
            raise WeightsError("offsets_wrong")
        expected = entry.end
    if expected != size or not entries:
        raise WeightsError("size_wrong")
