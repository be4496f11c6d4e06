"""The endpoint's status, and the answer to a returning user's application."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.document import Document, JobId, OpaqueId
from contracts.documents.model import ModelRecord

EndpointStatus = Literal["absent", "starting", "in_service", "failed", "deleting"]
"""The endpoint's status; each of SageMaker's statuses maps to one of these."""


class ModelQuestion(Document):
    """The input of the function model_status."""

    tenant: OpaqueId

    model_id: JobId | None = None
    """The model asked for; absent: all models of the tenant."""

    wake: bool = False
    """Also start the endpoint, if the stack runs it on demand."""


class ModelAnswer(Document):
    """The tenant's models, and whether they can be called now."""

    endpoint: EndpointStatus

    models: tuple[ModelRecord, ...]
    """The models, newest first."""


class ReaperEvent(BaseModel):
    """Input of reap_endpoint: a schedule's event, or what the schedule of PrewarmSchedule sends."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    prewarm: bool = False
    """Create the endpoint, if the stack runs it on demand and it is absent."""
