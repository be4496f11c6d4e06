"""Check the LoRA of an import before any GPU second is paid; docs/import.md.

Only the header and the finiteness of the values are looked at here. The trainer, which has torch
and the base, converts the file exactly and compares it with the base's layers.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from contracts.base import Architecture
from contracts.documents.job import PinnedObject
from contracts.documents.photos import StoredFile
from contracts.errors import ImportRefusedError
from contracts.shared import layout
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.weights.adapter_size import (
    fitting_rank,
    is_too_large,
    least_values,
    size_of,
)
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.lora_kinds import network_of, refused_kind, split_key
from contracts.shared.weights.safetensors import (
    BYTES_PER_VALUE,
    OTHER_TYPES,
    WeightsError,
    read_header,
    read_layout,
)
from domain.ports.storage import ObjectMissingError, Storage
from domain.publishing.lora_file import check_values

FAMILIES_OF = {
    "unet": "Stable Diffusion or SDXL",
    "transformer": "Z-Image",
    "other": "another family, such as Flux or Stable Diffusion 3",
}
"""The families that a file may be for, by the network that it changes, for the owner's notice."""


def store_import(
    job_id: str, pin: PinnedObject, uploads: Storage, family: Architecture
) -> StoredFile:
    """Store a checked copy of the file for the trainer; ``family`` is that of the base.

    Raises:
        ImportRefusedError: the file is gone, cannot be read, or is of a kind that is refused.
    """
    try:
        body = uploads.read(pin.key, MAX_IMPORT_BYTES, pin.version_id)
    except ObjectMissingError:
        raise ImportRefusedError(reason="file_missing") from None
    check_import(body, family)
    uploads.write(
        layout.uploads.accepted_prefix(job_id) + layout.uploads.IMPORTED_ADAPTER_FILE, body
    )
    return StoredFile(file=layout.uploads.IMPORTED_ADAPTER_FILE, sha256=sha256(body).hexdigest())


def check_import(body: bytes, family: Architecture | None = None) -> None:
    """Refuse a file that is no safetensors file with finite values, or whose kind is refused.

    Args:
        body: the file.
        family: that of the base; None: it is not known here.

    Raises:
        ImportRefusedError: ``import_unreadable``, ``import_kind_refused`` with the kind's name,
            ``import_too_large`` with the size, or ``import_base_differs`` with the families that
            the file is for.
    """
    try:
        headers = read_header(body)[1]
        if kind := refused_kind({entry.name: entry.shape for entry in headers}):
            raise ImportRefusedError(code="import_kind_refused", kind=kind.name)
        check_size({entry.name: entry.shape for entry in headers})
        start, entries = read_layout(body, BYTES_PER_VALUE | OTHER_TYPES)
        names = [entry.name for entry in entries]
        check_network(names, family)
        if any(split_key(name) is None for name in names):
            raise ImportRefusedError(reason="tensors_unknown")
        if any(0 in entry.shape for entry in entries):
            raise ImportRefusedError(reason="tensors_empty")
        values = memoryview(body)[start:]
        for entry in entries:
            check_values(values[entry.start : entry.end], entry.dtype)
    except WeightsError as error:
        raise ImportRefusedError(reason=str(error)) from error


def check_size(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse a file that is too large to be published once its pairs have one rank.

    Raises:
        ImportRefusedError: ``import_too_large``.
    """
    values, rank = least_values(shapes)
    if is_too_large(values):
        raise ImportRefusedError(
            code="import_too_large",
            mebibytes=size_of(values) >> 20,
            rank=rank,
            fitting=fitting_rank(rank, values),
        )


def check_network(names: Sequence[str], family: Architecture | None) -> None:
    """Refuse a file that changes another network than the base has, as far as its names say.

    Raises:
        ImportRefusedError: ``import_base_differs``.
    """
    network = network_of(names)
    if network is not None and family is not None and network != FAMILIES[family].network:
        ours = FAMILIES_OF[FAMILIES[family].network]
        raise ImportRefusedError(
            code="import_base_differs", made_for=FAMILIES_OF[network], base_is=ours
        )
