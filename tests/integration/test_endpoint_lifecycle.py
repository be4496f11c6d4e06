"""aws.endpoint against the embedded AWS: an endpoint created, used and deleted, and its models."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from aws.endpoint.lifecycle import HOST_NAMESPACE, SageMakerEndpointLifecycle, Stack
from aws.endpoint.models import DynamoModels
from contracts.shared.instances.endpoint_tags import CLOUDFORMATION, MADE_BY
from contracts.shared.instances.quotas import quota_name, refusal_sentence
from domain.serving.endpoint import reap, wake
from domain.serving.growth import LOOKED_AT, Growth, grow
from tests.cloud import eventually
from tests.integration.tables import table
from tests.unit.domain.test_endpoint import tenant_models
from tests.unit.training_kit import job_id

if TYPE_CHECKING:
    from local.cloud.server import Cloud
    from tests.integration.sagemaker_kit import SageMakerKit

IDLE = timedelta(hours=1)


@pytest.fixture
def lifecycle(kit: SageMakerKit) -> SageMakerEndpointLifecycle:
    name = f"on-demand-{uuid.uuid4().hex[:8]}"
    kit.model(name, CAPACITY="10")  # and a configuration of that name
    return SageMakerEndpointLifecycle(name, name, kit.sagemaker, kit.cloud.client("cloudwatch"))


def test_an_endpoint_comes_when_it_is_wanted_and_goes_when_nobody_calls(
    lifecycle: SageMakerEndpointLifecycle, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lifecycle.status() == "absent"
    assert lifecycle.instances() is None
    assert wake(lifecycle, datetime.now(UTC)) == "starting"
    lifecycle.create()  # twice at once: the second finds it there
    assert lifecycle.made_on_demand()
    eventually(lambda: lifecycle.status() == "in_service")
    assert wake(lifecycle, datetime.now(UTC)) == "in_service"

    now = datetime.now(UTC)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", lifecycle.name)
    growth = Growth(least=1, most=4, waiting=8, gpu_percent=90, gpus=4)
    assert grow(lifecycle, growth, now) is None, "nobody has asked for anything"
    crowd = {"MetricName": "RequestsInBase", "Value": 20.0, "Timestamp": now}
    cloud.client("cloudwatch").put_metric_data(
        Namespace="Likeness",
        MetricData=[{**crowd, "Dimensions": [{"Name": "service", "Value": lifecycle.name}]}],
    )
    variant = {"EndpointName": lifecycle.name, "VariantName": "AllTraffic"}
    of_all = [{"Name": name, "Value": value} for name, value in variant.items()]
    busy = {"MetricName": "GPUUtilization", "Dimensions": of_all, "Timestamp": now}
    cloud.client("cloudwatch").put_metric_data(
        Namespace=HOST_NAMESPACE, MetricData=[busy | {"Value": value} for value in (250.0, 350.0)]
    )
    soon = now + timedelta(minutes=1)
    assert lifecycle.gpu_percent(soon, LOOKED_AT) == 300.0
    assert (lifecycle.instances(), grow(lifecycle, growth, soon)) == (1, 3)
    assert lifecycle.status() == "in_service", "it answers meanwhile"
    eventually(lambda: lifecycle.instances() == 3)

    now = datetime.now(UTC)
    assert not reap(lifecycle, IDLE, now), "just made"
    assert reap(lifecycle, IDLE, now + timedelta(hours=2))
    eventually(lambda: lifecycle.status() == "absent")
    lifecycle.delete()  # gone already


def test_a_call_keeps_an_endpoint(kit: SageMakerKit, lifecycle: SageMakerEndpointLifecycle) -> None:
    wake(lifecycle, datetime.now(UTC))
    eventually(lambda: lifecycle.status() == "in_service")
    before_the_call = datetime.now(UTC)  # and after it was made
    soon = before_the_call + IDLE
    assert lifecycle.changed(before_the_call, IDLE)
    assert not lifecycle.changed(soon, IDLE)
    assert not lifecycle.last_used(soon, IDLE)
    kit.invoke(lifecycle.name, kit.package("model.tar.gz"))
    assert lifecycle.last_used(soon, IDLE)
    longest = timedelta(minutes=10080)  # the template's largest EndpointIdleMinutes
    assert lifecycle.last_used(before_the_call + longest - IDLE, longest)
    assert not lifecycle.last_used(soon + longest + IDLE, longest)
    lifecycle.delete()


class Refusing:
    """A SageMaker client whose account may have so many instances for endpoints."""

    def __init__(self, limit: int) -> None:
        self.sentence = refusal_sentence(quota_name("ml.g5.xlarge", "endpoint"), limit)

    def create_endpoint(self, **_call: object) -> None:
        error = {"Code": "ResourceLimitExceeded", "Message": self.sentence}
        raise ClientError({"Error": error}, "CreateEndpoint")


def test_a_quota_of_0_is_final_and_a_quota_in_use_is_waited_for() -> None:
    assert not SageMakerEndpointLifecycle("x", "c", Refusing(0), None).create()
    assert SageMakerEndpointLifecycle("x", "c", Refusing(1), None).create()


def test_cloudformations_endpoint_is_not_on_demand(kit: SageMakerKit) -> None:
    assert not SageMakerEndpointLifecycle("x", None, kit.sagemaker, None).on_demand


def test_an_endpoint_says_who_has_made_it(
    kit: SageMakerKit, lifecycle: SageMakerEndpointLifecycle
) -> None:
    assert not lifecycle.made_on_demand(), "there is none"
    lifecycle.create()
    arn = kit.sagemaker.describe_endpoint(EndpointName=lifecycle.name)["EndpointArn"]
    assert lifecycle.made_on_demand()
    kit.sagemaker.delete_tags(ResourceArn=arn, TagKeys=[MADE_BY])
    assert lifecycle.made_on_demand(), "release 0.2.0 gave no other tag"
    kit.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": MADE_BY, "Value": CLOUDFORMATION}])
    assert not lifecycle.made_on_demand()
    eventually(lambda: lifecycle.status() == "in_service")
    lifecycle.delete()


def test_a_function_knows_whether_its_stack_changes(cloud: Cloud) -> None:
    client = cloud.client("cloudformation")
    body = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    stack_id = client.create_stack(StackName="changing", TemplateBody=body)["StackId"]
    stack = Stack(stack_id, client)
    eventually(lambda: not stack.changes())
    client.create_change_set(
        StackName="changing", ChangeSetName="c", UsePreviousTemplate=True, ChangeSetType="UPDATE"
    )
    assert not stack.changes(), "a change set changes nothing before it is executed"
    client.delete_stack(StackName="changing")


def test_a_tenants_models_are_its_own(cloud: Cloud) -> None:
    memory, stored = tenant_models(), DynamoModels(table(cloud, "ModelsTable"))
    for row in memory.rows.values():
        stored.record(row)
    for question in (("acme", None), ("acme", job_id(1)), ("acme", job_id(9)), ("mallory", None)):
        assert stored.of(*question) == memory.of(*question)
