"""What the rules around a training need of the world."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.ports.callbacks import Callbacks
from domain.ports.jobs import Jobs
from domain.ports.storage import Storage
from domain.ports.trainer import Trainer
from domain.pricing.prices import PUBLISHED, PriceTable
from domain.training.marks import MarksOfTrainings
from domain.training.sagemaker_job import TrainingSettings


@dataclass(frozen=True)
class TrainingServices:
    """What following, cancelling and billing a training need."""

    jobs: Jobs
    models: Storage
    """The models bucket."""
    trainer: Trainer
    callbacks: Callbacks
    prices: PriceTable = PUBLISHED


@dataclass(frozen=True)
class LaunchServices:
    """What launching training jobs needs."""

    training: TrainingServices
    bases: Storage
    """The bucket of base models."""
    settings: TrainingSettings
    marks: MarksOfTrainings | None = None
    """How trainings mark their pictures; None: with the metadata only."""
    has_time: Callable[[], bool] = lambda: True
    """Asked before each training job: whether there is time to launch one more.

    It may block, because SageMaker takes about one request per second. A launcher that Lambda
    stops in the middle leaves claims without a training job.
    """
