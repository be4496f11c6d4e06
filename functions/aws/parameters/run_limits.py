"""The machines that a request may choose, from the environment."""

from aws import settings
from domain.requests.run_limits import RunLimits

NONE_BESIDE = "none"


def run_limits_from_env() -> RunLimits:
    """Return template.yaml's AllowedInstanceTypes, MaxRunLimit, MaxVolumeSizeInGB, SpotAllowed."""
    own = settings.text("TRAINING_INSTANCE_TYPE")
    beside = settings.text("ALLOWED_INSTANCE_TYPES").split(",")
    return RunLimits(
        instance_types=tuple(dict.fromkeys([own, *(t for t in beside if t != NONE_BESIDE)])),
        max_run=settings.number("MAX_RUN_LIMIT"),
        volume_size=settings.number("MAX_VOLUME_SIZE_GB"),
        spot=settings.text("SPOT_ALLOWED") == "true",
    )
