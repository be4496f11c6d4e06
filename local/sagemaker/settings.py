"""Limits and times of the laptop's SageMaker; tests shorten the times."""

from dataclasses import dataclass, field
from pathlib import Path

from local.cloud import paths
from local.sagemaker.container.images import Images, product_images


@dataclass(frozen=True)
class Settings:
    """Limits and times in seconds; the defaults are AWS's, where AWS has one."""

    images: Images = field(default_factory=product_images)

    instance_quota: int = 2
    """Number of instances of one type that training jobs may use at once."""

    warm_pool_quota: int = 2
    """Number of instances of one type that warm pools may keep; AWS's default is 0."""

    cold_start: float = 0
    """Time that a job waits for a new instance; a job in a warm pool does not wait."""

    stop_grace: float = 120
    """Time between SIGTERM and SIGKILL."""

    sync_every: float = 1
    """Interval at which checkpoints are uploaded to S3."""

    invocation_limit: float = 60
    """Time limit of InvokeEndpoint, including the load of the model."""

    load_limit: float = 360
    """Time limit for the load of one model."""

    max_loaded_models: int = 40
    """Models in memory; above this number the least recently used one is unloaded."""

    event_copies: int = 1
    """How often each event is sent, as SageMaker may send an event more than once."""

    work: Path = paths.STATE / "sagemaker"
    """Parent of the work folders of jobs and endpoints."""

    logs: Path = paths.LOGS


_current: list[Settings] = []


def configure(settings: Settings) -> None:
    """Use these settings for jobs and endpoints that start from now on."""
    _current[:] = [settings]


def current() -> Settings:
    """Return the settings in force."""
    if not _current:
        _current.append(Settings())
    return _current[0]
