"""Adapters in device memory, least recently used out; the capacity is in bytes."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from serving.adapters.reader import Adapter
from serving.picture_error import PictureError, erased_error


class FileKey(NamedTuple):
    """One version of one weights file, so that new weights under an old path are read again."""

    folder: Path
    modified_ns: int
    size: int


class AdapterCache:
    """Keeps adapters on the device; an adapter that a request uses is never thrown out.

    Any thread may use it. A file is read by one thread at a time, and meanwhile other threads find
    what is resident.
    """

    def __init__(self, read: Callable[[Path], Adapter], capacity_bytes: int) -> None:
        self.read = read
        self.capacity_bytes = capacity_bytes
        self.resident: OrderedDict[FileKey, Adapter] = OrderedDict()
        self.pinned: Counter[FileKey] = Counter()
        """By adapter, how many requests use it."""
        self.erased: set[str] = set()
        """Ids of the models that are not found: erased for ever, or disabled."""
        self.hits = 0
        self.misses = 0
        self.seconds = 0.0
        """Total time spent on finding and reading adapters."""
        self._lock, self._reading = RLock(), RLock()

    @property
    def resident_bytes(self) -> int:
        """Size of all resident adapters on the device."""
        with self._lock:
            return sum(adapter.size for adapter in self.resident.values())

    @contextmanager
    def pin(self) -> Iterator[Callable[[Path], Adapter]]:
        """Give a function that finds adapters and keeps each of them until the block ends."""
        lease = Lease(self)
        try:
            yield lease.find
        finally:
            lease.release()

    def find(self, folder: Path, lease: "Lease | None" = None) -> Adapter:
        """Return a folder's adapter; read it first if it is not resident.

        Args:
            folder: the package's adapter folder.
            lease: keeps the adapter until it is released.

        Raises:
            PictureError: ``adapter_invalid``: its files are gone or damaged, or it was erased.
        """
        started = time.perf_counter()
        key = file_key(folder)
        adapter = self._look_up(key, lease)
        if adapter is None:
            with self._reading:
                # Another thread may have read it while this one waited.
                adapter = self._look_up(key, lease) or self._keep(key, self.read(folder), lease)
        self.seconds += time.perf_counter() - started
        return adapter

    def _look_up(self, key: FileKey, lease: "Lease | None") -> Adapter | None:
        with self._lock:
            adapter = self.resident.get(key)
            if adapter is not None:
                self.refuse_erased(adapter)
                self.hits += 1
                self.resident.move_to_end(key)
                self._pin(key, lease)
            return adapter

    def _keep(self, key: FileKey, adapter: Adapter, lease: "Lease | None") -> Adapter:
        with self._lock:
            self.refuse_erased(adapter)
            self.misses += 1
            self.resident[key] = adapter
            self._pin(key, lease)
            self.shrink(self.capacity_bytes)
            return adapter

    def refuse_erased(self, adapter: Adapter) -> None:
        """Raise when the adapter's model was erased."""
        if adapter.job_id in self.erased:
            raise erased_error()

    def drop(self, job_ids: set[str]) -> None:
        """Forget erased or disabled models, also those that a request uses; other models stay."""
        with self._lock:
            self.erased |= job_ids
            for key in [k for k, one in self.resident.items() if one.job_id in job_ids]:
                del self.resident[key]

    def allow(self, job_ids: set[str]) -> None:
        """Find these models again: they are no longer disabled."""
        with self._lock:
            self.erased -= job_ids

    def _pin(self, key: FileKey, lease: "Lease | None") -> None:
        if lease is not None:
            self.pinned[key] += 1
            lease.keys.append(key)

    def release(self, keys: Iterable[FileKey]) -> None:
        """Let adapters go that a request has used."""
        with self._lock:
            self.pinned -= Counter(keys)
            self.shrink(self.capacity_bytes)

    def shrink(self, capacity_bytes: int) -> None:
        """Throw out the least recently used adapters that nothing uses, down to the capacity."""
        with self._lock:
            excess = self.resident_bytes - capacity_bytes
            for key in [key for key in self.resident if not self.pinned[key]]:
                if excess <= 0:
                    return
                excess -= self.resident.pop(key).size


class Lease:
    """The adapters that one request uses."""

    def __init__(self, cache: AdapterCache) -> None:
        self.cache = cache
        self.keys: list[FileKey] = []

    def find(self, folder: Path) -> Adapter:
        """Return a folder's adapter, and keep it."""
        return self.cache.find(folder, self)

    def release(self) -> None:
        """Let all adapters go; a second call does nothing."""
        keys, self.keys = self.keys, []
        self.cache.release(keys)


def file_key(folder: Path) -> FileKey:
    """Return the key of a folder's weights file as it is now."""
    try:
        state = (folder / "pytorch_lora_weights.safetensors").stat()
    except OSError:
        raise PictureError("adapter_invalid", "a file is missing or not valid") from None
    return FileKey(folder, state.st_mtime_ns, state.st_size)
