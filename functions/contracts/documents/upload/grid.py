"""SweepGrid: the values that a sweep tries, from ``request.json``."""

from math import prod
from typing import Annotated

from pydantic import Field, model_validator

from contracts.document import NumbersDocument
from contracts.shared.limits import MAX_RANK, MAX_TRAIN_STEPS, MAX_TRIALS

Rates = Annotated[
    tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1, max_length=MAX_TRIALS)
]
StepCounts = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MAX_TRAIN_STEPS)], ...],
    Field(min_length=1, max_length=MAX_TRIALS),
]
Ranks = Annotated[
    tuple[Annotated[int, Field(ge=1, le=MAX_RANK)], ...], Field(min_length=1, max_length=MAX_TRIALS)
]


GRID_FIELDS = ("learning_rate", "max_train_steps", "rank")
"""The fields that a sweep may vary."""


class Halving(NumbersDocument):
    """Successive halving: all trials begin, and at the end of each rung the best of them go on."""

    reduction_factor: Annotated[int, Field(ge=2, le=10)] = 3
    """One of so many trials goes on, and a rung ends after so many times the steps of the one
    before it."""

    min_resource: Annotated[int, Field(ge=1, le=MAX_TRAIN_STEPS)] = 100
    """Smallest number of steps of the first rung: with fewer, the gate's scores say too little."""


class SweepGrid(NumbersDocument):
    """Every combination of the values is one trial: one training of the same photos."""

    learning_rate: Rates | None = None

    max_train_steps: StepCounts | None = None

    rank: Ranks | None = None

    halving: Halving | None = None
    """How worse trials are stopped early; absent: every trial is trained to its end."""

    def lists(self) -> dict[str, tuple[float, ...]]:
        """Return the values of each field that the sweep varies."""
        found = {name: getattr(self, name) for name in GRID_FIELDS}
        return {name: values for name, values in found.items() if values is not None}

    @model_validator(mode="after")
    def _is_a_grid(self) -> "SweepGrid":
        for name, values in self.lists().items():
            if len(set(values)) < len(values):
                message = f"{name} lists a value twice"
                raise ValueError(message)
        trials = prod(len(values) for values in self.lists().values())
        if not 2 <= trials <= MAX_TRIALS:  # noqa: PLR2004 - one trial is not a sweep
            message = f"the lists make {trials} trials; a sweep has from 2 to {MAX_TRIALS}"
            raise ValueError(message)
        return self
