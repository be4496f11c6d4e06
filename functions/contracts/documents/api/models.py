"""A tenant's models as the HTTP API shows them."""

from typing import Annotated, Literal

from pydantic import Field, Strict

from contracts.document import Document, JobId, OpaqueId, RelativePath, S3Uri, Sha256
from contracts.documents.model import ModelRecord
from contracts.documents.training import GateReport


class ModelView(Document):
    """One model."""

    object: Literal["model"] = "model"

    id: JobId
    """Also the id of the job that trained it."""

    trigger_word: str
    """Write it in a prompt to draw the subject."""

    trigger_words: tuple[str, ...] = ()
    """The trigger word of each subject, where there are several; the first is ``trigger_word``."""

    base_id: OpaqueId

    weights_sha256: Sha256

    created_at: str

    @classmethod
    def of(cls, record: ModelRecord) -> "ModelView":
        """Return what a caller may see of a model."""
        return cls(
            id=record.model_id,
            trigger_word=record.trigger_word,
            trigger_words=record.trigger_words,
            base_id=record.base_id,
            weights_sha256=record.weights_sha256,
            created_at=record.created_at,
        )


class Approval(Document):
    """Whether somebody of the tenant lets a model be used, and who said so."""

    approved: bool

    by: str
    """Subject of the caller: opaque."""

    at: str


class ModelDetails(ModelView):
    """One model with what the registry knows of it."""

    version: Annotated[int, Field(ge=1)]
    """Counts the tenant's models of the same trigger word, the oldest first."""

    gate: GateReport | None
    """What was measured before the model was published; null for a model of an older release."""

    approval: Approval | None
    """Null: nobody of the tenant has decided yet."""

    disabled: bool = False
    """Whether a takedown has disabled the model: nothing is drawn with it, and it has no files."""


class NewApproval(Document):
    """Body of ``POST /v1/models/{id}:approve``."""

    approved: Annotated[bool, Strict()]


class ModelFile(Document):
    """One file of a model."""

    path: RelativePath

    sha256: Sha256

    url: str
    """Address to download it from, until ``expires_at``."""


class ModelFiles(Document):
    """Every file of a model: for diffusers, kohya, A1111 and ComfyUI, PEFT; card and sheet."""

    object: Literal["files"] = "files"

    expires_at: str

    data: tuple[ModelFile, ...]


class ModelPushed(Document):
    """A model's folder in the operator's hub, laid out as Hugging Face's repositories are."""

    object: Literal["push"] = "push"

    id: JobId

    uri: S3Uri
    """The folder: ``README.md`` is the model card, beside it the files of each tool."""

    files: Annotated[int, Field(ge=1)]

    pushed_at: str


class ModelPage(Document):
    """Some models, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[ModelView, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""
