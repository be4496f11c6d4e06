"""The CreateTrainingJob request: warm pools, spot, time limits, no network, no user text."""

import json
import re
from dataclasses import replace
from typing import Any

import botocore.session
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.training import TaskPhoto, TrainingPlan, TrainingTask
from domain.training.sagemaker_job import METRICS, TrainingSettings, training_job_request
from tests.unit.training_kit import REQUEST, SETTINGS, job_id

POOL_KEYS = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
LOG_LINE = "step=12 loss=0.1234 lr=1.0e-04 grad_norm=0.5 images_per_second=3.2"
SAMPLE_LINE = "step=12 sample_identity=0.7900 sample_prompt_following=0.5000 job_id=0"
GATE_LINE = "gate effect=0.2100 identity=0.8300 prompt_following=1.0000 job_id=0"


ON_SPOT = replace(SETTINGS, spot_backlog=True)


def plan_of(number: int, users: int = 1) -> TrainingPlan:
    photo = TaskPhoto(index=0, file=f"{job_id(number)}/000.png", sha256="0" * 64)
    task = TrainingTask(job_id=job_id(number), request=REQUEST, photos=(photo,))
    return TrainingPlan(plan_id=job_id(number), base_sha256="b" * 64, tasks=(task,) * users)


def request_of(
    number: int, users: int = 1, settings: TrainingSettings = SETTINGS
) -> dict[str, Any]:
    name = f"likeness-{job_id(number)}-1"
    return training_job_request(name, plan_of(number, users), "portraits-sdxl", settings)


def pool_key(request: dict[str, Any]) -> dict[str, Any]:
    """Everything that a warm pool compares."""
    resources = request["ResourceConfig"]
    return {
        "role": request["RoleArn"],
        "isolation": request["EnableNetworkIsolation"],
        "encryption": request["EnableInterContainerTrafficEncryption"],
        "vpc": request.get("VpcConfig"),
        "chaining": request.get("SessionChainingConfig"),
        "kms": resources.get("VolumeKmsKeyId"),
        **{key: resources[key] for key in POOL_KEYS},
    }


@given(st.integers(0, 2**64), st.integers(0, 2**64), st.integers(1, 5))
def test_a_warm_pool_fits_every_request(one: int, other: int, users: int) -> None:
    assert pool_key(request_of(one)) == pool_key(request_of(other, users))


def test_each_user_adds_a_share_of_the_time() -> None:
    limits = [request_of(1, users)["StoppingCondition"] for users in (1, 3)]
    assert limits == [{"MaxRuntimeInSeconds": 7200}, {"MaxRuntimeInSeconds": 21_600}]


def test_many_users_may_train_on_spot_without_a_warm_pool() -> None:
    request = request_of(1, users=3, settings=ON_SPOT)
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"]["MaxWaitTimeInSeconds"] == 2 * 21_600
    assert "KeepAlivePeriodInSeconds" not in request["ResourceConfig"]


def test_one_user_never_waits_for_a_spot_instance() -> None:
    assert request_of(1, users=1, settings=ON_SPOT)["EnableManagedSpotTraining"] is False


def test_a_training_job_has_no_network() -> None:
    assert request_of(1)["EnableNetworkIsolation"] is True


def test_nothing_of_the_users_words_is_in_the_request() -> None:
    assert "sks" not in json.dumps(request_of(1))


def test_the_metrics_are_read_from_the_trainers_log_line() -> None:
    lines = f"{LOG_LINE}\n{SAMPLE_LINE}\n{GATE_LINE}"
    found = {name: float(re.search(regex, lines)[1]) for name, regex in METRICS.items()}  # type: ignore[index]
    assert found == {
        "step": 12,
        "loss": 0.1234,
        "learning_rate": 1e-4,
        "grad_norm": 0.5,
        "images_per_second": 3.2,
        "effect": 0.21,
        "identity": 0.83,
        "sample_identity": 0.79,
        "sample_prompt_following": 0.5,
    }


def test_boto3_accepts_the_request() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape
    validate_parameters(request_of(1), shape)
    validate_parameters(request_of(1, users=3, settings=ON_SPOT), shape)
