"""Rung: one part of a trial's training, in a sweep that stops its worse trials early."""

from typing import Annotated

from pydantic import Field, model_validator

from contracts.document import Document, JobId


class Rung(Document):
    """The steps that one job of a trial trains. Every rung of a trial is a job of its own."""

    training_id: JobId
    """Job of the trial's first rung; checkpoints of all its rungs carry this id."""

    continues: JobId | None = None
    """Job whose last checkpoint this one goes on from; absent in the first rung."""

    first_step: Annotated[int, Field(ge=0)]
    """Steps that the rungs before have done."""

    last_step: Annotated[int, Field(ge=1)]
    """Steps after which this job ends; the gate then judges what it has."""

    is_last: bool
    """Whether the training is over with this rung: its adapter must pass the gate."""

    @model_validator(mode="after")
    def _goes_forward(self) -> "Rung":
        if self.last_step <= self.first_step:
            message = "a rung has at least one step"
            raise ValueError(message)
        return self
