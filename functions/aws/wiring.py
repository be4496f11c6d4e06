"""What the stages around a training talk to, put together from the environment."""

from collections.abc import Callable
from time import monotonic

from aws.callbacks import StepFunctionsCallbacks
from aws.jobs.table import DynamoJobs
from aws.rate_limit import Pace
from aws.storage import S3Storage
from aws.training import SageMakerTrainer, settings_from_env
from domain.training.following import TrainingRoom
from domain.training.launching import Launcher

LAUNCHING_SECONDS = 40
"""Of the function's sixty: the last order that was begun needs the rest."""

LOOKING_SECONDS = 25
"""Of the same sixty, for reconcile's look at every training; bills and the launcher come after."""

BILLING_SECONDS = 10
"""And for its look at open bills."""


def training_room() -> TrainingRoom:
    """Return the table, the bucket and the two services."""
    return TrainingRoom(
        jobs=DynamoJobs.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        trainer=SageMakerTrainer.from_env(),
        callbacks=StepFunctionsCallbacks.from_env(),
    )


def time_for(seconds: float) -> Callable[[], bool]:
    """Return whether so many seconds, from now on, are not over."""
    end = monotonic() + seconds
    return lambda: monotonic() < end


def launcher() -> Launcher:
    """Return what a launcher needs."""
    in_time, pace = time_for(LAUNCHING_SECONDS), Pace()

    def has_time() -> bool:
        pace.wait()
        return in_time()

    return Launcher(
        room=training_room(),
        bases=S3Storage.from_env("BASES_BUCKET"),
        settings=settings_from_env(),
        has_time=has_time,
    )
