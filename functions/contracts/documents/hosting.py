"""The endpoint's life: whether it runs, and what a returning user is told."""

from typing import Literal

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.model import ModelRecord

EndpointStatus = Literal["absent", "starting", "in_service", "failed", "deleting"]
"""In our words; SageMaker has eleven."""


class ModelQuestion(Document):
    """What a returning user's application asks the function model_status."""

    tenant: OpaqueId

    model_id: JobId | None = None
    """Absent: all models of the tenant."""

    wake: bool = False
    """Also start the endpoint, where the stack keeps it only as long as it is used."""


class ModelAnswer(Document):
    """Which models there are, and whether they can be called now."""

    endpoint: EndpointStatus

    models: tuple[ModelRecord, ...]
    """The newest first."""
