"""Adapters in memory: read and checked once, kept by bytes, thrown out least recently used first.

Their weights follow diffusers' file: alpha / rank is already folded into the B ("up") matrices.
"""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from mmap import mmap
from pathlib import Path
from typing import NamedTuple

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from contracts.documents.training import AdapterManifest
from contracts.shared.safetensors import TensorEntry, WeightsError, read_layout
from serving.adapters.mmap import cut, flatten, map_file
from serving.tensors import PictureError

COMPONENTS = ("unet", "text_encoder", "text_encoder_2")
"""Parts of a pipeline that an adapter may change, by diffusers' names."""

HALF = re.compile(
    r"^(?P<module>.+?)\.(lora_A|lora_B|lora\.down|lora\.up"
    r"|lora_linear_layer\.down|lora_linear_layer\.up)\.weight$"
)
"""One matrix of a pair, as PEFT and as diffusers name them."""


class Pair(NamedTuple):
    """One layer's change: ``x @ down.T @ up.T``."""

    down: Tensor
    """(rank, in)"""
    up: Tensor
    """(out, rank)"""


class Halves(NamedTuple):
    """The same in its file."""

    down: TensorEntry
    up: TensorEntry


@dataclass(frozen=True)
class Adapter:
    """One user's weights, on the device."""

    sha256: str
    trigger_word: str
    pairs: Mapping[str, Pair]
    """By layer: ``unet.down_blocks...to_q``."""
    size: int
    """In bytes, on the device."""
    job_id: str = ""
    """That made it; an opaque id, for the log."""


Layers = Mapping[str, nn.Linear]
"""Every layer that an adapter may change, by the name it has in adapter files."""


def find_layers(components: Mapping[str, nn.Module | None]) -> dict[str, nn.Linear]:
    """Return the linear layers of a pipeline's parts."""
    return {
        f"{component}.{file_name(component, name)}": layer
        for component, module in components.items()
        if module is not None
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear)
    }


def file_name(component: str, name: str) -> str:
    """Return a layer's name in files: transformers 5 drops ``text_model.``, files keep it."""
    if component == "unet" or name.startswith("text_model.") or not name.startswith("encoder."):
        return name
    return f"text_model.{name}"


class AdapterReader:
    """Reads a package's adapter folder, and refuses what does not fit this base."""

    def __init__(
        self, base_sha256: str, layers: Layers, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.base_sha256 = base_sha256
        self.layers = layers
        self.device = device
        self.dtype = dtype

    def read(self, folder: Path) -> Adapter:
        """Return the adapter.

        Raises:
            PictureError: ``adapter_invalid`` or ``wrong_base``.
        """
        manifest = self.read_manifest(folder)
        content = open_weights(folder / manifest.weights)
        with ThreadPoolExecutor(max_workers=1) as beside:
            digest = beside.submit(sha256, content)  # the interpreter is free meanwhile
            start, entries = lay_out(content)
            pairs = pair_up(entries)
            self.check(pairs, manifest)
            flat = flatten(content, start, entries)
            flat = flat.to(self.device, self.dtype)  # one copy to the device for all layers
            # Both ends are NaN when any weight is: one pass, and no mask of the adapter's size.
            finite = all(bool(torch.isfinite(end)) for end in torch.aminmax(flat))
            halves = cut(flat, entries)
        if digest.result().hexdigest() != manifest.weights_sha256:
            raise PictureError("adapter_invalid", "the weights are not the manifest's")
        if not finite:
            raise PictureError("adapter_invalid", "a weight is not a finite number")
        return Adapter(
            sha256=manifest.weights_sha256,
            trigger_word=manifest.trigger_word,
            pairs={n: Pair(halves[down.name], halves[up.name]) for n, (down, up) in pairs.items()},
            size=flat.numel() * flat.element_size(),
            job_id=manifest.job_id,
        )

    def read_manifest(self, folder: Path) -> AdapterManifest:
        """Return what says which weights these are, and of which base."""
        try:
            text = (folder / "manifest.json").read_bytes()
            manifest = AdapterManifest.model_validate_json(text)
        except (OSError, ValidationError):
            raise PictureError("adapter_invalid", "a file is missing or not valid") from None
        if manifest.base_sha256 != self.base_sha256:
            raise PictureError("wrong_base", "the adapter was trained on another base")
        return manifest

    def check(self, pairs: Mapping[str, Halves], manifest: AdapterManifest) -> None:
        """Raise unless every pair fits a layer of the base, and has the manifest's rank."""
        if not pairs:
            raise PictureError("adapter_invalid", "no weights")
        for name, (down, up) in pairs.items():
            layer = self.layers.get(name)
            if layer is None:
                raise PictureError("adapter_invalid", "a layer that the base does not have")
            rank = manifest.rank
            if not name.startswith("unet."):
                rank = manifest.text_encoder_rank or rank
            if down.shape != (rank, layer.in_features) or up.shape != (layer.out_features, rank):
                raise PictureError("adapter_invalid", "a shape that does not fit the base")


def open_weights(path: Path) -> mmap:
    """Return a file's bytes."""
    try:
        return map_file(path)
    except (OSError, ValueError):
        raise PictureError("adapter_invalid", "a file is missing or not valid") from None


def lay_out(content: mmap) -> tuple[int, list[TensorEntry]]:
    """Return where the tensors' bytes begin, and the tensors in their order."""
    try:
        return read_layout(content)
    except WeightsError:
        raise PictureError("adapter_invalid", "not a safetensors file") from None


def pair_up(entries: Iterable[TensorEntry]) -> dict[str, Halves]:
    """Return the pairs of a file by layer."""
    downs: dict[str, TensorEntry] = {}
    ups: dict[str, TensorEntry] = {}
    for entry in entries:
        half = HALF.match(entry.name)
        if half is None or entry.name.split(".", 1)[0] not in COMPONENTS:
            raise PictureError("adapter_invalid", "a tensor that is no part of a LoRA adapter")
        side = downs if half[2].endswith(("_A", "down")) else ups
        side[half["module"]] = entry
    if downs.keys() != ups.keys():
        raise PictureError("adapter_invalid", "half of a pair is missing")
    return {name: Halves(downs[name], ups[name]) for name in downs}


class FileKey(NamedTuple):
    """One state of one file: new weights under an old path are not served stale."""

    folder: Path
    modified_ns: int
    size: int


class AdapterCache:
    """Least recently used out, by bytes; what a pass is using stays."""

    def __init__(self, read: Callable[[Path], Adapter], capacity_bytes: int) -> None:
        self.read = read
        self.capacity_bytes = capacity_bytes
        self.resident: OrderedDict[FileKey, Adapter] = OrderedDict()
        self.pinned: set[FileKey] = set()
        self.hits = 0
        self.misses = 0
        self.seconds = 0.0
        """Spent on finding and reading them."""

    @property
    def resident_bytes(self) -> int:
        """What the resident adapters take on the device."""
        return sum(adapter.size for adapter in self.resident.values())

    @contextmanager
    def pin(self) -> Iterator[Callable[[Path], Adapter]]:
        """Give a function that finds adapters, and keeps each of them until the block ends."""
        try:
            yield self.find
        finally:
            self.pinned.clear()
            self.shrink(self.capacity_bytes)

    def find(self, folder: Path) -> Adapter:
        """Return a folder's adapter, read it first if it is not resident."""
        began = time.perf_counter()
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
        self.seconds += time.perf_counter() - began
        return adapter

    def shrink(self, capacity_bytes: int) -> None:
        """Throw out the least recently used that no pass is using."""
        excess = self.resident_bytes - capacity_bytes
        for key in [key for key in self.resident if key not in self.pinned]:
            if excess <= 0:
                return
            excess -= self.resident.pop(key).size


def file_key(folder: Path) -> FileKey:
    """Return what tells this state of the weights from any other."""
    try:
        state = (folder / "pytorch_lora_weights.safetensors").stat()
    except OSError:
        raise PictureError("adapter_invalid", "a file is missing or not valid") from None
    return FileKey(folder, state.st_mtime_ns, state.st_size)
