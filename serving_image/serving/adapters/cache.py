"""Adapters in device memory, least recently used out; the capacity is in bytes."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from serving.adapters.reader import Adapter
from serving.tensors import PictureError


class FileKey(NamedTuple):
    """One version of one weights file, so that new weights under an old path are read again."""

    folder: Path
    modified_ns: int
    size: int


class AdapterCache:
    """Keeps adapters on the device; an adapter that a pass uses is never thrown out."""

    def __init__(self, read: Callable[[Path], Adapter], capacity_bytes: int) -> None:
        self.read = read
        self.capacity_bytes = capacity_bytes
        self.resident: OrderedDict[FileKey, Adapter] = OrderedDict()
        self.pinned: set[FileKey] = set()
        self.hits = 0
        self.misses = 0
        self.seconds = 0.0
        """Total time spent on finding and reading adapters."""

    @property
    def resident_bytes(self) -> int:
        """Size of all resident adapters on the device."""
        return sum(adapter.size for adapter in self.resident.values())

    @contextmanager
    def pin(self) -> Iterator[Callable[[Path], Adapter]]:
        """Give a function that finds adapters and keeps each of them until the block ends."""
        try:
            yield self.find
        finally:
            self.pinned.clear()
            self.shrink(self.capacity_bytes)

    def find(self, folder: Path) -> Adapter:
        """Return a folder's adapter; read it first if it is not resident."""
        started = time.perf_counter()
        key = file_key(folder)
        adapter = self.resident.get(key)
        if adapter is None:
            adapter = self.read(folder)
            self.misses += 1
            self.resident[key] = adapter
        else:
            self.hits += 1
            self.resident.move_to_end(key)
        self.pinned.add(key)
        self.shrink(self.capacity_bytes)
        self.seconds += time.perf_counter() - started
        return adapter

    def shrink(self, capacity_bytes: int) -> None:
        """Throw out the least recently used adapters that no pass uses, down to the capacity."""
        excess = self.resident_bytes - capacity_bytes
        for key in [key for key in self.resident if key not in self.pinned]:
            if excess <= 0:
                return
            excess -= self.resident.pop(key).size


def file_key(folder: Path) -> FileKey:
    """Return the key of a folder's weights file as it is now."""
    try:
        state = (folder / "pytorch_lora_weights.safetensors").stat()
    except OSError:
        raise PictureError("adapter_invalid", "a file is missing or not valid") from None
    return FileKey(folder, state.st_mtime_ns, state.st_size)
