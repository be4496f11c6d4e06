"""SageMaker's warm pools: implements domain.ports.erasure.WarmPools."""

from typing import Any

from botocore.exceptions import ClientError

from aws.clients import client
from aws.training import is_not_found, state_of


class SageMakerWarmPools:
    """A pool ends when its training job is told to keep it alive for no time."""

    def __init__(self, sagemaker: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._sagemaker = sagemaker

    @classmethod
    def from_env(cls) -> "SageMakerWarmPools":
        """Use this region's SageMaker."""
        return cls(client("sagemaker"))

    def is_kept(self, training_job_name: str) -> bool:
        """Return whether this training job's warm pool waits for another one."""
        try:
            answer = self._sagemaker.describe_training_job(TrainingJobName=training_job_name)
        except ClientError as error:
            if is_not_found(error):
                return False
            raise
        return state_of(answer).pool == "Available"

    def release(self, training_job_name: str) -> bool:
        """End the warm pool that this training job has left; False when there is none."""
        if not self.is_kept(training_job_name):
            return False
        try:
            self._sagemaker.update_training_job(
                TrainingJobName=training_job_name, ResourceConfig={"KeepAlivePeriodInSeconds": 0}
            )
        except ClientError as error:
            if is_not_found(error):
                return False
            raise
        return True
