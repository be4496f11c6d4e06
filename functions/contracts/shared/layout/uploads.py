"""Keys of the uploads bucket: personal photos and pictures, which a lifecycle rule expires."""

import re
from collections.abc import Iterable

# --- an upload ----------------------------------------------------------------------------------


def upload_prefix(tenant: str, upload: str) -> str:
    """Prefix of an upload: the client puts its photos there and, last, ``request.json``."""
    return f"{tenant_prefix(tenant)}uploads/{upload}/"


def tenant_prefix(tenant: str) -> str:
    """Prefix of everything that a tenant has put into the uploads bucket."""
    return f"tenants/{tenant}/"


REQUEST_FILE = "request.json"
"""File name of the request; its arrival starts the workflow."""

API_UPLOAD_BYTES = 12
"""Random bytes in the name of an upload that began over the HTTP API."""


def is_of_api(upload: str) -> bool:
    """Return whether an upload's name is one of the HTTP API's: only its own call starts it.

    >>> is_of_api("0123456789abcdef01234567"), is_of_api("holiday-2026")
    (True, False)
    """
    return re.fullmatch(rf"[0-9a-f]{{{2 * API_UPLOAD_BYTES}}}", upload) is not None


API_ADAPTER_FILE = "000.safetensors"
"""Name of a LoRA in an upload of the HTTP API, where it is the only file; see ``adapter_file``."""

IMPORTED_ADAPTER_FILE = "adapter.safetensors"
"""File name, beside where photos would be, of a LoRA that another tool has trained."""

OWN_FOLDERS = ("accepted", "answers", "exports", "takedowns", "tenants", "unpacked")
"""Folders at the root that are ours; any other is a client's, who knows no tenants."""


def unpacked_tenant_prefix(tenant: str) -> str:
    """Prefix of the files from the archives of a tenant's uploads."""
    return f"unpacked/{tenant}/"


def unpacked_prefix(tenant: str, upload: str) -> str:
    """Prefix of the files from an upload's archives; numbered, as names there are untrusted."""
    return f"{unpacked_tenant_prefix(tenant)}{upload}/"


# --- its normalised photos ----------------------------------------------------------------------

ACCEPTED_PREFIX = "accepted/"
"""Prefix of every job's normalised photos."""


def accepted_prefix(job_id: str) -> str:
    """Prefix of a job's normalised photos; they are named by index, without the user's names."""
    return f"{ACCEPTED_PREFIX}{job_id}/"


def accepted_photo_file(index: int) -> str:
    """File name of the normalised photo ``index``."""
    return f"{index:03d}.png"


def accepted_mask_file(index: int) -> str:
    """File name of the mask of photo ``index``."""
    return f"{index:03d}.mask.png"


def accepted_class_file(index: int) -> str:
    """File name of the normalised class picture ``index``."""
    return f"class/{index:03d}.png"


CAPTIONS_FOLDER, CAPTIONS_FILE = "captions", "captions.json"
"""Folder beside a job's normalised photos, and the PhotoCaptions in it."""


def captions_prefix(job_id: str) -> str:
    """Prefix in the CheckpointConfig of the training job that describes the photos."""
    return f"{accepted_prefix(job_id)}{CAPTIONS_FOLDER}/"


def captions_in_channel(job_id: str) -> str:
    """Path of a job's PhotoCaptions in the ``photos`` channel."""
    return f"{job_id}/{CAPTIONS_FOLDER}/{CAPTIONS_FILE}"


# --- drawn pictures -----------------------------------------------------------------------------


def tenant_pictures_prefix(tenant: str) -> str:
    """Prefix of a tenant's picture requests and pictures."""
    return f"{tenant_prefix(tenant)}pictures/"


def pictures_prefix(tenant: str, answer: str) -> str:
    """Prefix of one picture request and its pictures."""
    return f"{tenant_pictures_prefix(tenant)}{answer}/"


def picture_file(index: int, extension: str) -> str:
    """File name of picture ``index`` of one answer."""
    return f"{index:03d}.{extension}"


PICTURES_FILE = "pictures.json"
"""File name of StoredPictures. It must not be ``request.json``, which starts a training."""

ORDER_FILE = "order.json"
"""File name of PictureOrder, beside the pictures that were ordered through the HTTP API."""


def answers_prefix(owner: str) -> str:
    """Prefix of a tenant's pictures that were too large for an answer of the endpoint.

    ``owner`` is the hash by which the endpoint knows the tenant: picture_places.tenant_hash.
    """
    return f"answers/{owner}/"


def answer_prefix(owner: str, job_ids: Iterable[str], name: str) -> str:
    """Prefix of one such answer.

    ``job_ids`` are all models that have drawn it, as an erased model's pictures are found by its
    id; ``name`` has 32 random digits.
    """
    return f"{answers_prefix(owner)}{'-'.join(sorted(job_ids)) or 'none'}/{name}/"


# --- what people ask for: exports, appeals, takedowns -------------------------------------------


def exports_prefix(tenant: str) -> str:
    """Prefix of the archives with a tenant's data."""
    return f"exports/{tenant}/"


def export_key(tenant: str, export_id: str) -> str:
    """Key of one archive; it has no suffix, since that of an archive would start a training."""
    return f"{exports_prefix(tenant)}{export_id}"


def export_name(export_id: str) -> str:
    """Name under which an archive is downloaded."""
    return f"{export_id}.zip"


def appeal_key(tenant: str, appeal_id: str) -> str:
    """Key of the text that a tenant's appeal is about."""
    return f"{tenant_prefix(tenant)}appeals/{appeal_id}.json"


TAKEDOWNS_PREFIX = "takedowns/"
"""Prefix of all takedowns."""


def takedown_prefix(case_id: str) -> str:
    """Prefix of a takedown's picture and report."""
    return f"{TAKEDOWNS_PREFIX}{case_id}/"


TAKEDOWN_FILE = "original"
"""File name of the reported picture as it was sent; its arrival starts the look for marks."""

TAKEDOWN_PICTURE = "picture.png"
"""File name of the reported picture as it was decoded."""

TAKEDOWN_REPORT = "report.json"
"""File name of TakedownReport."""
