"""RunOptions: what the training job runs on, and for how long, from ``request.json``.

Names are those of the SageMaker SDK's Estimator.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.document import NumbersDocument
from contracts.shared.limits import MAX_RUN_SECONDS, MAX_VOLUME_GB, MIN_RUN_SECONDS

InstanceType = Annotated[
    str, StringConstraints(pattern=r"^ml\.[a-z][a-z0-9-]{0,15}\.[a-z0-9-]{1,15}$")
]
"""SageMaker's name of an instance type, e.g. ``ml.g5.2xlarge``."""


class RunOptions(NumbersDocument):
    """The machine of one training; the stack's operator sets defaults and limits."""

    instance_type: InstanceType | None = None
    """Instance type of the training job; absent: the stack's TrainingInstanceType."""

    use_spot_instances: bool | None = None
    """True: a spot instance, which costs less, may be interrupted, and keeps no warm pool. False:
    never a spot instance. Absent: the stack chooses."""

    max_run: Annotated[int, Field(ge=MIN_RUN_SECONDS, le=MAX_RUN_SECONDS)] | None = None
    """Seconds after which the training ends with what it has learnt; such a training has a training
    job of its own. Absent: the stack's MaxRuntimeSeconds."""

    volume_size: Annotated[int, Field(ge=1, le=MAX_VOLUME_GB)] | None = None
    """Size of the training job's storage volume in GB; absent: the stack's VolumeSizeInGB."""
