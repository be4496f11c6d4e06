"""Notice: the one message that an upload ends in."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.money import Estimate, Receipt
from contracts.documents.package import TargetModel
from contracts.documents.photos import Code
from contracts.documents.sweep import PointReport
from contracts.documents.upload.problems import RequestProblem


class PhotoNotice(Document):
    """A photo that needs the owner's attention."""

    file: str
    """The owner's own name for it, inside the upload."""

    codes: tuple[Code, ...]

    text: str


class ModelNotice(Document):
    """How to call the model."""

    endpoint_name: str

    target_model: TargetModel

    trigger_word: str

    example_prompt: str

    identity: float | None = None
    """How alike the gate found it, cosine."""

    identity_base: float | None = None


class PlanNotice(Document):
    """What a training would be, for a request that asked for no more than that."""

    photos: Annotated[int, Field(ge=0)]
    """That can be used."""

    refused: Annotated[int, Field(ge=0)]

    class_photos: Annotated[int, Field(ge=0)]
    """Pictures of the class that came along."""

    estimate: Estimate | None
    """Steps, time and cost of a training job of its own; of a sweep, of all together."""

    trainings: Annotated[int, Field(ge=1)] = 1
    """More than one for a sweep."""

    origins: dict[str, str] = Field(default_factory=dict)
    """Fields that request.json does not give, and where they come from."""


class Notice(Document):
    """Published to the topic, filterable by its attributes tenant, status and code."""

    schema_version: Literal[1] = 1

    notice_id: Annotated[str, Field(min_length=8, max_length=80)]
    """The same for every delivery of the same message."""

    job_id: JobId | None
    """Absent when the request could not even be read."""

    tenant: OpaqueId | None

    upload: OpaqueId | None

    status: Literal["succeeded", "failed", "canceled"]

    code: Code
    """From contracts.codes; ``ready`` for a success."""

    title: str

    text: str
    """What happened, why, and what to do."""

    retryable: bool
    """Whether doing the very same again may help."""

    photos: tuple[PhotoNotice, ...] = ()

    request: tuple[RequestProblem, ...] = ()
    """What is wrong with request.json, all of it at once."""

    model: ModelNotice | None = None

    receipt: Receipt | None = None
    """What the training cost, as far as it is known by now."""

    plan: PlanNotice | None = None
    """For a dry run."""

    sweep: tuple[PointReport, ...] = ()
    """What became of each point of a sweep; the first one's model is delivered."""


class Told(Document):
    """What an execution remembers of the message: ids and codes, none of its words or names.

    Its history is kept for 90 days, long after the photos are gone.
    """

    schema_version: Literal[1] = 1

    notice_id: Annotated[str, Field(min_length=8, max_length=80)]

    job_id: JobId | None

    status: Literal["succeeded", "failed", "canceled"]

    code: Code

    target_model: TargetModel | None = None
    """For a success that has a model."""

    @classmethod
    def of(cls, notice: Notice) -> "Told":
        """Return what may be remembered of a notice."""
        return cls(
            notice_id=notice.notice_id,
            job_id=notice.job_id,
            status=notice.status,
            code=notice.code,
            target_model=notice.model.target_model if notice.model is not None else None,
        )
