"""Where the laptop's SageMaker differs from AWS's: docs/differences.md names each test."""

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
    assert root.endswith(f"/training/{job['TrainingJobName']}")


def test_nothing_isolates_a_job_from_the_network(kit: SageMakerKit) -> None:
    behaviour = {"connect": kit.cloud.endpoint_url.removeprefix("http://")}
    job = kit.train(behaviour=behaviour, EnableNetworkIsolation=True)
    assert job["TrainingJobStatus"] == "Completed"


def test_a_job_has_no_credentials_even_without_isolation(kit: SageMakerKit) -> None:
    seen = environment_of(kit, kit.train(EnableNetworkIsolation=False))
    assert not [name for name in seen if "CREDENTIALS" in name or "ACCESS_KEY" in name]


def test_networks_and_keys_are_accepted_and_mean_nothing(kit: SageMakerKit) -> None:
    network = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    request = kit.request(VpcConfig=network)
    request["ResourceConfig"]["VolumeKmsKeyId"] = "no-such-key"
    kit.sagemaker.create_training_job(**request)
    assert kit.ended(request["TrainingJobName"])["TrainingJobStatus"] == "Completed"


def test_metrics_do_not_reach_cloudwatch(kit: SageMakerKit) -> None:
    request = kit.request()
    metrics = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    request["AlgorithmSpecification"]["MetricDefinitions"] = metrics
    kit.sagemaker.create_training_job(**request)
    assert kit.ended(request["TrainingJobName"])["FinalMetricDataList"]
    cloudwatch = kit.cloud.client("cloudwatch")
    listed = cloudwatch.list_metrics(Namespace="/aws/sagemaker/TrainingJobs")["Metrics"]
    assert listed == []


def test_an_instance_starts_at_once(kit: SageMakerKit) -> None:
    job = kit.train()
    waited = job["TrainingStartTime"] - job["CreationTime"]
    assert waited.total_seconds() < 60, "AWS needs minutes"
