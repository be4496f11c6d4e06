"""Notice: the one message that an upload ends in."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.money import Estimate, Receipt
from contracts.documents.package import TargetModel
from contracts.documents.photos import Code
from contracts.documents.sweep import TrialReport
from contracts.documents.training import RankedPicture
from contracts.documents.upload.problems import RequestProblem


class PhotoNotice(Document):
    """A photo that needs the owner's attention."""

    index: Annotated[int, Field(ge=0)] | None = None
    """Place among the photos of the document ``photo_names``; absent in old notices."""

    file: str | None = None
    """Never sent any more: file names do not leave the account (docs/decisions/0044)."""

    codes: tuple[Code, ...]

    text: str


class ModelNotice(Document):
    """How to call the model."""

    endpoint_name: str

    target_model: TargetModel

    trigger_word: str

    trigger_words: tuple[str, ...] = ()
    """The trigger word of each subject, where there are several; the first is ``trigger_word``."""

    example_prompt: str | None = None
    """Never sent any more: prompts do not leave the account (docs/decisions/0044)."""

    identity: float | None = None
    """Cosine similarity to the subject, measured by the gate."""

    identity_base: float | None = None

    ranking: tuple[RankedPicture, ...] = ()
    """The gate's pictures, those most like the photos first; empty where likeness was not
    measured."""


class DryRunNotice(Document):
    """The answer to a dry run: what a training would take."""

    photos: Annotated[int, Field(ge=0)]
    """Number of photos that can be used."""

    refused: Annotated[int, Field(ge=0)]

    class_photos: Annotated[int, Field(ge=0)]
    """Number of usable pictures of the class."""

    estimate: Estimate | None
    """Steps, time and cost of the training; for a sweep, of all trials together."""

    trainings: Annotated[int, Field(ge=1)] = 1
    """Number of trainings; more than one for a sweep."""

    is_most: bool = False
    """Whether the estimate is the most that can be needed, as trials of the sweep may fail or be
    stopped early."""

    origins: dict[str, str] = Field(default_factory=dict)
    """The source of each field that request.json does not give."""


class Notice(Document):
    """Published to the topic; subscribers can filter by the attributes tenant, status and code."""

    schema_version: Literal[1] = 1

    notice_id: Annotated[str, Field(min_length=8, max_length=80)]
    """Id of the notice; every delivery of the same notice has the same id."""

    job_id: JobId | None
    """Id of the job; null when the request could not be read."""

    tenant: OpaqueId | None

    upload: OpaqueId | None

    status: Literal["succeeded", "failed", "canceled"]

    code: Code
    """Code from contracts.codes; ``ready`` for a success."""

    title: str

    text: str
    """What happened, why, and what to do."""

    retryable: bool
    """Whether the same upload may succeed on another try."""

    photos: tuple[PhotoNotice, ...] = ()

    photo_names: str | None = None
    """Key in the models bucket of the AcceptedUpload, which has the photos' names."""

    request: tuple[RequestProblem, ...] = ()
    """All problems of request.json."""

    model: ModelNotice | None = None

    receipt: Receipt | None = None
    """The cost of the training, as far as it is known by now."""

    dry_run: DryRunNotice | None = Field(default=None, alias="plan")
    """The estimate of a dry run."""

    sweep: tuple[TrialReport, ...] = ()
    """The trials of a sweep, best first; the first trial's model is delivered."""


class DeliveryReceipt(Document):
    """What the execution's history keeps of a notice: ids and codes, no text and no names.

    The history is kept for 90 days, long after the photos are deleted.
    """

    schema_version: Literal[1] = 1

    notice_id: Annotated[str, Field(min_length=8, max_length=80)]

    job_id: JobId | None

    status: Literal["succeeded", "failed", "canceled"]

    code: Code

    target_model: TargetModel | None = None
    """The model of a success; absent for a dry run."""

    @classmethod
    def of(cls, notice: Notice) -> "DeliveryReceipt":
        """Return the receipt of a notice."""
        return cls(
            notice_id=notice.notice_id,
            job_id=notice.job_id,
            status=notice.status,
            code=notice.code,
            target_model=notice.model.target_model if notice.model is not None else None,
        )
