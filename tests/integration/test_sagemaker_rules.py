"""Rules of SageMaker: refused requests, names, quotas, warm pools, permissions, tags."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from sagemaker.core.resources import TrainingJob
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    OutputDataConfig,
    ResourceConfig,
    StoppingCondition,
)

from tests.cloud import PATIENCE_SECONDS, eventually
from tests.integration.sagemaker_kit import TRAINER, allow, client_of

if TYPE_CHECKING:
    from local.cloud.server import Cloud
    from tests.integration.sagemaker_kit import SageMakerKit

SPOT = {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 30}
LONG = {"seconds": "3000"}


PIPE = {
    "ChannelName": "plan",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/c"}},
    "InputMode": "Pipe",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TrainingJobName": "under_score"}, "Member must satisfy regular expression pattern"),
        ({"TrainingJobName": "x" * 64}, "length less than or equal to 63"),
        ({"OutputDataConfig": None}, "Value null at 'outputDataConfig'"),
        ({"RoleArn": "arn:aws:iam::000000000000:user/me"}, "at 'roleArn' failed to satisfy"),
        ({"HyperParameters": {"n": 1}}, "Member must be of type string"),
        ({"EnableManagedSpotTraining": True, "StoppingCondition": SPOT}, "MaxWaitTimeInSeconds"),
        ({"RoleArn": "arn:aws:iam::000000000000:role/nobody"}, "Could not assume role"),
        ({"InputDataConfig": [PIPE]}, "channel plan must be an S3Prefix or a ManifestFile"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/srv"}}, "begin with /opt/ml/"),
        ({"TensorBoardOutputConfig": {"S3OutputPath": "s3://b", "LocalPath": "/x"}}, "TensorBoard"),
    ],
)  # fmt: skip
def test_a_request_that_breaks_a_rule_is_refused(
    kit: SageMakerKit, changes: dict[str, Any], words: str
) -> None:
    request = {k: v for k, v in (kit.request() | changes).items() if v is not None}
    unchecked = client_of(
        kit.cloud, "sagemaker", *kit.cloud.access_key(), parameter_validation=False
    )
    with pytest.raises(ClientError, match="ValidationException") as refused:
        unchecked.create_training_job(**request)
    assert words in str(refused.value)


def test_an_instance_type_that_does_not_exist_is_refused(kit: SageMakerKit) -> None:
    request = kit.request()
    request["ResourceConfig"]["InstanceType"] = "ml.huge"
    with pytest.raises(ClientError, match="enum value set"):
        kit.sagemaker.create_training_job(**request)


def of_instances(kit: SageMakerKit, count: int, **changes: Any) -> dict[str, Any]:
    request = kit.request(**changes)
    request["ResourceConfig"]["InstanceCount"] = count
    return request


def test_a_job_without_instances_is_refused(kit: SageMakerKit) -> None:
    with pytest.raises(ClientError, match="InstanceCount"):
        kit.sagemaker.create_training_job(**of_instances(kit, 0))


def test_every_instance_of_a_job_counts_in_the_quota(kit: SageMakerKit) -> None:
    kit.use_settings(instance_quota=3)
    job = of_instances(kit, 2, behaviour=LONG)
    kit.sagemaker.create_training_job(**job)
    with pytest.raises(kit.sagemaker.exceptions.ResourceLimitExceeded, match="of 2 Instances"):
        kit.sagemaker.create_training_job(**of_instances(kit, 2))
    assert kit.train()["TrainingJobStatus"] == "Completed"
    kit.sagemaker.stop_training_job(TrainingJobName=job["TrainingJobName"])


def test_a_warm_pool_serves_only_as_many_instances_as_it_has(kit: SageMakerKit) -> None:
    request = of_instances(kit, 2, keep=600)
    kit.sagemaker.create_training_job(**request)
    first = kit.ended(request["TrainingJobName"])
    kit.train()
    assert pool(kit, first)["Status"] == "Available"
    second = of_instances(kit, 2)
    kit.sagemaker.create_training_job(**second)
    kit.ended(second["TrainingJobName"])
    assert pool(kit, first)["ReusedByJob"] == second["TrainingJobName"]
    model = kit.archive(f"output/{second['TrainingJobName']}/output/model.tar.gz")
    assert "sagemaker/warmpoolcache/cached.txt" in json.loads(model["seen.json"])["inputs"]


def test_an_operation_that_the_laptop_has_not_is_refused(kit: SageMakerKit) -> None:
    with pytest.raises(ClientError, match="ListTransformJobs is not an operation"):
        kit.sagemaker.list_transform_jobs()
    runtime = kit.cloud.client("sagemaker-runtime")
    with pytest.raises(ClientError, match="is not an operation"):
        runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://b/i")


def test_a_role_that_does_not_trust_sagemaker_is_refused(kit: SageMakerKit) -> None:
    other = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    name = f"other-{uuid.uuid4().hex[:8]}"
    document = json.dumps({"Version": "2012-10-17", "Statement": [other]})
    iam = kit.cloud.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    with pytest.raises(ClientError, match="Could not assume role"):
        kit.start(RoleArn=arn)


def test_a_name_is_used_once_until_the_job_is_deleted(kit: SageMakerKit) -> None:
    job = kit.train()["TrainingJobName"]
    with pytest.raises(kit.sagemaker.exceptions.ResourceInUse, match="must be unique"):
        kit.start(job)
    kit.sagemaker.delete_training_job(TrainingJobName=job)
    with pytest.raises(ClientError, match="Requested resource not found"):
        kit.describe(job)
    with pytest.raises(kit.sagemaker.exceptions.ResourceNotFound):
        kit.sagemaker.delete_training_job(TrainingJobName=job)
    assert kit.train(job)["TrainingJobStatus"] == "Completed"


def test_a_running_job_cannot_be_deleted(kit: SageMakerKit) -> None:
    job = kit.start(behaviour=LONG)
    with pytest.raises(kit.sagemaker.exceptions.ResourceInUse):
        kit.sagemaker.delete_training_job(TrainingJobName=job)
    kit.sagemaker.stop_training_job(TrainingJobName=job)
    kit.ended(job)


def test_instances_are_limited(kit: SageMakerKit) -> None:
    kit.use_settings(instance_quota=1)
    job = kit.start(behaviour=LONG)
    with pytest.raises(kit.sagemaker.exceptions.ResourceLimitExceeded) as refused:
        kit.start()
    assert "'ml.g5.2xlarge for training job usage' is 1 Instances" in str(refused.value)
    kit.sagemaker.stop_training_job(TrainingJobName=job)
    kit.ended(job)
    assert kit.train()["TrainingJobStatus"] == "Completed"


def pool(kit: SageMakerKit, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = kit.describe(job["TrainingJobName"])["WarmPoolStatus"]
    return answer


def test_a_warm_pool_serves_the_next_job_that_matches(kit: SageMakerKit) -> None:
    first = kit.train(keep=600)
    assert pool(kit, first)["Status"] == "Available"
    with pytest.raises(kit.sagemaker.exceptions.ResourceInUse):
        kit.sagemaker.delete_training_job(TrainingJobName=first["TrainingJobName"])
    kit.use_settings(cold_start=3000)  # only a job in the warm pool starts within this test
    other = kit.request()
    other["ResourceConfig"]["VolumeSizeInGB"] = 31
    kit.sagemaker.create_training_job(**other)
    assert pool(kit, first)["Status"] == "Available"
    second = kit.train()
    assert pool(kit, first)["Status"] == "Reused"
    assert pool(kit, first)["ReusedByJob"] == second["TrainingJobName"]
    seen = kit.archive(f"output/{second['TrainingJobName']}/output/model.tar.gz")["seen.json"]
    assert "sagemaker/warmpoolcache/cached.txt" in json.loads(seen)["inputs"]
    assert kit.describe(other["TrainingJobName"])["SecondaryStatus"] == "Starting"


def test_a_warm_pool_ends_with_its_time(kit: SageMakerKit) -> None:
    job = kit.train(keep=1)
    eventually(lambda: pool(kit, job)["Status"] == "Terminated")
    assert "ResourceRetainedBillableTimeInSeconds" in pool(kit, job), "it was kept for a while"


def test_the_time_of_a_warm_pool_can_be_changed(kit: SageMakerKit) -> None:
    job = kit.train(keep=600)
    kit.sagemaker.update_training_job(
        TrainingJobName=job["TrainingJobName"], ResourceConfig={"KeepAlivePeriodInSeconds": 0}
    )
    assert pool(kit, job)["Status"] == "Terminated"


def test_without_a_quota_no_warm_pool_is_kept(kit: SageMakerKit) -> None:
    kit.use_settings(warm_pool_quota=0)
    assert pool(kit, kit.train(keep=60))["Status"] == "Terminated"


def test_tags_stay_with_their_job(kit: SageMakerKit) -> None:
    job = kit.train(Tags=[{"Key": "tenant", "Value": "t1"}])
    arn = job["TrainingJobArn"]
    kit.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "plan", "Value": "p"}])
    kit.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["tenant"])
    assert kit.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "plan", "Value": "p"}]


def test_jobs_are_listed_page_by_page(kit: SageMakerKit) -> None:
    mark = uuid.uuid4().hex[:6]
    names = [kit.train(f"{mark}-{index}")["TrainingJobName"] for index in range(3)]
    pages = kit.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=mark, SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    listed = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert listed == [names[:2], names[2:]]
    failed = kit.sagemaker.list_training_jobs(NameContains=mark, StatusEquals="Failed")
    assert failed["TrainingJobSummaries"] == []


def test_the_aws_cli_lists_and_describes_jobs(kit: SageMakerKit) -> None:
    job = kit.train()["TrainingJobName"]
    assert job in _cli(kit.cloud, "list-training-jobs", "--name-contains", job)
    described = json.loads(_cli(kit.cloud, "describe-training-job", "--training-job-name", job))
    assert described["TrainingJobStatus"] == "Completed"


def _cli(cloud: Cloud, *arguments: str) -> str:
    aws = Path(__file__).parents[2] / ".venv/tools/bin/aws"
    run = subprocess.run(
        [aws, "sagemaker", *arguments, "--output", "json"],
        env=os.environ | cloud.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def client_with(kit: SageMakerKit, *statements: dict[str, Any]) -> Any:
    """Return the client of a user with these permissions only."""
    iam, name = kit.cloud.client("iam"), f"user-{uuid.uuid4().hex[:8]}"
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="tests", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return client_of(kit.cloud, "sagemaker", key["AccessKeyId"], key["SecretAccessKey"])


def test_permissions_go_by_the_name_of_the_job(kit: SageMakerKit) -> None:
    jobs = "arn:aws:sagemaker:us-east-1:000000000000:training-job/mine-*"
    create = allow("sagemaker:CreateTrainingJob", jobs)
    passed = allow("iam:PassRole", kit.role) | {
        "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    }
    mine, other = f"mine-{uuid.uuid4().hex[:6]}", f"other-{uuid.uuid4().hex[:6]}"
    tagged = {"Tags": [{"Key": "a", "Value": "b"}]}
    with pytest.raises(ClientError, match="iam:PassRole"):
        client_with(kit, create).create_training_job(**kit.request(mine))
    may = client_with(kit, create, passed)
    with pytest.raises(ClientError, match="sagemaker:CreateTrainingJob"):
        may.create_training_job(**kit.request(other))
    with pytest.raises(ClientError, match="sagemaker:AddTags"):
        may.create_training_job(**kit.request(mine, **tagged))
    may.create_training_job(**kit.request(mine))
    with pytest.raises(ClientError, match="sagemaker:DescribeTrainingJob"):
        may.describe_training_job(TrainingJobName=mine)
    kit.ended(mine)


def test_sagemaker_cores_training_job_works(
    kit: SageMakerKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in kit.cloud.environment().items():
        monkeypatch.setenv(name, value)
    job = TrainingJob.create(
        training_job_name=f"core-{uuid.uuid4().hex[:8]}",
        role_arn=kit.role,
        algorithm_specification=AlgorithmSpecification(
            training_image=TRAINER, training_input_mode="File"
        ),
        output_data_config=OutputDataConfig(s3_output_path=f"s3://{kit.bucket}/output"),
        resource_config=ResourceConfig(
            instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=5
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
    )
    job.wait(poll=1, logs=False, timeout=PATIENCE_SECONDS)
    assert job.training_job_status == "Completed"
    assert job.model_artifacts.s3_model_artifacts.endswith("model.tar.gz")
