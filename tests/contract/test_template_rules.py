"""A parameter or a name that cannot work is refused at deployment, before anything is made."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from contracts.shared.names import STACK_NAME
from local import deployment
from tests.cloud import eventually
from tests.contract.files import template

if TYPE_CHECKING:
    from local.cloud.server import Cloud

NAME_CHECK = "StackNameIsLowerCaseAndAtMost40Characters"
CHECKED = template()["Resources"][NAME_CHECK]
QUEUE = {"Type": "AWS::SQS::Queue"}
LIMITS = {
    "AWS::Serverless::Function": ("FunctionName", 64),
    "AWS::Serverless::StateMachine": ("Name", 80),
    "AWS::SageMaker::Endpoint": ("EndpointName", 63),
    "AWS::SNS::Topic": ("TopicName", 256),
}
"""AWS's limit of each name that begins with the stack's."""


def named() -> list[tuple[str, int]]:
    """What follows the stack's name in each name, and the limit of that name."""
    found = []
    for resource in template()["Resources"].values():
        field, limit = LIMITS.get(resource["Type"], ("", 0))
        if field:
            found.append((resource["Properties"][field]["Fn::Sub"], limit))
    return found


def refusal(cloud: Cloud, region: str, **parameters: str) -> str:
    """What CloudFormation answers to these parameters in a Region; empty: it makes the stack."""
    client = boto3.client(
        "cloudformation",
        endpoint_url=cloud.endpoint_url,
        region_name=region,
        **cloud.credentials(),
    )
    body = {
        "Parameters": template()["Parameters"],
        "Rules": template()["Rules"],
        "Resources": {"Queue": QUEUE},
    }
    values = deployment.parameters(**parameters)
    chosen = [{"ParameterKey": k, "ParameterValue": v} for k, v in values.items()]
    try:
        client.create_stack(
            StackName=f"rules-{region}", TemplateBody=json.dumps(body), Parameters=chosen
        )
    except ClientError as error:
        return str(error.response["Error"]["Message"])
    client.delete_stack(StackName=f"rules-{region}")
    return ""


@pytest.mark.parametrize(
    ("region", "parameters", "words"),
    [
        ("eu-north-1", {"MonthlyBudgetUsd": "50"}, "Deploy with MonthlyBudgetUsd=0"),
        ("eu-north-1", {}, ""),
        ("eu-central-1", {"MonthlyBudgetUsd": "50"}, ""),
        ("us-gov-east-1", {}, "Deploy with CreateEndpoint=false"),
        ("us-gov-east-1", {"CreateEndpoint": "false"}, ""),
    ],
)
def test_what_a_region_lacks_is_said_beforehand_with_what_to_do(
    cloud: Cloud, region: str, parameters: dict[str, str], words: str
) -> None:
    answer = refusal(cloud, region, **parameters)
    assert words in answer
    assert bool(words) == bool(answer)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("rightly-named-2", "CREATE_COMPLETE"),
        ("Wrongly-named", "ROLLBACK_COMPLETE"),
        ("n" * 41, "ROLLBACK_COMPLETE"),
    ],
)
def test_a_stack_whose_name_cannot_work_fails_before_it_has_data(
    cloud: Cloud, name: str, status: str
) -> None:
    client = cloud.client("cloudformation")
    queue: dict[str, Any] = QUEUE | {"DependsOn": NAME_CHECK}
    body = {"Resources": {NAME_CHECK: CHECKED, "Queue": queue}}
    client.create_stack(StackName=name, TemplateBody=json.dumps(body))

    def ended() -> str:
        found = str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return "" if found.endswith("IN_PROGRESS") else found

    assert eventually(ended) == status
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    failed = {e["LogicalResourceId"] for e in events if e["ResourceStatus"] == "CREATE_FAILED"}
    made = {e["LogicalResourceId"] for e in events if e["ResourceStatus"] == "CREATE_COMPLETE"}
    good = status == "CREATE_COMPLETE"
    assert (failed == {NAME_CHECK}) != good
    assert ("Queue" in made) == good
    client.delete_stack(StackName=name)


def test_the_template_and_the_code_know_one_pattern() -> None:
    assert CHECKED["Properties"]["AllowedPattern"] == STACK_NAME
    assert CHECKED["Properties"]["Value"] == {"Ref": "AWS::StackName"}


@pytest.mark.parametrize(("text", "limit"), named())
def test_a_name_that_begins_with_the_longest_stack_name_fits(text: str, limit: int) -> None:
    longest = text.replace("${AWS::StackName}", "n" * 40)
    assert re.match(STACK_NAME, "n" * 40)
    assert len(longest) <= limit


@pytest.mark.parametrize("kind", ["AWS::S3::Bucket", "AWS::DynamoDB::Table"])
def test_nothing_that_holds_data_is_made_before_the_name_is_checked(kind: str) -> None:
    found = [r for r in template()["Resources"].values() if r["Type"] == kind]
    assert found
    assert {r["DependsOn"] for r in found} == {NAME_CHECK}


@pytest.mark.parametrize(
    ("issuer", "taken"),
    [
        ("none", True),
        ("https://issuer.example.org/people", True),
        ("https://issuer.example.org:8443/people", True),
        ("https://issuer.example.org:port", False),
        ("http://issuer.example.org", False),
    ],
)
def test_an_issuer_is_an_https_address_that_may_have_a_port(issuer: str, taken: bool) -> None:
    pattern = template()["Parameters"]["OidcIssuer"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, issuer)) is taken
