"""A weights file as one tensor, and its parts as views of it: one copy, however many layers."""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from mmap import ACCESS_COPY, mmap
from pathlib import Path

import torch
from torch import Tensor

from contracts.shared.safetensors import TensorEntry

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def map_file(path: Path) -> mmap:
    """Return a file's bytes without reading them; it is open until nobody holds them.

    Raises:
        OSError, ValueError: it is not there, or empty.
    """
    with path.open("rb") as handle:
        # Nothing is ever written. But torch warns of memory that it could not write to.
        return mmap(handle.fileno(), 0, access=ACCESS_COPY)


def flatten(content: mmap, start: int, entries: Iterable[TensorEntry]) -> Tensor:
    """Return a copy of every value, in the order of the file: shape (values,)."""
    return torch.cat(list(runs(content, start, entries)))


def runs(content: mmap, start: int, entries: Iterable[TensorEntry]) -> Iterator[Tensor]:
    """Yield views of neighbours of one type; a file mostly is one."""
    for dtype, group in groupby(entries, key=lambda entry: entry.dtype):
        run = list(group)
        count = sum(math.prod(entry.shape) for entry in run)
        offset = start + run[0].start
        yield torch.frombuffer(content, dtype=DTYPES[dtype], count=count, offset=offset)


def cut(flat: Tensor, entries: Iterable[TensorEntry]) -> dict[str, Tensor]:
    """Return each tensor by name, in its shape; nothing is copied."""
    shapes = {entry.name: entry.shape for entry in entries}
    parts = flat.split([math.prod(shape) for shape in shapes.values()])
    return {
        name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
