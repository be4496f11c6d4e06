"""CreateEndpoint changed in every direction on a deployed stack; who made the endpoint owns it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from contracts.documents.hosting import ModelAnswer, ModelQuestion
from contracts.shared.instances.endpoint_tags import MADE_BY
from likeness_client.models import ask
from local import deployment
from tests.cloud import eventually, item_of
from tests.integration.sagemaker_kit import SERVER, TRAINER, SageMakerKit, restore_defaults
from tests.unit.domain.test_endpoint import tenant_models

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud.server import Cloud

NAME = "switched"
ENDPOINT = f"{NAME}-endpoint"
ROUTE = ["false", "on-demand", "true", "on-demand", "false", "true", "false"]
"""Every direction once."""

PREWARM = "cron(45 7 ? * MON-FRI *)"


class Switched:
    """One stack, whose parameter changes, with a tenant that has a model."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.stacks = cloud.client("cloudformation")
        self.sagemaker = cloud.client("sagemaker")

    def deploy(self, value: str, **more: str) -> dict[str, str]:
        """Deploy with this CreateEndpoint; the tenant has its models in every stack of the name."""
        images = {"TrainingImageUri": TRAINER, "ServingImageUri": SERVER}
        outputs = deployment.deploy(self.cloud, NAME, CreateEndpoint=value, **images, **more)
        self.record_models()
        return outputs

    def record_models(self) -> None:
        """Put a tenant's models into the stack's table: only their owner may wake the endpoint."""
        table = self.physical_id("ModelsTable")
        for row in tenant_models().rows.values():
            self.cloud.client("dynamodb").put_item(TableName=table, Item=item_of(row))

    def wake(self) -> str:
        """Ask for the endpoint as an application does; return its status."""
        question = ModelQuestion(tenant="acme", wake=True)
        answer: ModelAnswer = ask(f"{NAME}-model-status", question, self.cloud)
        return answer.endpoint

    def awake(self) -> None:
        """Wake the endpoint, and wait until it is there."""
        eventually(lambda: self.wake() == "in_service")

    def reap(self) -> None:
        """Have the function look for an idle endpoint, as its schedule does."""
        answer = self.cloud.client("lambda").invoke(FunctionName=f"{NAME}-reap-endpoint")
        assert "FunctionError" not in answer, answer["Payload"].read()

    def warm_ahead(self) -> None:
        """Have the schedule of PrewarmSchedule call its function, with its own input."""
        events = self.cloud.client("events")
        name = self.physical_id("ReapEndpointFunctionPrewarm").rpartition("/")[2]
        rule = events.describe_rule(Name=name)
        assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", PREWARM)
        (target,) = events.list_targets_by_rule(Rule=name)["Targets"]
        answer = self.cloud.client("lambda").invoke(
            FunctionName=target["Arn"], Payload=target["Input"].encode()
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def physical_id(self, resource: str) -> str:
        """Return the name that CloudFormation gave a resource."""
        found = self.stacks.describe_stack_resource(StackName=NAME, LogicalResourceId=resource)
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    def holds(self, requests: float) -> None:
        """Write the engine's metric: so many requests are inside each device's base."""
        dimensions = [{"Name": "service", "Value": NAME}]
        metric = {"MetricName": "RequestsInBase", "Dimensions": dimensions, "Value": requests}
        self.cloud.client("cloudwatch").put_metric_data(Namespace="Likeness", MetricData=[metric])

    def instances(self) -> int | None:
        """Return how many instances are in service; None while that changes."""
        found = self.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        (variant,) = found["ProductionVariants"]
        ready = found["EndpointStatus"] == "InService"
        return int(variant["CurrentInstanceCount"]) if ready else None

    def is_idle_at_once(self) -> None:
        """Let no time count in which the endpoint was made or called."""
        function, functions = f"{NAME}-reap-endpoint", self.cloud.client("lambda")
        found = functions.get_function_configuration(FunctionName=function)
        variables = found["Environment"]["Variables"] | {"ENDPOINT_IDLE_MINUTES": "0"}
        functions.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )

    def status(self) -> str | None:
        """Return SageMaker's word for the endpoint; None when there is none."""
        try:
            return str(self.sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"])
        except ClientError:
            return None

    def made_by(self) -> str | None:
        """Who has made the endpoint that is in service; None when there is none."""
        try:
            found = self.sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        except ClientError:
            return None
        assert found["EndpointStatus"] == "InService"
        tags = self.sagemaker.list_tags(ResourceArn=found["EndpointArn"])["Tags"]
        (maker,) = (str(tag["Value"]) for tag in tags if tag["Key"] == MADE_BY)
        return maker

    def events(self) -> list[dict[str, Any]]:
        """Everything that CloudFormation did, in order."""
        pages = self.stacks.get_paginator("describe_stack_events").paginate(StackName=NAME)
        return [event for page in pages for event in page["StackEvents"]][::-1]


@pytest.fixture(scope="module")
def switched(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switched]:
    deployment.build()
    kit = SageMakerKit(cloud, tmp_path_factory.mktemp("switched"))
    kit.use_settings()
    stack = Switched(cloud)
    yield stack
    stack.stacks.delete_stack(StackName=NAME)
    eventually(lambda: not gone(stack))
    restore_defaults()


def gone(stack: Switched) -> list[Any]:
    found = stack.stacks.describe_stacks()["Stacks"]
    return [one for one in found if one["StackName"] == NAME]


def test_the_endpoint_is_always_whose_turn_it_is(switched: Switched) -> None:
    assert len(set(pairwise(ROUTE))) == 6
    switched.deploy(ROUTE[0])
    assert switched.made_by() is None
    for value in ROUTE[1:]:
        before = len(switched.events())
        outputs = switched.deploy(value)
        assert outputs.get("EndpointName", "") == ("" if value == "false" else ENDPOINT)
        assert switched.made_by() == ("cloudformation" if value == "true" else None), value
        if value == "on-demand":
            switched.awake()  # so that the next change meets an endpoint
            assert switched.made_by() == "on-demand"
            switched.reap()  # it was used a moment ago
            assert switched.made_by() == "on-demand"
        if value == "true":
            made_after_the_other_one_is_gone(switched.events()[before:])
    assert switched.wake() == "absent", "nobody creates one where the stack has none"


def made_after_the_other_one_is_gone(events: list[dict[str, Any]]) -> None:
    order = [event["LogicalResourceId"] for event in events]
    released = [n for n, name in enumerate(order) if name == "EndpointOnDemandRelease"]
    assert max(released) < order.index("ServingEndpoint")


def test_an_endpoint_on_demand_is_warmed_ahead_and_grows_with_the_requests_inside(
    switched: Switched,
) -> None:
    switched.deploy("on-demand", PrewarmSchedule=PREWARM, EndpointMaxInstances="3")
    assert switched.status() is None
    switched.warm_ahead()
    eventually(lambda: switched.status() == "InService")
    assert (switched.made_by(), switched.instances()) == ("on-demand", 1)
    switched.holds(12)  # of EndpointWaitingRequests, which are 8
    switched.reap()
    eventually(lambda: switched.instances() == 2)


def test_an_endpoint_on_demand_goes_when_it_is_idle_and_with_its_stack(switched: Switched) -> None:
    switched.deploy("on-demand")
    switched.awake()
    switched.is_idle_at_once()
    switched.reap()
    eventually(lambda: switched.status() is None)
    switched.awake()
    switched.stacks.delete_stack(StackName=NAME)
    eventually(lambda: not gone(switched))
    assert switched.made_by() is None
