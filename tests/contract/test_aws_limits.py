"""What AWS refuses for its size or its name, seen before anything is deployed.

Each limit stands with the page of AWS's documentation that names it. Sizes are those of the longest
stack name, ARNs and parameter values. A figure above ROOM of its limit fails too: growth is to be
seen while there is time to split a policy or a template.
"""

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local.template import ROOT, expand, load
from profiles.strict import strict
from tests.contract.longest import PSEUDO, Longest, longest_value

ROOM = 0.9
PROFILES = ("plain", "strict")

TEMPLATE_BYTES, RESOURCES, PARAMETERS, OUTPUTS = 1_000_000, 500, 200, 200
"""CloudFormation User Guide, "Understand CloudFormation quotas"; the template is in S3."""
PARAMETER_DESCRIPTION = OUTPUT_DESCRIPTION = 4000
"""CloudFormation User Guide, Parameters; the same page has 4,000 bytes for both."""
ROLE_POLICIES, MANAGED_POLICY, POLICIES_OF_A_ROLE, TRUST_POLICY = 10_240, 6_144, 10, 2_048
"""IAM User Guide, "IAM and AWS STS quotas": characters without white space; managed policies."""
BUCKET_POLICY, KEY_POLICY, TABLE_POLICY = 20 * 1024, 32 * 1024, 20 * 1024
"""S3 User Guide; KMS and DynamoDB developer guides, quotas; in bytes."""
FUNCTION_VARIABLES, LAYERS, FUNCTION_SECONDS, FUNCTION_MEMORY = 4096, 5, 900, 3008
"""Lambda Developer Guide, "Lambda quotas"; a new account gives a function 3,008 MB at most."""
CONTAINER_VARIABLE, CONTAINER_VARIABLES, CONTAINER_ENTRIES = 1024, 32 * 1024, 100
"""SageMaker API Reference, ContainerDefinition, Environment."""
EVENT_PATTERN, TARGETS, READERS_OF_A_STREAM = 2048, 5, 2
"""EventBridge User Guide, quotas; DynamoDB Developer Guide, "DynamoDB Streams"."""
DEFINITION, STATE_NAME = 1_048_576, 80
"""Step Functions Developer Guide, "Quotas"; its API Reference, CreateStateMachine; in bytes."""
ROUTES, INTEGRATIONS, AUTHORIZERS = 300, 300, 10
"""API Gateway Developer Guide, "Quotas for configuring and running an HTTP API"."""

RETENTION_DAYS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731} | {
    1096, 1827, 2192, 2557, 2922, 3288, 3653,
}  # fmt: skip
"""CloudWatch Logs API Reference, PutRetentionPolicy."""

RESERVED = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}  # fmt: skip
"""Lambda Developer Guide, "Defined runtime environment variables": no function may set them."""

NAMES = {
    ("AWS::Lambda::Function", "FunctionName"): 64,
    ("AWS::Lambda::Function", "Description"): 256,
    ("AWS::Lambda::LayerVersion", "LayerName"): 140,
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): 80,
    ("AWS::SageMaker::Endpoint", "EndpointName"): 63,
    ("AWS::SQS::Queue", "QueueName"): 80,
    ("AWS::SNS::Topic", "TopicName"): 256,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::CloudTrail::Trail", "TrailName"): 128,
    ("AWS::Cognito::UserPool", "UserPoolName"): 128,
    ("AWS::ApiGatewayV2::Api", "Name"): 128,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::CloudWatch::Alarm", "AlarmDescription"): 1024,
    ("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyName"): 256,
    ("AWS::IAM::ManagedPolicy", "Description"): 1000,
}
"""Longest texts of properties, from each service's API reference."""

LISTS = {
    "AllowedOrigins": "https://" + "o" * 253,
    "SubnetIds": ",".join(["subnet-0123456789abcdef0"] * 16),
    "SecurityGroupIds": ",".join(["sg-0123456789abcdef0"] * 5),
}
"""Longest values of lists: as many subnets and groups as SageMaker and Lambda take (VpcConfig)."""


class Template(NamedTuple):
    """An expanded template, and its texts at their longest."""

    sections: dict[str, Any]
    longest: Longest

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of each resource of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self.sections["Resources"].items()
            if resource["Type"] == kind
        }


@cache
def template(profile: str) -> Template:
    """Return a profile of template.yaml as CloudFormation gets it, with texts at their longest."""
    place = ROOT / ".ci" / "expand_template.py"
    specification = importlib.util.spec_from_file_location("expand_template", place)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    loaded = strict(load()) if profile == "strict" else load()
    sections: dict[str, Any] = module.expanded(template=expand(loaded))
    types = sections["Parameters"]["TrainingInstanceType"]["AllowedValues"]
    lists = LISTS | {"AllowedInstanceTypes": ",".join(types)}
    return Template(sections, Longest(sections, lists))


def size(node: Any) -> int:
    """Return the bytes of a part of a template as JSON without white space."""
    return len(json.dumps(node, separators=(",", ":"), ensure_ascii=False).encode())


def fits(figure: float, limit: float, name: str) -> None:
    """Fail where a figure is close to its limit."""
    assert figure <= ROOM * limit, f"{name}: {figure} of {limit}"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_template_is_as_large_as_cloudformation_takes(profile: str) -> None:
    sections = template(profile).sections
    fits(size(sections), TEMPLATE_BYTES, "bytes")
    fits(len(sections["Resources"]), RESOURCES, "resources")
    fits(len(sections["Parameters"]), PARAMETERS, "parameters")
    fits(len(sections["Outputs"]), OUTPUTS, "outputs")
    for section, limit in (("Parameters", PARAMETER_DESCRIPTION), ("Outputs", OUTPUT_DESCRIPTION)):
        for name, entry in sections[section].items():
            fits(len(entry["Description"].encode()), limit, name)


def test_the_template_before_its_transforms_fits_too() -> None:
    fits((ROOT / "template.yaml").stat().st_size, TEMPLATE_BYTES, "template.yaml")


@pytest.mark.parametrize("profile", PROFILES)
def test_every_text_parameter_has_a_longest_value(profile: str) -> None:
    for name, parameter in template(profile).sections["Parameters"].items():
        if parameter["Type"] in {"String", "Number"}:
            assert longest_value(name, parameter)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_policies_of_a_role_fit(profile: str) -> None:
    built = template(profile)
    for name, role in built.of("AWS::IAM::Role").items():
        inline = [built.longest.of(one["PolicyDocument"]) for one in role.get("Policies", [])]
        fits(sum(map(size, inline)), ROLE_POLICIES, name)
        fits(len(role.get("ManagedPolicyArns", [])), POLICIES_OF_A_ROLE, name)
        fits(size(built.longest.of(role["AssumeRolePolicyDocument"])), TRUST_POLICY, name)
    for name, policy in built.of("AWS::IAM::ManagedPolicy").items():
        fits(size(built.longest.of(policy["PolicyDocument"])), MANAGED_POLICY, name)


@pytest.mark.parametrize(
    ("kind", "place", "limit"),
    [
        ("AWS::S3::BucketPolicy", ("PolicyDocument",), BUCKET_POLICY),
        ("AWS::KMS::Key", ("KeyPolicy",), KEY_POLICY),
        ("AWS::DynamoDB::Table", ("ResourcePolicy", "PolicyDocument"), TABLE_POLICY),
    ],
)
def test_the_policy_of_a_resource_fits(kind: str, place: tuple[str, ...], limit: int) -> None:
    built = template("plain")
    found = 0
    for name, properties in built.of(kind).items():
        node: Any = properties
        for key in place:
            node = node.get(key, {})
        found += bool(node)
        fits(size(built.longest.of(node)), limit, name)
    assert found


@pytest.mark.parametrize("profile", PROFILES)
def test_a_function_is_what_lambda_takes(profile: str) -> None:
    built = template(profile)
    for name, properties in built.of("AWS::Lambda::Function").items():
        variables = built.longest.of(properties["Environment"]["Variables"])
        fits(size(variables), FUNCTION_VARIABLES, name)
        assert not RESERVED & set(variables), name
        assert len(properties["Layers"]) <= LAYERS, name
        assert properties["Timeout"] <= FUNCTION_SECONDS, name
        assert properties["MemorySize"] <= FUNCTION_MEMORY, name


@pytest.mark.parametrize("profile", PROFILES)
def test_the_variables_of_the_server_fit(profile: str) -> None:
    built = template(profile)
    for name, properties in built.of("AWS::SageMaker::Model").items():
        variables = built.longest.of(properties["PrimaryContainer"]["Environment"])
        fits(len(variables), CONTAINER_ENTRIES, name)
        fits(size(variables), CONTAINER_VARIABLES, name)
        for key, value in variables.items():
            assert len(str(value).encode()) <= CONTAINER_VARIABLE, key


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_a_name_of_the_longest_stack_is_no_longer_than_its_service_takes(
    profile: str, kind: str, name: str
) -> None:
    built = template(profile)
    texts = {
        logical: built.longest.of(properties[name])
        for logical, properties in built.of(kind).items()
        if name in properties
    }
    assert texts
    for logical, text in texts.items():
        assert len(text) <= NAMES[kind, name], logical


def test_the_longest_stack_name_is_the_one_of_these_tests() -> None:
    (check,) = template("plain").of("AWS::SSM::Parameter").values()
    assert check["AllowedPattern"] == "^[a-z][a-z0-9-]{0,39}$"
    assert len(PSEUDO["AWS::StackName"]) == 40


def test_an_event_pattern_and_its_targets_fit() -> None:
    built = template("plain")
    for name, properties in built.of("AWS::Events::Rule").items():
        fits(size(built.longest.of(properties.get("EventPattern", {}))), EVENT_PATTERN, name)
        assert len(properties["Targets"]) <= TARGETS, name


def test_a_stream_has_no_more_readers_than_dynamodb_serves() -> None:
    sources = template("plain").of("AWS::Lambda::EventSourceMapping").values()
    streams = [str(one["EventSourceArn"]) for one in sources if "Stream" in str(one)]
    assert streams
    assert max(Counter(streams).values()) <= READERS_OF_A_STREAM


def sources_of_queues(profile: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    """Yield each queue's event source with its function and the queue's logical id."""
    built = template(profile)
    functions = built.of("AWS::Lambda::Function")
    for source in built.of("AWS::Lambda::EventSourceMapping").values():
        queue, _ = source["EventSourceArn"]["Fn::GetAtt"]
        if queue in built.of("AWS::SQS::Queue"):
            yield source, functions[source["FunctionName"]["Ref"]], queue


@pytest.mark.parametrize("profile", PROFILES)
def test_a_message_is_hidden_for_longer_than_its_function_may_take(profile: str) -> None:
    queues = template(profile).of("AWS::SQS::Queue")
    found = list(sources_of_queues(profile))
    assert len(found) == 2
    for _, function, queue in found:  # Lambda refuses less than one; six is its guide's advice
        assert queues[queue]["VisibilityTimeout"] >= 6 * function["Timeout"], queue


def test_no_more_messages_are_taken_from_a_queue_than_executions_are_reserved() -> None:
    """A throttled message uses up its tries, and ends among the dead letters unread."""
    for source, function, queue in sources_of_queues("strict"):
        reserved = function["ReservedConcurrentExecutions"]
        assert source["ScalingConfig"] == {"MaximumConcurrency": reserved}, queue
    assert template("strict").sections["Parameters"]["ReservedConcurrency"]["MinValue"] == 2


def test_logs_are_kept_for_a_time_that_cloudwatch_knows() -> None:
    built = template("plain")
    allowed = built.sections["Parameters"]["LogRetentionDays"]["AllowedValues"]
    assert set(allowed) == RETENTION_DAYS
    for name, properties in built.of("AWS::Logs::LogGroup").items():
        assert properties["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


@pytest.mark.parametrize("machine", sorted((ROOT / "statemachine").glob("*.asl.json")), ids=str)
def test_a_state_machine_fits(machine: Path) -> None:
    fits(machine.stat().st_size, DEFINITION, machine.name)
    for name in state_names(json.loads(machine.read_text())):
        assert len(name) <= STATE_NAME, name


def state_names(node: Any) -> Iterator[str]:
    """Yield the names of the states in a part of a definition."""
    if isinstance(node, dict):
        yield from node.get("States", {})
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from state_names(part)


def test_the_http_api_has_as_many_parts_as_api_gateway_takes() -> None:
    built = template("plain")
    fits(len(built.of("AWS::ApiGatewayV2::Route")), ROUTES, "routes")
    fits(len(built.of("AWS::ApiGatewayV2::Integration")), INTEGRATIONS, "integrations")
    fits(len(built.of("AWS::ApiGatewayV2::Authorizer")), AUTHORIZERS, "authorizers")


def test_no_firewall_is_tied_to_the_http_api() -> None:
    """AWS WAF takes REST APIs and no HTTP APIs: CloudFormation would fail at the association."""
    for profile in PROFILES:
        assert not template(profile).of("AWS::WAFv2::WebACLAssociation")
