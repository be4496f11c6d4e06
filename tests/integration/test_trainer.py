"""domain.training.sagemaker_job.Trainer: the fake and SageMaker behave alike."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aws.training import SageMakerTrainer
from contracts.documents.training import TaskPhoto, TrainingPlan, TrainingTask
from contracts.shared.instances.quotas import QuotaLimit, quota_in, quota_name, refusal_sentence
from domain.ports.trainer import NoCapacity, Refused, Trainer
from domain.training.sagemaker_job import Inputs, Placement, training_job_request
from local.cloud.server import Cloud
from local.sagemaker.container.images import python_program
from local.sagemaker.settings import Settings, configure
from tests.fakes.training import MemoryTrainer
from tests.integration.sagemaker_kit import forget_training, restore_defaults
from tests.unit.training_kit import ON_DEMAND, REQUEST, SETTINGS, job_id

CONTAINER = Path(__file__).resolve().parents[1] / "fakes" / "container_trainer.py"
QUOTA = QuotaLimit(quota_name(SETTINGS.instance_type, "training job"), 1)
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}}


@dataclass(frozen=True)
class Bench:
    """A trainer with room for one job."""

    trainer: Trainer
    role_arn: str

    def request(self, name: str, base: str = "portraits-sdxl") -> dict[str, Any]:
        photo = TaskPhoto(index=0, file=f"{job_id(1)}/000.png", sha256="0" * 64)
        task = TrainingTask(job_id=job_id(1), request=REQUEST, photos=(photo,))
        plan = TrainingPlan(plan_id=job_id(1), base_sha256="b" * 64, tasks=(task,))
        inputs, placement = Inputs(base), Placement(ON_DEMAND)
        request = training_job_request(name, plan, inputs, placement, SETTINGS)
        return {**request, "RoleArn": self.role_arn, "HyperParameters": {"seconds": "3000"}}


@pytest.fixture(params=["memory", "embedded"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "memory":
        trainer = MemoryTrainer(limit=1)
        trainer.refusal = NoCapacity(refusal_sentence(*QUOTA), QUOTA.limit)
        trainer.empty = {f"s3://{SETTINGS.bases_bucket}/bases/gone/"}
        yield Bench(trainer, SETTINGS.role_arn)
        return
    yield from embedded(request.getfixturevalue("cloud"), request.getfixturevalue("tmp_path"))


def embedded(cloud: Cloud, folder: Path) -> Iterator[Bench]:
    configure(
        Settings(
            images={"likeness-training": python_program(CONTAINER)},
            instance_quota=1,
            stop_grace=1,
            work=folder / "work",
            logs=folder / "logs",
        )
    )
    forget_training(cloud)
    put_inputs(cloud)
    sagemaker = cloud.client("sagemaker")
    yield Bench(SageMakerTrainer(sagemaker), training_role(cloud))
    forget_training(cloud)
    restore_defaults()


def put_inputs(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    for bucket in ("uploads", "models", "bases"):
        s3.create_bucket(Bucket=bucket)
    manifest = [{"prefix": "s3://uploads/accepted/"}, f"{job_id(1)}/000.png"]
    objects = {
        ("uploads", f"accepted/{job_id(1)}/000.png"): b"png",
        ("models", f"training/{job_id(1)}/plan/plan.json"): b"{}",
        ("models", f"training/{job_id(1)}/photos.manifest"): json.dumps(manifest).encode(),
        ("bases", "bases/portraits-sdxl/base.json"): b"{}",
    }
    for (bucket, key), body in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)


def training_role(cloud: Cloud) -> str:
    iam = cloud.client("iam")
    document = {"Version": "2012-10-17", "Statement": [{**TRUST, "Action": "sts:AssumeRole"}]}
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [everything]}
    with suppress(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="trainer", AssumeRolePolicyDocument=json.dumps(document))
    iam.put_role_policy(RoleName="trainer", PolicyName="all", PolicyDocument=json.dumps(policy))
    arn: str = iam.get_role(RoleName="trainer")["Role"]["Arn"]
    return arn


def test_a_created_job_is_under_way(bench: Bench) -> None:
    assert bench.trainer.create(bench.request("likeness-created-1")) == "created"
    state = bench.trainer.describe("likeness-created-1")
    assert state is not None
    assert state.status == "InProgress"
    assert not state.ended


def test_a_name_that_is_taken_starts_nothing(bench: Bench) -> None:
    assert bench.trainer.create(bench.request("likeness-taken-1")) == "created"
    assert bench.trainer.create(bench.request("likeness-taken-1")) == "exists"


def test_a_job_without_its_data_is_refused_and_does_not_exist(bench: Bench) -> None:
    assert bench.trainer.create(bench.request("likeness-empty-1", "gone")) == Refused()
    assert bench.trainer.describe("likeness-empty-1") is None
    assert bench.trainer.create(bench.request("likeness-empty-1")) == "created"


def test_a_job_beyond_the_quota_waits(bench: Bench) -> None:
    assert bench.trainer.create(bench.request("likeness-first-1")) == "created"
    outcome = bench.trainer.create(bench.request("likeness-second-1"))
    assert isinstance(outcome, NoCapacity)
    assert quota_in(outcome.sentence) == QUOTA
    assert (outcome.quota, outcome.is_final) == (1, False)
    assert bench.trainer.describe("likeness-second-1") is None


def test_a_job_that_nobody_created_is_none(bench: Bench) -> None:
    assert bench.trainer.describe("likeness-nobody-1") is None
