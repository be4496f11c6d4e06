"""What an adapter is expected to cost, and what it did cost."""

from typing import Annotated

from pydantic import Field

from contracts.document import Document

Seconds = Annotated[int, Field(ge=0)]
Usd = Annotated[float, Field(ge=0)]


class Estimate(Document):
    """Said before the training, for a cold training job of its own."""

    steps: Annotated[int, Field(ge=1)]

    seconds: Seconds
    """From the start of the instance to the end of the training job."""

    usd: Usd | None
    """Absent: functions/domain/pricing/prices.py has no price for the instance type."""


class Receipt(Document):
    """This adapter's share of what the training jobs cost that worked on it, attempts included."""

    training_jobs: Annotated[int, Field(ge=1)]

    instance_type: str

    billable_seconds: Seconds
    """Of the training jobs' BillableTimeInSeconds, split by steps among the users of each."""

    spot_saving: Annotated[float, Field(ge=0, le=1)]
    """Share of the training time that spot instances did not bill; 0 on demand."""

    warm_pool_seconds: Seconds
    """Share of the time that the instances were kept warm afterwards."""

    usd: Usd | None
    """Both times at the on-demand price; absent when the price is unknown."""

    final: bool
    """Whether the training jobs have ended and their warm pools are gone."""
