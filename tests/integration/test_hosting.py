"""aws.hosting and aws.models on the embedded AWS: endpoints start on demand and are removed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from aws.hosting import SageMakerHosting
from aws.models import DynamoModels
from domain.serving.endpoint import reap, wake
from tests.cloud import eventually
from tests.integration.tables import table
from tests.unit.domain.test_endpoint import shelf
from tests.unit.training_kit import job_id

if TYPE_CHECKING:
    from local.cloud.server import Cloud
    from tests.integration.sagemaker_kit import SageMakerKit

IDLE = timedelta(hours=1)


@pytest.fixture
def hosting(kit: SageMakerKit) -> SageMakerHosting:
    name = f"on-demand-{uuid.uuid4().hex[:8]}"
    kit.model(name, CAPACITY="10")  # and a configuration of that name
    return SageMakerHosting(name, name, kit.sagemaker, kit.cloud.client("cloudwatch"))


def test_an_endpoint_comes_when_it_is_wanted_and_goes_when_nobody_calls(
    hosting: SageMakerHosting,
) -> None:
    assert hosting.status() == "absent"
    assert wake(hosting, datetime.now(UTC)) == "starting"
    hosting.create()  # a second call finds the endpoint
    eventually(lambda: hosting.status() == "in_service")
    assert wake(hosting, datetime.now(UTC)) == "in_service"

    now = datetime.now(UTC)
    assert not reap(hosting, IDLE, now), "just made"
    assert reap(hosting, IDLE, now + timedelta(hours=2))
    eventually(lambda: hosting.status() == "absent")
    hosting.delete()  # it is already deleted


def test_a_call_keeps_an_endpoint(kit: SageMakerKit, hosting: SageMakerHosting) -> None:
    wake(hosting, datetime.now(UTC))
    eventually(lambda: hosting.status() == "in_service")
    before_the_call = datetime.now(UTC)  # and after it was made
    soon = before_the_call + IDLE
    assert hosting.changed(before_the_call, IDLE)
    assert not hosting.changed(soon, IDLE)
    assert not hosting.last_used(soon, IDLE)
    kit.invoke(hosting.name, kit.package("model.tar.gz"))
    assert hosting.last_used(soon, IDLE)
    hosting.delete()


def test_cloudformations_endpoint_is_not_on_demand(kit: SageMakerKit) -> None:
    assert not SageMakerHosting("x", None, kit.sagemaker, None).on_demand


def test_a_tenants_models_are_its_own(cloud: Cloud) -> None:
    memory, stored = shelf(), DynamoModels(table(cloud, "ModelsTable"))
    for row in memory.rows.values():
        stored.record(row)
    for question in (("acme", None), ("acme", job_id(1)), ("acme", job_id(9)), ("mallory", None)):
        assert stored.of(*question) == memory.of(*question)
