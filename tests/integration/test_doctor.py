"""``likeness doctor`` after a deployment on the laptop's AWS: the real template, real answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from likeness_client.__main__ import main
from local import deployment
from local.cloud.server import REGION, Cloud
from tests.fakes.aws_account import good_objects

STACK, BUCKET = "examined", "likeness-bases"

UNOFFERED = {
    "cloudformation:DescribeType",
    "s3:GetAccountPublicAccessBlock",
    "servicequotas:ListAWSDefaultServiceQuotas",
}
"""Calls that the laptop's AWS does not answer; an account does."""

ITS_OWN = {"age_not_estimated", "image_uri_refused", "no_budget", "topic_without_subscriber"}
"""What is right about the laptop: its images are programs, nobody has subscribed, and it has no
weights that estimate ages."""

NO_TRAINING = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "sagemaker:CreateTrainingJob", "Resource": "*"}],
    }
)
"""What an administrator has put on a role."""

MAY_BE_FOUND = {"alarm_raised", "logs_kept_for_ever"}
"""QueueAgeAlarm is raised until reconcile has reported for the first time. SageMaker's logs are
there if another test in this account has trained."""


@dataclass
class Examined:
    """A deployed stack, and what the doctor says about it."""

    cloud: Cloud
    resources: dict[str, str]
    status: int = 0

    def findings(self, capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, Any]]]:
        """Run the command; return its findings by code."""
        capsys.readouterr()
        self.status = main(["doctor", "--region", REGION, "--stack", STACK, "--json"])
        found: dict[str, list[dict[str, Any]]] = {}
        for one in json.loads(capsys.readouterr().out)["findings"]:
            found.setdefault(one["code"], []).append(one)
        return found


@pytest.fixture(scope="module")
def deployed(cloud: Cloud) -> Iterator[Examined]:
    deployment.build()
    s3, formation = cloud.client("s3"), cloud.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    for key, body in good_objects().items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    deployment.deploy(
        cloud, STACK, CreateEndpoint="on-demand", BaseId="portraits-sdxl", BasesBucket=BUCKET
    )
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    yield Examined(
        cloud,
        {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages
            for one in page["StackResourceSummaries"]
        },
    )
    formation.delete_stack(StackName=STACK)


@pytest.fixture
def examined(deployed: Examined, monkeypatch: pytest.MonkeyPatch) -> Examined:
    for name, value in deployed.cloud.environment().items():
        monkeypatch.setenv(name, value)
    return deployed


def test_a_stack_as_it_was_deployed_has_only_what_the_laptop_lacks(
    examined: Examined, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examined.findings(capsys)
    assert {one["subject"] for one in found.pop("could_not_ask")} == UNOFFERED
    assert found.keys() - MAY_BE_FOUND == ITS_OWN
    assert examined.status == 1


def test_what_is_broken_behind_cloudformation_s_back_is_named(
    examined: Examined, capsys: pytest.CaptureFixture[str]
) -> None:
    client, ids = examined.cloud.client, examined.resources
    uploads, launcher = ids["UploadsBucket"], ids["LaunchTrainingFunction"]
    client("s3").put_bucket_versioning(
        Bucket=uploads, VersioningConfiguration={"Status": "Suspended"}
    )
    client("s3").delete_object(Bucket=BUCKET, Key="bases/portraits-sdxl/model_index.json")
    client("lambda").put_function_concurrency(FunctionName=launcher, ReservedConcurrentExecutions=0)
    client("lambda").delete_function(FunctionName=ids["NotifyOutcomeFunction"])
    client("events").disable_rule(Name=ids["ReconcileFunctionEveryMinute"])
    client("sqs").send_message(QueueUrl=ids["DeadLetterQueue"], MessageBody="{}")
    role = ids["LaunchTrainingFunctionRole"]
    client("iam").put_role_policy(RoleName=role, PolicyName="no", PolicyDocument=NO_TRAINING)
    found = examined.findings(capsys)
    assert found.keys() - MAY_BE_FOUND - ITS_OWN - {"could_not_ask"} == {
        "base_file_missing",
        "bucket_unversioned",
        "dead_letters",
        "drift_changed",
        "drift_deleted",
        "function_missing",
        "function_stopped",
        "role_denied",
        "rule_disabled",
    }
    (denied,) = found["role_denied"]
    assert (denied["subject"], "sagemaker:CreateTrainingJob" in denied["command"]) == (
        "LaunchTrainingFunctionRole",
        True,
    )
    assert [one["subject"] for one in found["drift_deleted"]] == ["NotifyOutcomeFunction"]
    assert [one["subject"] for one in found["function_stopped"]] == [launcher]
