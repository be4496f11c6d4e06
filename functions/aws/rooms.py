"""What the stages around a training talk to, put together from the environment."""

from time import monotonic

from aws.callbacks import StepFunctionsCallbacks
from aws.jobs import DynamoJobs
from aws.pace import Pace
from aws.storage import S3Storage
from aws.training import SageMakerTrainer, settings_from_env
from domain.following import TrainingRoom
from domain.launching import Launcher

LAUNCHING_SECONDS = 40
"""Of the function's sixty: the last order that was begun needs the rest."""


def training_room() -> TrainingRoom:
    """Return the table, the bucket and the two services."""
    return TrainingRoom(
        jobs=DynamoJobs.from_env(),
        models=S3Storage.from_env("MODELS_BUCKET"),
        trainer=SageMakerTrainer.from_env(),
        callbacks=StepFunctionsCallbacks.from_env(),
    )


def launcher() -> Launcher:
    """Return what a launcher needs."""
    end, pace = monotonic() + LAUNCHING_SECONDS, Pace()

    def has_time() -> bool:
        pace.wait()
        return monotonic() < end

    return Launcher(
        room=training_room(),
        bases=S3Storage.from_env("BASES_BUCKET"),
        settings=settings_from_env(),
        has_time=has_time,
    )
