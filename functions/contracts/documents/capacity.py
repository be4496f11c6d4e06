"""What a training takes of a machine, and on which kind of machines a training job runs."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document
from contracts.documents.money import Usd

Capacity = Literal["spot", "warm", "on-demand"]
"""Kind of instances: spot; on demand and kept warm afterwards; on demand and given back at once."""

CapacityMode = Literal["planned", "spot", "on-demand", "warm"]
"""The stack's ``TrainingCapacity``: the planner compares all three kinds, or the kind is fixed."""

CapacityReason = Literal["request", "stack", "one_user", "no_spot", "too_short", "cheapest"]
"""Why this kind was chosen: the request or the stack says so; spot was left out because a single
user waits, because SageMaker has just refused it, or because the work is too short for the wait; it
has the lowest expected cost."""


class StepShape(Document):
    """What one optimiser step of a training takes; domain/training/step_sharing.py."""

    group: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] | None
    """Hash of all options that the users of one step have in common; absent: the training shares no
    step."""

    tflop: Annotated[float, Field(gt=0)]
    """TFLOP of one user's batch, forward and backward."""

    base_bytes: Annotated[int, Field(ge=0)]
    """GPU memory that the base takes, whatever the number of users."""

    user_bytes: Annotated[int, Field(ge=0)]
    """GPU memory that each user of a step takes."""

    launch_seconds: Annotated[float, Field(ge=0)]
    """Seconds to launch a step's kernels, whatever the number of users."""


class CapacityChoice(Document):
    """On what a training job runs, and the figures that decided it; domain/training/capacity.py."""

    capacity: Capacity

    reason: CapacityReason

    users: Annotated[int, Field(ge=1)]
    """Users of the training job."""

    users_per_step: Annotated[int, Field(ge=1)] = 1
    """Users that are trained in one step."""

    instances: Annotated[int, Field(ge=1)] = 1
    """Instances of the training job; each trains its share of the users."""

    keep_alive_seconds: Annotated[int, Field(ge=0)] = 0
    """Seconds for which the instances are kept warm afterwards; 0: not at all."""

    work_seconds: Annotated[int, Field(ge=0)] = 0
    """Estimated seconds of training on one instance, without its start."""

    warm_hit_rate: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the last gaps between training jobs that the warm pool would have outlasted; absent:
    too few gaps are known."""

    spot_usd: Usd | None = None
    """Expected cost on spot instances, waiting included; absent: the price is unknown."""

    warm_usd: Usd | None = None
    """Expected cost on demand with a warm pool, waiting included."""

    on_demand_usd: Usd | None = None
    """Expected cost on demand without a warm pool, waiting included."""
