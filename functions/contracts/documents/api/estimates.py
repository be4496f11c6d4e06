"""Estimates over the HTTP API: what a training would take and cost, before anything is uploaded."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document
from contracts.documents.api.numbers import NUMBER
from contracts.documents.money import Estimate
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_PHOTOS, MIN_PHOTOS


class NewEstimate(Document):
    """Body of ``POST /v1/estimates``."""

    photos: Annotated[int, Field(ge=MIN_PHOTOS, le=MAX_PHOTOS), NUMBER]
    """Photos that can be used."""

    request: TrainingRequest
    """The same as ``request.json``."""


class EstimateView(Estimate):
    """Answer of ``POST /v1/estimates``: what a dry run says, without photos and without a job."""

    object: Literal["estimate"] = "estimate"
