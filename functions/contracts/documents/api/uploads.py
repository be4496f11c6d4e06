"""Uploads over the HTTP API: what is to be uploaded, the forms for it, and what became of it."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.api.numbers import NUMBER
from contracts.documents.appeal import AppealStatus
from contracts.documents.photos import Code
from contracts.documents.upload.photo_options import FaceChecks
from contracts.documents.upload.request import TrainingRequest

MAX_FILES = 100
MAX_PHOTO_BYTES = 20_000_000
MAX_ARCHIVE_BYTES = 500_000_000

FileType = Literal[
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/heic",
    "image/heif",
    "image/avif",
    "text/plain",
    "application/zip",
    "application/x-tar",
    "application/gzip",
    "application/x-safetensors",
]
"""``application/x-safetensors`` is a LoRA that another tool has trained; docs/import.md."""


class FileToUpload(Document):
    """One file of an upload."""

    type: FileType

    size: Annotated[int, Field(ge=1, le=MAX_ARCHIVE_BYTES), NUMBER]
    """Bytes; the form takes a file of exactly this size. A photo has at most 20 MB, a LoRA 400 MiB
    (419,430,400 bytes)."""

    of_photo: Annotated[int, Field(ge=0, lt=MAX_FILES), NUMBER] | None = None
    """For ``text/plain``: number of the photo that this file is the caption of."""


class NewUpload(Document):
    """Body of ``POST /v1/uploads``."""

    files: Annotated[tuple[FileToUpload, ...], Field(min_length=1, max_length=MAX_FILES)]


class MoreFiles(NewUpload):
    """Body of ``POST /v1/uploads/{id}/files``."""

    first: Annotated[int, Field(ge=1, lt=MAX_FILES), NUMBER]
    """Number of the first of these files: how many the upload has already. A file that was sent
    under the same number before is replaced if its type is the same."""


class UploadForm(Document):
    """How to send one file: a multipart/form-data POST with these fields, and then the file."""

    number: Annotated[int, Field(ge=0)]
    """Place in ``files``; names the photo in ``/photos/{number}:inspect``."""

    url: str

    fields: dict[str, str]
    """The form's fields; the last one after them is ``file``."""


class UploadCreated(Document):
    """Answer of ``POST /v1/uploads``."""

    object: Literal["upload"] = "upload"

    id: OpaqueId

    expires_at: str
    """Until then the forms are accepted."""

    forms: tuple[UploadForm, ...]


class UploadState(Document):
    """What became of an upload."""

    object: Literal["upload"] = "upload"

    id: OpaqueId

    files: Annotated[int, Field(ge=0)]
    """Files that have arrived."""

    job_id: JobId | None = None
    """The job of the newest accepted request."""

    refused: Code | None = None
    """Why the newest request never became a job."""

    refusal_id: OpaqueId | None = None
    """With ``name_refused``: the id for ``POST /v1/refusals/{id}:appeal``."""

    appeal: AppealStatus | None = None
    """How the appeal against the refusal stands; null where nobody has appealed."""


class PhotoLink(Document):
    """One photo of an upload."""

    number: Annotated[int, Field(ge=0)]
    """As in ``/photos/{number}:inspect``."""

    url: str
    """Address to download it from, until the answer's ``expires_at``."""

    size: Annotated[int, Field(ge=0)]
    """Bytes."""


class UploadPhotos(Document):
    """The photos of an upload that are still kept, each with a link for its owner."""

    object: Literal["list"] = "list"

    expires_at: str

    data: tuple[PhotoLink, ...]


class PhotoErased(Document):
    """Answer of ``DELETE /v1/uploads/{id}/photos/{number}``: every version of it is gone."""

    object: Literal["photo.erased"] = "photo.erased"

    upload_id: OpaqueId

    number: Annotated[int, Field(ge=0)]

    erased_at: str


Preset = Literal["face", "object", "style"]


class PhotoToInspect(Document):
    """What the HTTP API asks of InspectPhotos: a verdict on one photo before its training."""

    number: Annotated[int, Field(ge=0)]

    key: Annotated[str, Field(pattern=r"^tenants/", max_length=1024)]
    """The photo's key in the uploads bucket."""

    compared: Annotated[str, Field(pattern=r"^tenants/", max_length=1024)] | None = None
    """Key of another photo of the upload, which should show the same person."""

    preset: Preset = "object"
    """What the photo shows; of ``face``, faces are looked for as in a training."""

    face_checks: FaceChecks | None = None
    """As in ``request.json``."""


class PhotoInspected(Document):
    """The verdict on one photo, before anything is trained."""

    object: Literal["photo"] = "photo"

    number: Annotated[int, Field(ge=0)]

    verdict: Literal["accepted", "repaired", "refused"]

    codes: tuple[Code, ...]
    """Codes of docs/codes.md: why the photo is refused, what was repaired, and advice."""

    advice: tuple[str, ...]
    """What to do, one sentence for each code."""

    width: int | None = None

    height: int | None = None


class NewTraining(Document):
    """Body of ``POST /v1/models``: train a model on an upload, or import the LoRA that it holds."""

    upload_id: OpaqueId

    request: TrainingRequest
    """The same as ``request.json``. To import a LoRA, ``adapter_file`` is ``000.safetensors``."""
