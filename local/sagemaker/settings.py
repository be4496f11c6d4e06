"""What a laptop's SageMaker may use, and how patient it is. Tests make the waits short."""

from dataclasses import dataclass, field
from pathlib import Path

from local.cloud import paths
from local.sagemaker.container.images import Images, stock_images


@dataclass(frozen=True)
class Settings:
    """Times are in seconds; the defaults are AWS's own where AWS has one."""

    images: Images = field(default_factory=stock_images)

    instance_quota: int = 2
    """Instances of one type that training jobs may use at once."""

    warm_pool_quota: int = 2
    """Instances of one type that warm pools may keep; AWS's default is 0."""

    cold_start: float = 0
    """What a job waits for its instance; with a warm pool it does not."""

    stop_grace: float = 120
    """Between SIGTERM and SIGKILL."""

    sync_every: float = 1
    """How often checkpoints go to S3."""

    invocation_limit: float = 60
    """For InvokeEndpoint to answer, the load of the model included."""

    load_limit: float = 360
    """For a container to load one model."""

    max_loaded_models: int = 40
    """The least recently used model leaves memory above this."""

    event_copies: int = 1
    """SageMaker may send an event more than once; so can we."""

    work: Path = paths.STATE / "sagemaker"
    """A folder for each job and endpoint while it runs."""

    logs: Path = paths.LOGS


_current: list[Settings] = []


def configure(settings: Settings) -> None:
    """Take these settings for everything that starts from now on."""
    _current[:] = [settings]


def current() -> Settings:
    """Return the settings in force."""
    if not _current:
        _current.append(Settings())
    return _current[0]
