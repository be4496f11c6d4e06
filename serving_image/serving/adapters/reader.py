"""Reads one package's adapter: manifest, safetensors layout, shapes, hash and finite values.

Weights are in diffusers' form: alpha / rank is already folded into the B ("up") matrices. For a
DoRA the file also has the length of every row of the changed weight; it becomes a factor of the
base's output.
"""

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from mmap import mmap
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from contracts.documents.training import AdapterManifest
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.lora_names import is_of_text
from contracts.shared.weights.safetensors import TensorEntry, WeightsError, read_layout
from serving.adapters.mmap import copy_values, map_file, split_tensors
from serving.picture_error import PictureError

COMPONENTS = frozenset(name for family in FAMILIES.values() for name in family.networks)
"""Pipeline components that an adapter may change, by diffusers' names."""

LORA_MATRIX = re.compile(
    r"^(?P<module>.+?)\.(lora_A|lora_B|lora\.down|lora\.up"
    r"|lora_linear_layer\.down|lora_linear_layer\.up)\.weight$"
)
"""The name of one LoRA matrix in a file, as PEFT and as diffusers write it."""


MAGNITUDE = re.compile(r"^(?P<module>.+)\.lora_magnitude_vector(?:\.weight)?$")
"""The name of DoRA's row lengths, as peft writes it, and as diffusers reads it in text encoders."""


MIN_NORM = 1e-12
"""Smallest norm of a row, so that a row of zeros gives no division by zero."""


class Pair(NamedTuple):
    """The LoRA matrices of one layer; they add ``x @ down.T @ up.T`` to its output.

    Those of a convolution add a convolution by ``down``, in the steps of the layer, and then one of
    1 x 1 by ``up``. A DoRA also adds ``gain`` times the output without bias.
    """

    down: Tensor
    """(rank, in), or (rank, in, height, width) of a convolution"""
    up: Tensor
    """(out, rank), or (out, rank, 1, 1) of a convolution"""
    gain: Tensor | None = None
    """(out,), or (out, 1, 1) of a convolution: the factor of each row less one; None for a plain
    LoRA."""

    @property
    def is_convolution(self) -> bool:
        """Whether the pair changes a convolution."""
        return len(self.down.shape) > 2  # noqa: PLR2004 (a matrix)

    @property
    def own_bytes(self) -> int:
        """Size of what a DoRA needs beside the values of its file."""
        kept = () if self.gain is None else (self.up, self.gain)
        return sum(tensor.numel() * tensor.element_size() for tensor in kept)


class PairEntries(NamedTuple):
    """The file entries of one layer's two matrices, and of DoRA's row lengths if it has any."""

    down: TensorEntry
    up: TensorEntry
    magnitude: TensorEntry | None = None


@dataclass(frozen=True, eq=False)  # compared by identity: tensors have no single truth value
class Adapter:
    """One user's LoRA weights on the device."""

    sha256: str
    trigger_word: str
    pairs: Mapping[str, Pair]
    """The matrices by layer name, such as ``unet.down_blocks...to_q``."""
    size: int
    """Size on the device in bytes."""
    job_id: str = ""
    """Id of the job that trained the adapter, for the log."""
    trigger_words: tuple[str, ...] = ()
    """The trigger word of each subject, where there are several."""


Layer: TypeAlias = nn.Linear | nn.Conv2d

Layers = Mapping[str, Layer]
"""Every layer that an adapter may change, by its name in adapter files."""


class PairShapes(NamedTuple):
    """The shapes in a file of one layer's matrices and of DoRA's row lengths."""

    down: tuple[int, ...]
    up: tuple[int, ...]
    lengths: tuple[int, ...]


def find_layers(components: Mapping[str, nn.Module]) -> dict[str, Layer]:
    """Return the linear layers and convolutions of a pipeline's components."""
    return {
        f"{component}.{file_name(component, name)}": layer
        for component, module in components.items()
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Linear) or is_plain_convolution(layer)
    }


def is_plain_convolution(layer: nn.Module) -> bool:
    """Return whether a layer is a convolution of all channels, with zeros around the picture."""
    return isinstance(layer, nn.Conv2d) and (layer.groups, layer.padding_mode) == (1, "zeros")


def shapes_of(layer: Layer, rank: int) -> PairShapes:
    """Return the shapes that a layer's pair of this rank has, as peft writes them."""
    if isinstance(layer, nn.Conv2d):
        out = layer.out_channels
        kernel = (layer.kernel_size[0], layer.kernel_size[1])
        return PairShapes((rank, layer.in_channels, *kernel), (out, rank, 1, 1), (1, out, 1, 1))
    return PairShapes((rank, layer.in_features), (layer.out_features, rank), (layer.out_features,))


def file_name(component: str, name: str) -> str:
    """Return a layer's name in adapter files, which keep the ``text_model.`` of transformers 4."""
    lost = is_of_text(component) and name.startswith("encoder.")
    return f"text_model.{name}" if lost else name


class AdapterReader:
    """Reads a package's adapter folder and refuses an adapter that does not fit this base."""

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
        with ThreadPoolExecutor(max_workers=1) as pool:
            digest = pool.submit(sha256, content)  # sha256 releases the interpreter lock
            start, entries = parse_layout(content)
            pairs = pair_matrices(entries)
            self.check(pairs, manifest)
            values = copy_values(content, start, entries)
            values = values.to(self.device, self.dtype)  # one copy to the device for all layers
            # Minimum and maximum are NaN when any weight is; this needs no mask as large as the
            # adapter.
            finite = all(bool(torch.isfinite(end)) for end in torch.aminmax(values))
            matrices = split_tensors(values, entries)
        if digest.result().hexdigest() != manifest.weights_sha256:
            raise PictureError("adapter_invalid", "the weights are not those of manifest.json")
        if not finite:
            raise PictureError("adapter_invalid", "a weight is not a finite number")
        read = {name: self.pair_of(name, entries, matrices) for name, entries in pairs.items()}
        own_bytes = sum(pair.own_bytes for pair in read.values())
        return Adapter(
            sha256=manifest.weights_sha256,
            trigger_word=manifest.trigger_word,
            pairs=read,
            size=values.numel() * values.element_size() + own_bytes,
            job_id=manifest.job_id,
            trigger_words=manifest.trigger_words,
        )

    def pair_of(self, name: str, entries: PairEntries, matrices: Mapping[str, Tensor]) -> Pair:
        """Return a layer's matrices; DoRA's factor of each row is folded into B.

        DoRA's weight is ``m / |W + B A| * (W + B A)`` with the norm of each row. A row of a
        convolution is all that makes one output channel.
        """
        down, up = matrices[entries.down.name], matrices[entries.up.name]
        if entries.magnitude is None:
            return Pair(down, up)
        weight = self.layers[name].weight.detach().to(self.device).float().flatten(1)
        change = up.float().flatten(1) @ down.float().flatten(1)
        norms = torch.linalg.vector_norm(weight + change, dim=1)
        factor = matrices[entries.magnitude.name].float().flatten() / norms.clamp_min(MIN_NORM)
        sides = up.shape[2:]
        scaled = (up.float() * factor.reshape(-1, 1, *sides)).to(up)
        return Pair(down, scaled, (factor - 1).reshape(-1, *sides).to(up))

    def read_manifest(self, folder: Path) -> AdapterManifest:
        """Return ``manifest.json``, which names the weights' hash and their base."""
        try:
            text = (folder / "manifest.json").read_bytes()
            manifest = AdapterManifest.model_validate_json(text)
        except (OSError, ValidationError):
            raise PictureError("adapter_invalid", "a file is missing or not valid") from None
        if manifest.base_sha256 != self.base_sha256:
            raise PictureError("wrong_base", "the adapter was trained on another base")
        return manifest

    def check(self, pairs: Mapping[str, PairEntries], manifest: AdapterManifest) -> None:
        """Raise unless every pair fits a layer of the base and has the manifest's rank."""
        if not pairs:
            raise PictureError("adapter_invalid", "the file holds no LoRA weights")
        for name, (down, up, magnitude) in pairs.items():
            layer = self.layers.get(name)
            if layer is None:
                raise PictureError(
                    "adapter_invalid", "a tensor names a layer that the base does not have"
                )
            rank = manifest.rank
            if is_of_text(name):
                rank = manifest.text_encoder_rank or rank
            wanted = shapes_of(layer, rank)
            lengths = wanted.lengths if magnitude is None else magnitude.shape
            if wanted != (down.shape, up.shape, lengths):
                raise PictureError("adapter_invalid", "a tensor's shape does not fit the base")


def open_weights(path: Path) -> mmap:
    """Return a memory map of the weights file."""
    try:
        return map_file(path)
    except (OSError, ValueError):
        raise PictureError("adapter_invalid", "a file is missing or not valid") from None


def parse_layout(content: mmap) -> tuple[int, list[TensorEntry]]:
    """Return the offset of the first tensor, and the tensors in file order."""
    try:
        return read_layout(content)
    except WeightsError:
        raise PictureError("adapter_invalid", "the weights are not a safetensors file") from None


def pair_matrices(entries: Iterable[TensorEntry]) -> dict[str, PairEntries]:
    """Return both matrices of every layer in a file."""
    downs: dict[str, TensorEntry] = {}
    ups: dict[str, TensorEntry] = {}
    magnitudes: dict[str, TensorEntry] = {}
    for entry in entries:
        if magnitude := MAGNITUDE.match(entry.name):
            magnitudes[magnitude["module"]] = entry
            continue
        matrix = LORA_MATRIX.match(entry.name)
        if matrix is None or entry.name.split(".", 1)[0] not in COMPONENTS:
            raise PictureError("adapter_invalid", "a tensor is not part of a LoRA adapter")
        side = downs if matrix[2].endswith(("_A", "down")) else ups
        side[matrix["module"]] = entry
    if downs.keys() != ups.keys() or not magnitudes.keys() <= downs.keys():
        raise PictureError("adapter_invalid", "one matrix of a LoRA pair is missing")
    return {name: PairEntries(downs[name], ups[name], magnitudes.get(name)) for name in downs}
