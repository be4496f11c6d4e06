"""Where moto answers otherwise than the embedded AWS: docs/differences.md says who is right.

The suites of storage, jobs, cost records, notices and models run against moto as well; this file
holds what moto has for the rest, and each difference that was found.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import pytest

from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from aws.training import SageMakerTrainer
from tests.integration.test_trainer import Bench
from tests.unit.training_kit import SETTINGS

if TYPE_CHECKING:
    from tests.moto_cloud import Moto


def trainer_of(moto: Moto) -> Bench:
    return Bench(SageMakerTrainer(moto.client("sagemaker")), SETTINGS.role_arn)


def lifecycle_of(moto: Moto, instance_type: str = "ml.g4dn.xlarge") -> SageMakerEndpointLifecycle:
    sagemaker, name = moto.client("sagemaker"), f"e-{uuid.uuid4().hex[:8]}"
    role = "arn:aws:iam::123456789012:role/endpoint"
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"Image": "i"})
    variant: dict[str, Any] = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": instance_type,
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    return SageMakerEndpointLifecycle(name, name, sagemaker, moto.client("cloudwatch"))


def test_a_training_job_is_described_as_it_was_asked_for(moto: Moto) -> None:
    bench = trainer_of(moto)
    assert bench.trainer.create(bench.request("likeness-created-1")) == "created"
    state = bench.trainer.describe("likeness-created-1")
    assert state is not None
    assert state.name == "likeness-created-1"
    assert state.instance_type == SETTINGS.instance_type


def test_a_training_job_that_nobody_created_is_none(moto: Moto) -> None:
    assert trainer_of(moto).trainer.describe("likeness-absent-1") is None


def test_an_endpoint_comes_and_goes(moto: Moto) -> None:
    lifecycle = lifecycle_of(moto)
    assert lifecycle.status() == "absent"
    lifecycle.create()
    lifecycle.create()  # twice at once: the second finds it there
    assert lifecycle.status() in {"starting", "in_service"}
    lifecycle.delete()
    assert lifecycle.status() == "absent"
    lifecycle.delete()


def test_moto_ends_a_training_job_at_once(moto: Moto) -> None:
    bench = trainer_of(moto)
    bench.trainer.create(bench.request("likeness-created-1"))
    state = bench.trainer.describe("likeness-created-1")
    assert state is not None
    assert state.status == "Completed"


def test_moto_takes_the_name_of_a_training_job_twice(moto: Moto) -> None:
    bench = trainer_of(moto)
    answers = [bench.trainer.create(bench.request("likeness-taken-1")) for _ in range(2)]
    assert answers == ["created", "created"]


def test_moto_has_no_quota_of_training_jobs(moto: Moto) -> None:
    bench = trainer_of(moto)
    names = [f"likeness-many-{number}" for number in range(1, 60)]
    assert {bench.trainer.create(bench.request(name)) for name in names} == {"created"}


def test_moto_has_no_warm_pools(moto: Moto) -> None:
    bench = trainer_of(moto)
    bench.trainer.create(bench.request("likeness-warm-1"))
    state = bench.trainer.describe("likeness-warm-1")
    assert state is not None
    assert state.pool is None


def test_moto_knows_no_endpoint_on_g5(moto: Moto) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="enum value set"):
        lifecycle_of(moto, "ml.g5.xlarge")
