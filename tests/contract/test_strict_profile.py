"""The strict profile: keys, network and boundaries on everything that can have them."""

import re
from typing import Any

import pytest

from local.template import ROOT, load, read
from profiles.strict import BOUNDARY, KEY, NETWORK, PARAMETERS, resources_of, strict

TEMPLATE = strict(load())


def of(*kinds: str) -> dict[str, dict[str, Any]]:
    """Properties of each resource of these types, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in resources_of(TEMPLATE)
        if resource["Type"] in kinds
    }


def statements(properties: dict[str, Any]) -> list[dict[str, Any]]:
    policies = [one.get("PolicyDocument", one) for one in properties["Policies"]]
    found = [statement for policy in policies for statement in policy["Statement"]]
    branches = [branch for one in found for branch in one.get("Fn::If", ["", one])[1:]]
    return [statement for statement in branches if "Action" in statement]


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AWS::SNS::Topic", ("KmsMasterKeyId",)),
        ("AWS::SQS::Queue", ("KmsMasterKeyId",)),
        ("AWS::SecretsManager::Secret", ("KmsKeyId",)),
        ("AWS::Logs::LogGroup", ("KmsKeyId",)),
        ("AWS::DynamoDB::Table", ("SSESpecification", "KMSMasterKeyId")),
        ("AWS::Serverless::Function", ("KmsKeyArn",)),
    ],
)
def test_what_holds_data_is_under_the_customer_s_key(kind: str, path: tuple[str, ...]) -> None:
    assert of(kind)
    for properties in of(kind).values():
        found: Any = properties
        for name in path:
            found = found[name]
        assert found == KEY


def test_buckets_are_under_the_key_and_log_their_readers() -> None:
    for name, properties in of("AWS::S3::Bucket").items():
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY
        assert name in properties["LoggingConfiguration"]["LogFilePrefix"]["Fn::Sub"]


def test_every_role_has_the_boundary_and_may_use_the_key() -> None:
    kinds = ("AWS::Serverless::Function", "AWS::IAM::Role")
    for properties in of(*kinds).values():
        assert properties["PermissionsBoundary"] == BOUNDARY
        keys = [one for one in statements(properties) if "kms:Decrypt" in one["Action"]]
        assert [one["Resource"] for one in keys] == [KEY]
    for properties in of("AWS::Serverless::StateMachine").values():
        assert properties["PermissionsBoundary"] == BOUNDARY


def test_functions_run_in_the_network_with_reserved_concurrency_and_a_dead_letter_queue() -> None:
    for properties in of("AWS::Serverless::Function").values():
        assert properties["VpcConfig"] == NETWORK
        assert properties["ReservedConcurrentExecutions"] == {"Ref": "ReservedConcurrency"}
        assert properties["DeadLetterQueue"]["Type"] == "SQS"


def test_containers_run_in_the_network() -> None:
    (model,) = of("AWS::SageMaker::Model").values()
    assert model["VpcConfig"]["Subnets"] == {"Ref": "SubnetIds"}
    launchers = [
        properties["Environment"]["Variables"]
        for properties in of("AWS::Serverless::Function").values()
        if "TRAINING_ROLE_ARN" in properties["Environment"]["Variables"]
    ]
    assert len(launchers) == 2
    for variables in launchers:
        assert variables["TRAINING_SUBNET_IDS"] == {"Fn::Join": [",", {"Ref": "SubnetIds"}]}
        assert variables["TRAINING_OUTPUT_KMS_KEY"] == KEY


ENDPOINTS = {
    "cloudwatch": {"monitoring"},
    "cognito-idp": {"cognito-idp"},
    "ecr": {"ecr.api", "ecr.dkr"},
    "sagemaker": {"sagemaker.api", "sagemaker.runtime"},
    "sagemaker-mlflow": {"aws.sagemaker.REGION.experiments"},
}
"""VPC endpoints of services that IAM calls by another name, or that have several."""

WITHOUT_CALL = {"ec2", "iam"}
"""Services whose actions AWS does for the stack: network interfaces, and passing a role."""


def test_the_page_names_a_vpc_endpoint_for_every_service_that_the_roles_may_call() -> None:
    page = (ROOT / "docs" / "strict.md").read_text()
    actions = [
        action
        for properties in of("AWS::Serverless::Function", "AWS::IAM::Role").values()
        for statement in statements(properties)
        for action in as_list(statement["Action"])
    ]
    services = {action.partition(":")[0] for action in actions} - WITHOUT_CALL
    assert {"dynamodb", "lambda", "s3", "secretsmanager"} <= services
    named = set(re.findall(r"`([a-zA-Z0-9.-]+)`", page))
    missing = {one for name in services for one in ENDPOINTS.get(name, {name}) - named}
    assert missing == set()


def test_the_price_of_the_profile_counts_its_interface_endpoints() -> None:
    page = (ROOT / "docs" / "strict.md").read_text()
    listed = page.partition("interfaces\nwith private DNS for ")[2].partition(". `")[0]
    price = (ROOT / "docs" / "cost.md").read_text()
    assert f"{len(re.findall('`[^`]+`', listed))} interface endpoints" in price


def test_reserved_concurrency_is_counted_on_the_page() -> None:
    count = len(of("AWS::Serverless::Function"))
    default = PARAMETERS["ReservedConcurrency"]["Default"]
    page = (ROOT / "docs" / "strict.md").read_text()
    assert f"{count} functions with {default} executions each are {count * default}" in page


def test_nothing_else_changes() -> None:
    plain, changed = load(), TEMPLATE
    assert set(changed["Resources"]) == set(plain["Resources"])
    assert set(changed["Parameters"]) - set(plain["Parameters"]) == set(PARAMETERS)
    for name, resource in read()["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm" and name in changed["Resources"]:
            assert resource == changed["Resources"][name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_says_what_it_is_and_has_its_place(name: str) -> None:
    assert re.match(r"[A-Z].+", PARAMETERS[name]["Description"])
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert name in groups[-1]["Parameters"]
