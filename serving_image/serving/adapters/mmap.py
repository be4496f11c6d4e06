"""Memory-mapped weights: one copy of a file's values, and every tensor as a view of that copy."""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from mmap import ACCESS_COPY, mmap
from pathlib import Path

import torch
from torch import Tensor

from contracts.shared.weights.safetensors import TensorEntry

DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def map_file(path: Path) -> mmap:
    """Return a file's bytes as a memory map; the map stays open while something refers to it.

    Raises:
        OSError, ValueError: the file does not exist, or is empty.
    """
    with path.open("rb") as handle:
        # Nothing writes to the map, but torch warns about memory that is not writable.
        return mmap(handle.fileno(), 0, access=ACCESS_COPY)


def copy_values(content: mmap, start: int, entries: Iterable[TensorEntry]) -> Tensor:
    """Return a copy of every value in file order, as one tensor of shape (values,)."""
    return torch.cat(list(views_by_dtype(content, start, entries)))


def views_by_dtype(content: mmap, start: int, entries: Iterable[TensorEntry]) -> Iterator[Tensor]:
    """Yield one view for each run of neighbouring tensors of one dtype; most files have one run."""
    for dtype, group in groupby(entries, key=lambda entry: entry.dtype):
        run = list(group)
        count = sum(math.prod(entry.shape) for entry in run)
        offset = start + run[0].start
        yield torch.frombuffer(content, dtype=DTYPES[dtype], count=count, offset=offset)


def split_tensors(values: Tensor, entries: Iterable[TensorEntry]) -> dict[str, Tensor]:
    """Return each tensor by name as a view of ``values`` in its own shape."""
    shapes = {entry.name: entry.shape for entry in entries}
    parts = values.split([math.prod(shape) for shape in shapes.values()])
    return {
        name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }
