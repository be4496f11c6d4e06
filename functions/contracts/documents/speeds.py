"""MeasuredSpeeds: how fast a base trains on each instance type, as `likeness bench` measured it."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document, OpaqueId, Sha256
from contracts.documents.upload.run import InstanceType


class MeasuredSpeed(Document):
    """One training on one instance type, alone and cold."""

    instance_type: InstanceType

    images_per_second: Annotated[float, Field(gt=0)]
    """Images that went through the networks, by the seconds of the training steps."""

    resolution: Annotated[int, Field(ge=64)]
    """Side of these images, in pixels."""

    other_seconds: Annotated[float, Field(ge=0)]
    """Seconds from CreateTrainingJob to the end, without the steps: start, gate, export."""

    measured_on: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """Date, as ISO 8601."""

    training_job_name: str
    """The training job that was measured."""


class MeasuredSpeeds(Document):
    """``speeds/<base_id>.json`` in the bases bucket; estimates read it."""

    schema_version: Literal[1] = 1

    base_id: OpaqueId

    base_sha256: Sha256
    """Hash of the base that was measured; speeds of another base of that name do not count."""

    speeds: tuple[MeasuredSpeed, ...]
    """One for each instance type, the newest."""

    def with_speed(self, speed: MeasuredSpeed) -> "MeasuredSpeeds":
        """Return the speeds with this one, in place of an older one of its instance type."""
        others = (one for one in self.speeds if one.instance_type != speed.instance_type)
        return self.model_copy(update={"speeds": (*others, speed)})
