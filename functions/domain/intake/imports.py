"""Check the LoRA of an import before any GPU second is paid; docs/import.md.

Only the header and the finiteness of the values are looked at here. The trainer, which has torch
and the base, converts the file exactly and compares it with the base's layers.
"""

from hashlib import sha256

from contracts.documents.job import PinnedObject
from contracts.documents.photos import StoredFile
from contracts.errors import ImportRefusedError
from contracts.shared import layout
from contracts.shared.limits import MAX_IMPORT_BYTES
from contracts.shared.weights.lora_kinds import refused_kind
from contracts.shared.weights.safetensors import WeightsError, read_layout
from domain.ports.storage import ObjectMissingError, Storage
from domain.publishing.lora_file import check_values


def store_import(job_id: str, pin: PinnedObject, uploads: Storage) -> StoredFile:
    """Store a checked copy of the file for the trainer.

    Raises:
        ImportRefusedError: the file is gone, cannot be read, or is of a kind that is refused.
    """
    try:
        body = uploads.read(pin.key, MAX_IMPORT_BYTES, pin.version_id)
    except ObjectMissingError:
        raise ImportRefusedError(reason="file_missing") from None
    check_import(body)
    uploads.write(layout.accepted_prefix(job_id) + layout.IMPORTED_ADAPTER_FILE, body)
    return StoredFile(file=layout.IMPORTED_ADAPTER_FILE, sha256=sha256(body).hexdigest())


def check_import(body: bytes) -> None:
    """Refuse a file that is no safetensors file with finite values, or whose kind is refused.

    Raises:
        ImportRefusedError: ``import_unreadable``, or ``import_kind_refused`` with the kind's name.
    """
    try:
        start, entries = read_layout(body)
        if kind := refused_kind([entry.name for entry in entries]):
            raise ImportRefusedError(code="import_kind_refused", kind=kind.name)
        values = memoryview(body)[start:]
        for entry in entries:
            check_values(values[entry.start : entry.end], entry.dtype)
    except WeightsError as error:
        raise ImportRefusedError(reason=str(error)) from error
