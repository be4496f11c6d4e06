"""Warm pools as erasure sees them: which wait, and which are told to end."""

from typing import Any

from botocore.exceptions import ClientError

from aws.erasure.warm_pools import SageMakerWarmPools


class MemorySageMaker:
    """Training jobs with the status of their pools; an update ends a pool."""

    def __init__(self, **pools: str | None) -> None:
        self.pools = pools

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:  # noqa: N803
        if TrainingJobName not in self.pools:
            error = {"Code": "ResourceNotFound", "Message": "no such job"}
            raise ClientError({"Error": error}, "DescribeTrainingJob")
        status = self.pools[TrainingJobName]
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "ResourceConfig": {},
            **({"WarmPoolStatus": {"Status": status}} if status else {}),
        }

    def update_training_job(
        self,
        *,
        TrainingJobName: str,  # noqa: N803
        ResourceConfig: dict[str, int],  # noqa: N803
    ) -> None:
        assert ResourceConfig == {"KeepAlivePeriodInSeconds": 0}
        self.pools[TrainingJobName] = "Terminated"


def test_only_a_pool_that_waits_is_kept_and_it_ends_once() -> None:
    sagemaker = MemorySageMaker(waits="Available", works="InUse", without=None)
    pools = SageMakerWarmPools(sagemaker)
    names = ("waits", "works", "without", "unknown")
    assert [pools.is_kept(name) for name in names] == [True, False, False, False]
    assert [pools.release(name) for name in names] == [True, False, False, False]
    assert sagemaker.pools["works"] == "InUse", "its next training job goes on"
    assert not any(pools.is_kept(name) or pools.release(name) for name in names)
