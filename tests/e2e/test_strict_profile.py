"""The strict profile, deployed: one upload through keys, network and boundaries."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from bench.workflow.__main__ import STUB_IMAGE
from local import deployment
from local.cloud.paths import ROOT
from local.demo.subscriber import Subscriber
from profiles.strict import strict
from tests.e2e.stack import BASE_ID, SMALL, Stack, photos
from tests.e2e.test_settings import delete

NAME = "likeness-strict"
LOGS_BUCKET = "strict-access-logs"


class Deployed(NamedTuple):
    """The strict stack, and what its operator brought."""

    stack: Stack
    key: str
    subnets: list[str]
    groups: list[str]


@pytest.fixture(scope="module")
def deployed(stack: Stack) -> Iterator[Deployed]:
    cloud = stack.cloud
    key = cloud.client("kms").create_key(Description="strict")["KeyMetadata"]["Arn"]
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in (1, 2)
    ]
    group = ec2.create_security_group(GroupName="strict", Description="strict", VpcId=vpc)
    everything = (
        '{"Version": "2012-10-17",'
        ' "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    )
    boundary = cloud.client("iam").create_policy(PolicyName="bound", PolicyDocument=everything)
    cloud.client("s3").create_bucket(Bucket=LOGS_BUCKET)
    own = {
        "KmsKeyArn": key,
        "SubnetIds": ",".join(subnets),
        "SecurityGroupIds": group["GroupId"],
        "PermissionsBoundaryArn": boundary["Policy"]["Arn"],
        "AccessLogsBucket": LOGS_BUCKET,
        "TrainingImageUri": f"{STUB_IMAGE}:1",
    }
    outputs = deployment.deploy(cloud, NAME, ROOT, strict, BaseId=BASE_ID, **own)
    changed = Stack(cloud, outputs, Subscriber(cloud, outputs["NoticesTopicArn"]))
    yield Deployed(changed, key, subnets, [group["GroupId"]])
    delete(cloud, NAME, outputs)


@pytest.mark.thorough
def test_an_upload_goes_through_the_strict_stack(deployed: Deployed) -> None:
    stack = deployed.stack
    stack.upload("strict", photos(91), SMALL)
    execution = stack.execution("strict")
    assert execution["status"] == "SUCCEEDED", stack.states(execution)
    notice = stack.notice("strict")
    assert notice["code"] == "ready"
    job = job_of(stack, notice["job_id"])
    assert job["VpcConfig"] == {
        "Subnets": deployed.subnets,
        "SecurityGroupIds": deployed.groups,
    }
    assert job["OutputDataConfig"]["KmsKeyId"] == deployed.key
    assert job["EnableNetworkIsolation"] is True


def job_of(stack: Stack, job_id: str) -> dict[str, Any]:
    (summary,) = stack.training_jobs(job_id)
    found: dict[str, Any] = stack.cloud.client("sagemaker").describe_training_job(
        TrainingJobName=summary["TrainingJobName"]
    )
    return found
