"""A tenant's models as the HTTP API shows them."""

from typing import Literal

from contracts.document import Document, JobId, OpaqueId, Sha256
from contracts.documents.model import ModelRecord


class ModelView(Document):
    """One model."""

    object: Literal["model"] = "model"

    id: JobId
    """Also the id of the job that trained it."""

    trigger_word: str
    """Write it in a prompt to draw the subject."""

    base_id: OpaqueId

    weights_sha256: Sha256

    created_at: str

    @classmethod
    def of(cls, record: ModelRecord) -> "ModelView":
        """Return what a caller may see of a model."""
        return cls(
            id=record.model_id,
            trigger_word=record.trigger_word,
            base_id=record.base_id,
            weights_sha256=record.weights_sha256,
            created_at=record.created_at,
        )


class ModelPage(Document):
    """Some models, the newest first."""

    object: Literal["list"] = "list"

    data: tuple[ModelView, ...]

    next: str | None = None
    """Send it as ``after`` for the next page; null: this is the last page."""
