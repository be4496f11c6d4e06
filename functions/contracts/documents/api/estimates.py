"""Estimates over the HTTP API: what a training would take and cost, before anything is uploaded."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from contracts.document import Document
from contracts.documents.api.numbers import NUMBER
from contracts.documents.money import Estimate
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.limits import MAX_PHOTOS, MIN_PHOTOS


class NewEstimate(Document):
    """Body of ``POST /v1/estimates``."""

    photos: Annotated[int, Field(ge=MIN_PHOTOS, le=MAX_PHOTOS), NUMBER] | None = None
    """Photos that can be used; left out for an import, which has none."""

    request: TrainingRequest
    """The same as ``request.json``. An import is estimated where it has ``adapter_file``."""

    @model_validator(mode="after")
    def _photos_are_trained(self) -> "NewEstimate":
        if self.photos is None and self.request.adapter_file is None:
            raise PydanticCustomError("photos_missing", "photos: say how many can be used")
        if self.photos is not None and self.request.adapter_file is not None:
            words = "photos: leave them out, because an import with adapter_file has none"
            raise PydanticCustomError("photos_of_import", words)
        return self


class EstimateView(Estimate):
    """Answer of ``POST /v1/estimates``: what a dry run says, without photos and without a job."""

    object: Literal["estimate"] = "estimate"
