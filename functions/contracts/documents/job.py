"""JobSpec: an accepted request as every later stage knows it, and what was pinned with it."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.upload.imported import ImportReport
from contracts.documents.upload.request import TrainingRequest

Origin = Literal["config.json", "toml", "dataset_info.json", "folder", "preset"]


class JobSpec(Document):
    """Travels in the execution's state, so it holds opaque ids only: no prompt, no file name."""

    schema_version: Literal[1] = 1

    job_id: JobId

    tenant: OpaqueId

    upload: OpaqueId

    base_id: OpaqueId
    """Which base model; see contracts.base."""


class PinnedObject(Document):
    """One object of the upload, as it was when the request was accepted."""

    key: Annotated[str, Field(min_length=1, max_length=1024)]
    """The user's own name for it: stays in this document and in the owner's notice."""

    version_id: str | None
    """Pins the bytes where the bucket keeps versions."""

    etag: Annotated[str, Field(min_length=1, max_length=128)]

    size: Annotated[int, Field(ge=0)]
    """Bytes."""

    name: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """The user's own name for it, when the key is ours: a file out of an archive."""


class PinnedPhoto(PinnedObject):
    """A photo and what the upload has beside it."""

    caption: PinnedObject | None = None
    """The text file of the same name, or the list that has words for it."""

    mask: PinnedObject | None = None
    """The picture named like it with ``_mask`` behind: white is learnt, black is not."""

    repeats: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often it comes in an epoch, as its folder's name says (``60_dwjz``)."""


class AcceptedUpload(Document):
    """``jobs/<job_id>/accepted.json`` in the models bucket: the request and its pinned photos."""

    schema_version: Literal[1] = 1

    job: JobSpec

    request: TrainingRequest

    photos: tuple[PinnedPhoto, ...]
    """In the order of their content (ETag), so that the same content gives the same indices."""

    class_photos: tuple[PinnedObject, ...] = ()
    """Pictures of the class, out of a folder that says so; in the order of their content."""

    renamed: dict[str, str] = Field(default_factory=dict)
    """Names of other tools that the request used, and ours."""

    origins: dict[str, Origin] = Field(default_factory=dict)
    """Where the fields come from that request.json does not give."""

    imported: tuple[ImportReport, ...] = ()
    """What became of the settings in other tools' files."""


class Acceptance(Document):
    """What AcceptRequest answers: a job to do, or the news that it is already being done."""

    schema_version: Literal[1] = 1

    status: Literal["accepted", "repeat"]

    job: JobSpec
