"""log_experiment may call the one MLflow server that the stack's parameter names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud import eventually
from tests.contract.files import template

if TYPE_CHECKING:
    from local.cloud.server import Cloud

NAME = "mlflow-policy"
APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-7"


def statement() -> dict[str, Any]:
    function = template()["Resources"]["LogExperimentFunction"]
    (policy,) = function["Properties"]["Policies"]
    (found,) = (one for one in policy["Statement"] if "sagemaker:CallMlflowAppApi" in one["Action"])
    return dict(found)


def resource_of(cloud: Cloud, tracking: str) -> str:
    """Return the resource of the statement, with the parameter's value filled in."""
    service = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": NAME,
            "AssumeRolePolicyDocument": {"Statement": [service | {"Action": "sts:AssumeRole"}]},
            "Policies": [
                {"PolicyName": NAME, "PolicyDocument": {"Statement": [statement()]}},
            ],
        },
    }
    body = {"Parameters": {"MlflowTracking": {"Type": "String"}}, "Resources": {"Role": role}}
    stacks = cloud.client("cloudformation")
    stacks.create_stack(
        StackName=NAME,
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": "MlflowTracking", "ParameterValue": tracking}],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    eventually(lambda: status(stacks) == "CREATE_COMPLETE")
    policy = cloud.client("iam").get_role_policy(RoleName=NAME, PolicyName=NAME)
    stacks.delete_stack(StackName=NAME)
    eventually(lambda: status(stacks) in {"", "DELETE_COMPLETE"})
    (found,) = policy["PolicyDocument"]["Statement"]
    return str(found["Resource"])


def status(stacks: Any) -> str:
    found = stacks.describe_stacks()["Stacks"]
    return next((str(one["StackStatus"]) for one in found if one["StackName"] == NAME), "")


@pytest.mark.parametrize(
    ("tracking", "resource"),
    [
        ("arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/ours",) * 2,
        (APP, APP),
        ("https://mlflow.example.org/a", "arn:aws:sagemaker:us-east-1:123456789012:none"),
        ("http://localhost:5000", "arn:aws:sagemaker:us-east-1:123456789012:none"),
    ],
)
def test_only_the_configured_server_may_be_called(
    cloud: Cloud, tracking: str, resource: str
) -> None:
    account = cloud.client("sts").get_caller_identity()["Account"]
    own = {text: text.replace("123456789012", account) for text in (tracking, resource)}
    region = cloud.client("s3").meta.region_name
    assert resource_of(cloud, own[tracking]) == own[resource].replace("us-east-1", region)
