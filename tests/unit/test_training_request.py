import json
import re

import botocore.session
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from contracts.training import TaskPhoto, TrainingPlan, TrainingTask
from domain.training import METRICS, training_job_request
from tests.unit.training_kit import REQUEST, SETTINGS, job_id

POOL_KEYS = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
LOG_LINE = "step=12 loss=0.1234 lr=1.0e-04 grad_norm=0.5 images_per_second=3.2"


def plan_of(number: int) -> TrainingPlan:
    photo = TaskPhoto(index=0, file=f"{job_id(number)}/000.png", sha256="0" * 64)
    task = TrainingTask(job_id=job_id(number), request=REQUEST, photos=(photo,))
    return TrainingPlan(plan_id=job_id(number), base_sha256="b" * 64, tasks=(task,))


def request_of(number: int) -> dict[str, object]:
    name = f"likeness-{job_id(number)}-1"
    return training_job_request(name, plan_of(number), "portraits-sdxl", SETTINGS)


def pool_key(request: dict[str, object]) -> dict[str, object]:
    """Everything that a warm pool compares."""
    resources = request["ResourceConfig"]
    assert isinstance(resources, dict)
    return {
        "role": request["RoleArn"],
        "isolation": request["EnableNetworkIsolation"],
        "encryption": request["EnableInterContainerTrafficEncryption"],
        "vpc": request.get("VpcConfig"),
        "chaining": request.get("SessionChainingConfig"),
        "kms": resources.get("VolumeKmsKeyId"),
        **{key: resources[key] for key in POOL_KEYS},
    }


@given(st.integers(0, 2**64), st.integers(0, 2**64))
def test_a_warm_pool_fits_every_request(one: int, other: int) -> None:
    assert pool_key(request_of(one)) == pool_key(request_of(other))


def test_a_training_job_has_no_network() -> None:
    assert request_of(1)["EnableNetworkIsolation"] is True


def test_nothing_of_the_users_words_is_in_the_request() -> None:
    assert "sks" not in json.dumps(request_of(1))


def test_the_metrics_are_read_from_the_trainers_log_line() -> None:
    found = {name: float(re.search(regex, LOG_LINE)[1]) for name, regex in METRICS.items()}  # type: ignore[index]
    assert found == {
        "step": 12,
        "loss": 0.1234,
        "learning_rate": 1e-4,
        "grad_norm": 0.5,
        "images_per_second": 3.2,
    }


def test_boto3_accepts_the_request() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape
    validate_parameters(request_of(1), shape)
