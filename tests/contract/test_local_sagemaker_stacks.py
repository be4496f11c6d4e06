"""SageMaker's CloudFormation types on the laptop, deployed with boto3."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local.deployment import ends_of_logs
from local.sagemaker.hosting.instance import STARTS
from tests.cloud import eventually
from tests.integration.sagemaker_kit import SERVER, SageMakerKit, restore_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud.server import Cloud

ARN = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.fixture(scope="module")
def kit(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerKit]:
    kit = SageMakerKit(cloud, tmp_path_factory.mktemp("stacks"))
    kit.use_settings()
    yield kit
    restore_defaults()


def template(kit: SageMakerKit, *, named: str | None = None, **environment: str) -> dict[str, Any]:
    container = {
        "Image": SERVER,
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{kit.bucket}/models/",
        "Environment": environment,
    }
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": "1",
        "InitialVariantWeight": 1,
        "InstanceType": "ml.g5.xlarge",
    }
    config = {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}}
    return {
        "Resources": {
            "Model": {
                "Type": "AWS::SageMaker::Model",
                "Properties": {"ExecutionRoleArn": kit.role, "PrimaryContainer": container},
            },
            "Config": {
                "Type": "AWS::SageMaker::EndpointConfig",
                "Properties": {"ProductionVariants": [variant]},
            },
            "Endpoint": {
                "Type": "AWS::SageMaker::Endpoint",
                "Properties": config | ({"EndpointName": named} if named else {}),
            },
        },
        "Outputs": {
            "Ref": {"Value": {"Ref": "Endpoint"}},
            "Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}},
            "Model": {"Value": {"Ref": "Model"}},
            "Config": {"Value": {"Ref": "Config"}},
        },
    }


class Stack:
    """One stack."""

    def __init__(self, kit: SageMakerKit) -> None:
        self.client = kit.cloud.client("cloudformation")
        self.name = f"Serving-{uuid.uuid4().hex[:8]}"

    def create(self, body: dict[str, Any]) -> str:
        self.client.create_stack(StackName=self.name, TemplateBody=json.dumps(body))
        return self.ended()

    def update(self, body: dict[str, Any]) -> str:
        self.client.update_stack(StackName=self.name, TemplateBody=json.dumps(body))
        return self.ended()

    def delete(self) -> None:
        self.client.delete_stack(StackName=self.name)
        with pytest.raises(ClientError, match="does not exist"):
            eventually(lambda: self.describe() is None)

    def ended(self) -> str:
        eventually(lambda: not self.describe()["StackStatus"].endswith("IN_PROGRESS"))
        return str(self.describe()["StackStatus"])

    def describe(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.client.describe_stacks(StackName=self.name)["Stacks"][0]
        return answer

    def outputs(self) -> dict[str, str]:
        return {o["OutputKey"]: o["OutputValue"] for o in self.describe()["Outputs"]}

    def reasons(self) -> str:
        events = self.client.describe_stack_events(StackName=self.name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)


def test_a_stack_is_there_when_its_endpoint_is_in_service(kit: SageMakerKit) -> None:
    stack, target = Stack(kit), kit.package("one.tar.gz")
    assert stack.create(template(kit, WISHED="old")) == "CREATE_COMPLETE"
    first = stack.outputs()
    name = first["Name"]
    assert first["Ref"] == f"{ARN}:endpoint/{name.lower()}"
    assert first["Model"].startswith(f"{ARN}:model/{stack.name.lower()}-model-")
    assert kit.invoke(name, target)["environment"]["WISHED"] == "old"

    assert stack.update(template(kit, WISHED="new")) == "UPDATE_COMPLETE"
    second = stack.outputs()
    assert second["Name"] == name
    assert second["Model"] != first["Model"]
    assert second["Config"] != first["Config"]
    assert kit.invoke(name, target)["environment"]["WISHED"] == "new"
    models = kit.sagemaker.list_models(NameContains=stack.name)["Models"]
    assert [model["ModelArn"] for model in models] == [second["Model"]]

    stack.delete()
    assert kit.sagemaker.list_endpoints(NameContains=stack.name)["Endpoints"] == []
    assert kit.sagemaker.list_models(NameContains=stack.name)["Models"] == []


def test_an_update_that_cannot_start_leaves_the_old_one(kit: SageMakerKit) -> None:
    stack, target = Stack(kit), kit.package("two.tar.gz")
    name = f"{stack.name}-named"
    assert stack.create(template(kit, named=name, WISHED="old")) == "CREATE_COMPLETE"
    assert stack.update(template(kit, named=name, CANNOT_START="1")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in stack.reasons()
    assert "no base model" in ends_of_logs(kit.cloud, stack.reasons())
    assert kit.invoke(name, target)["environment"]["WISHED"] == "old"
    stack.delete()


def test_a_container_that_cannot_start_fails_the_stack(kit: SageMakerKit) -> None:
    stack = Stack(kit)
    assert stack.create(template(kit, CANNOT_START="1")) == "ROLLBACK_COMPLETE"
    assert "did not pass the ping health check" in stack.reasons()
    (_, heading, *lines) = ends_of_logs(kit.cloud, stack.reasons()).split("\n")
    assert heading.startswith("the end of the log /aws/sagemaker/Endpoints/")
    assert lines == ["no base model"] * STARTS
    assert kit.sagemaker.list_endpoints(NameContains=stack.name)["Endpoints"] == []
    stack.delete()


def test_an_update_keeps_the_number_of_instances_where_it_is_told_to(kit: SageMakerKit) -> None:
    stack, before = Stack(kit), template(kit, WISHED="old")
    before["Resources"]["Endpoint"]["Properties"]["RetainAllVariantProperties"] = "true"
    assert stack.create(before) == "CREATE_COMPLETE"
    name = stack.outputs()["Name"]

    def found() -> dict[str, Any]:
        answer: dict[str, Any] = kit.sagemaker.describe_endpoint(EndpointName=name)
        return answer

    kit.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}],
    )
    eventually(lambda: found()["EndpointStatus"] == "InService")
    after = template(kit, WISHED="new")
    after["Resources"]["Endpoint"] = before["Resources"]["Endpoint"]
    assert stack.update(after) == "UPDATE_COMPLETE"
    assert found()["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    stack.delete()
