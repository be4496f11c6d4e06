"""The estimated and the actual cost of an adapter."""

from typing import Annotated

from pydantic import Field

from contracts.document import Document

Seconds = Annotated[int, Field(ge=0)]
Usd = Annotated[float, Field(ge=0)]


class Estimate(Document):
    """Made before the training, for a training job of its own on a cold instance."""

    steps: Annotated[int, Field(ge=0)]
    """Optimiser steps, as the trainer will count them; an import has none."""

    batches: Annotated[int, Field(ge=0)] | None = None
    """Batches in all steps; a step may have several. Absent in estimates from before 2026-12."""

    seconds: Seconds
    """Seconds from the start of the instance to the end of the training job; with captioning
    before it, of both jobs together."""

    captioning_seconds: Seconds = 0
    """The part of ``seconds`` that CaptionPhotos takes; 0: there is no such state."""

    usd: Usd | None
    """Cost in USD; null: the instance type has no price (domain/pricing/prices.py)."""

    trainings: Annotated[int, Field(ge=1)] = 1
    """Training jobs; a sweep has one for each trial, or one for each rung of a trial."""


class Receipt(Document):
    """This adapter's share of the cost of its training jobs, all attempts included."""

    training_jobs: Annotated[int, Field(ge=1)]

    instance_type: str

    billable_seconds: Seconds
    """Share of the training jobs' BillableTimeInSeconds times InstanceCount, split by work among
    the users of each."""

    spot_saving: Annotated[float, Field(ge=0, le=1)]
    """Share of the training time that spot instances did not bill; 0 on demand."""

    warm_pool_seconds: Seconds
    """Share of the seconds for which the instances were kept warm afterwards."""

    usd: Usd | None
    """Both times at the on-demand price; null when the price is unknown."""

    final: bool
    """Whether the training jobs have ended and their warm pools are gone."""
