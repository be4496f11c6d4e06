"""JobSpec: an accepted request as later stages see it; AcceptedUpload: its pinned files."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.rung import Rung
from contracts.documents.upload.imported import ImportReport
from contracts.documents.upload.request import TrainingRequest
from contracts.documents.upload.run import RunOptions
from contracts.shared.limits import MAX_REPEATS, MAX_SUBJECTS

Origin = Literal[
    "consent.json", "config.json", "yaml", "sh", "toml", "dataset_info.json", "folder", "preset"
]
"""The source of a field that request.json does not give."""


class JobSpec(Document):
    """Part of the execution's state, so it has opaque ids only: no prompt and no file name."""

    schema_version: Literal[1] = 1

    job_id: JobId

    tenant: OpaqueId

    upload: OpaqueId

    base_id: OpaqueId
    """The base model; see contracts.base."""

    run: RunOptions | None = None
    """What the request says about the machine; absent: the stack's defaults."""


class PinnedObject(Document):
    """One object of the upload, in the version at the time of acceptance."""

    key: Annotated[str, Field(min_length=1, max_length=1024)]
    """The object's key. It holds the user's file name, so only this document and the owner's
    notice repeat it."""

    version_id: str | None
    """The S3 version that pins the bytes; null where the bucket keeps no versions."""

    etag: Annotated[str, Field(min_length=1, max_length=128)]

    size: Annotated[int, Field(ge=0)]
    """Size in bytes."""

    name: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    """The user's name for a file that came in an archive and got a generated key."""


class PinnedPhoto(PinnedObject):
    """A photo with its caption and its mask."""

    caption: PinnedObject | None = None
    """The text file of the same name, or the list that has the photo's caption."""

    mask: PinnedObject | None = None
    """The picture with the photo's name and ``_mask`` at its end: white is learnt, black is not."""

    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)] = 1
    """Number of times that the photo comes in an epoch, from its folder's name (``60_dwjz``)."""

    subject: Annotated[int, Field(ge=0, lt=MAX_SUBJECTS)] = 0
    """Index in the request's ``subjects`` of the one that it shows; 0 where there is only one."""


class AcceptedUpload(Document):
    """``jobs/<job_id>/accepted.json`` in the models bucket: the request and its pinned photos."""

    schema_version: Literal[1] = 1

    job: JobSpec

    request: TrainingRequest

    photos: tuple[PinnedPhoto, ...]
    """The photos sorted by content (ETag), so that the same content gives the same indices."""

    class_photos: tuple[PinnedObject, ...] = ()
    """Pictures of the class, from a folder with such a name; sorted by content."""

    unused_texts: Annotated[int, Field(ge=0)] = 0
    """Number of text files that are beside no photo of their name."""

    adapter: PinnedObject | None = None
    """The LoRA of ``adapter_file``, which another tool has trained; absent: photos are trained."""

    renamed: dict[str, str] = Field(default_factory=dict)
    """Field names of other tools in the request, each with our name."""

    origins: dict[str, Origin] = Field(default_factory=dict)
    """The source of each field that request.json does not give."""

    imported: tuple[ImportReport, ...] = ()
    """Reports on the settings files of other tools."""

    rung: Rung | None = None
    """The part of a trial's training that this job is; absent: the job trains all steps."""


class Acceptance(Document):
    """What AcceptRequest answers: a new job, or a repeat of one that exists already."""

    schema_version: Literal[1] = 1

    status: Literal["accepted", "repeat"]

    job: JobSpec


class UploadPending(Document):
    """What AcceptRequest answers while an upload is not whole."""

    schema_version: Literal[1] = 1

    status: Literal["waiting", "nothing"]
    """``waiting``: look again after ``seconds``; ``nothing``: another file starts this upload."""

    seconds: Annotated[int, Field(ge=0, le=300)]

    seen: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """What the upload looked like; the next look compares."""
