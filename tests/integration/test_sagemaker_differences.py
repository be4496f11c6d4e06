"""Differences between the laptop's SageMaker and AWS; docs/differences.md names each test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.integration.sagemaker_kit import SageMakerKit


def environment_of(kit: SageMakerKit, job: dict[str, Any]) -> dict[str, str]:
    model = kit.archive(f"output/{job['TrainingJobName']}/output/model.tar.gz")
    answer: dict[str, str] = json.loads(model["seen.json"])["environment"]
    return answer


def test_opt_ml_is_a_folder_that_a_variable_names(kit: SageMakerKit) -> None:
    job = kit.train()
    root = environment_of(kit, job)["SAGEMAKER_BASE_DIR"]
    assert root.endswith(f"/training/{job['TrainingJobName']}/algo-1")


def test_networks_and_keys_are_accepted_and_mean_nothing(kit: SageMakerKit) -> None:
    network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    request = kit.request(VpcConfig=network)
    request["ResourceConfig"]["VolumeKmsKeyId"] = "no-such-key"
    kit.sagemaker.create_training_job(**request)
    assert kit.ended(request["TrainingJobName"])["TrainingJobStatus"] == "Completed"


def test_an_instance_starts_at_once(kit: SageMakerKit) -> None:
    job = kit.train()
    waited = job["TrainingStartTime"] - job["CreationTime"]
    assert waited.total_seconds() < 60, "AWS needs minutes"
