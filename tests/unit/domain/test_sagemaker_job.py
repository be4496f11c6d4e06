"""The CreateTrainingJob request: warm pools, spot, time limits, no network, no user text."""

import json
import re
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from hypothesis import given
from hypothesis import strategies as st

from contracts.documents.capacity import CapacityChoice
from contracts.documents.training import TaskPhoto, TrainingPlan, TrainingTask
from contracts.shared.limits import MAX_RUN_SECONDS
from domain.ports.trainer import JobStatus, PoolStatus, Run, TrainingState
from domain.training.safety import SafetyStages
from domain.training.sagemaker_job import (
    METRICS,
    Inputs,
    Placement,
    TrainingSettings,
    max_runtime,
    runtime_of_plan,
    training_job_request,
)
from tests.unit.golden_kit import check_golden
from tests.unit.training_kit import NOON, REQUEST, SETTINGS, job_id

POOL_KEYS = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
LOG_LINE = "step=12 loss=0.1234 lr=1.0e-04 grad_norm=0.5 images_per_second=3.2"
SAMPLE_LINE = "step=12 sample_identity=0.7900 sample_prompt_following=0.5000 job_id=0"
GATE_LINE = "gate effect=0.2100 identity=0.8300 prompt_following=1.0000 job_id=0"


INPUTS = Inputs("portraits-sdxl")
WARM = CapacityChoice(capacity="warm", reason="one_user", users=1, keep_alive_seconds=600)
SPOT = CapacityChoice(capacity="spot", reason="cheapest", users=3, users_per_step=3)
ON_DEMAND = CapacityChoice(capacity="on-demand", reason="stack", users=1)


def plan_of(number: int, users: int = 1) -> TrainingPlan:
    photo = TaskPhoto(index=0, file=f"{job_id(number)}/000.png", sha256="0" * 64)
    task = TrainingTask(job_id=job_id(number), request=REQUEST, photos=(photo,))
    return TrainingPlan(plan_id=job_id(number), base_sha256="b" * 64, tasks=(task,) * users)


def request_of(
    number: int,
    users: int = 1,
    settings: TrainingSettings = SETTINGS,
    choice: CapacityChoice = WARM,
) -> dict[str, Any]:
    name, plan = f"likeness-{job_id(number)}-1", plan_of(number, users)
    return training_job_request(name, plan, INPUTS, Placement(choice), settings)


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


def channels_of(request: dict[str, Any]) -> dict[str, str]:
    return {
        one["ChannelName"]: one["DataSource"]["S3DataSource"]["S3Uri"]
        for one in request["InputDataConfig"]
    }


@pytest.mark.parametrize(
    ("stages", "channels"),
    [
        (SafetyStages(), {}),
        (SafetyStages(checker_id="sd"), {"safety_checker": "s3://bases/safety/sd/"}),
        (
            SafetyStages("sd", -0.05, "vit", "nsfw,gore", 0.8),
            {
                "safety_checker": "s3://bases/safety/sd/",
                "content_filter": "s3://bases/classifiers/vit/",
            },
        ),
    ],
)
def test_the_stages_that_look_at_pictures_are_channels_of_every_training(
    stages: SafetyStages, channels: dict[str, str]
) -> None:
    plan = plan_of(1).model_copy(update={"safety": stages.of_plan()})
    settings = replace(SETTINGS, safety=stages)
    request = training_job_request("n", plan, INPUTS, Placement(WARM), settings)
    without = channels_of(request_of(1))
    assert {k: v for k, v in channels_of(request).items() if k not in without} == channels
    written = plan.safety
    assert (written is None) is (not channels)
    if written is not None:
        assert (written.checker, written.adjustment) == (True, stages.adjustment)
        assert (written.content_filter, written.labels, written.threshold) == (
            stages.filter_id is not None, stages.labels, stages.threshold,
        )  # fmt: skip
    captions = plan.model_copy(update={"captions_only": True, "safety": None})
    only = training_job_request("n", captions, INPUTS, Placement(WARM), settings)
    assert not channels.keys() & channels_of(only).keys()


def test_the_trainer_gets_every_hyperparameter_as_text() -> None:
    given = replace(
        SETTINGS, mixed_precision="fp16", gradient_checkpointing=True, watchdog_seconds=0
    )
    assert request_of(1, settings=given)["HyperParameters"] == {
        "users_per_step": "1",
        "num_processes": "1",
        "gradient_checkpointing": "true",
        "watchdog_seconds": "0",
        "mixed_precision": "fp16",
    }
    assert "mixed_precision" not in request_of(1)["HyperParameters"]


@pytest.mark.parametrize(
    ("instance_type", "wanted", "processes"),
    [("ml.g5.2xlarge", 8, "1"), ("ml.p4d.24xlarge", 8, "8"), ("ml.p4d.24xlarge", 2, "2")],
)
def test_there_are_no_more_processes_than_gpus(
    instance_type: str, wanted: int, processes: str
) -> None:
    given = replace(SETTINGS, instance_type=instance_type, num_processes=wanted)
    assert request_of(1, settings=given)["HyperParameters"]["num_processes"] == processes


def test_each_user_adds_a_share_of_the_time() -> None:
    limits = [request_of(1, users)["StoppingCondition"] for users in (1, 3)]
    assert limits == [{"MaxRuntimeInSeconds": 7200}, {"MaxRuntimeInSeconds": 21_600}]


def test_many_users_may_train_on_spot_without_a_warm_pool() -> None:
    request = request_of(1, users=3, choice=SPOT)
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"]["MaxWaitTimeInSeconds"] == 2 * 21_600
    assert "KeepAlivePeriodInSeconds" not in request["ResourceConfig"]


def test_only_the_chosen_kind_of_instances_is_asked_for() -> None:
    warm, on_demand = request_of(1), request_of(1, choice=ON_DEMAND)
    assert (warm["EnableManagedSpotTraining"], on_demand["EnableManagedSpotTraining"]) == (
        False,
        False,
    )
    assert warm["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 600
    assert "KeepAlivePeriodInSeconds" not in on_demand["ResourceConfig"]


def test_the_trainer_hears_how_many_users_share_a_step() -> None:
    assert request_of(1, users=3, choice=SPOT)["HyperParameters"]["users_per_step"] == "3"


def test_a_training_job_has_an_instance_for_each_share_and_time_for_the_largest() -> None:
    plan = plan_of(1, users=5).model_copy(update={"shares": (2, 2, 1)})
    name = f"likeness-{job_id(1)}-1"
    request = training_job_request(name, plan, INPUTS, Placement(SPOT), SETTINGS)
    assert request["ResourceConfig"]["InstanceCount"] == 3
    assert request["StoppingCondition"]["MaxRuntimeInSeconds"] == 2 * 7200


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


def test_a_request_does_not_grow_with_its_users() -> None:
    """What docs/decisions/0036 says of it: a queue of requests could hold ours."""
    one, hundred = (len(json.dumps(request_of(1, users=number))) for number in (1, 100))
    assert hundred - one < 10, "the runtime has more digits"
    assert hundred < 4096


def test_boto3_accepts_the_request() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.operation_model("CreateTrainingJob").input_shape
    validate_parameters(request_of(1), shape)
    validate_parameters(request_of(1, users=3, choice=SPOT), shape)


def test_every_field_of_a_request_is_as_it_was() -> None:
    """In goldens/training_job_requests.json; SageMaker takes what it does not know for an error."""
    name = f"likeness-{job_id(1)}-1"
    captioner = replace(SETTINGS, captioner_id="blip", volume_gb=80)
    inputs = Inputs("portraits-sdxl", class_images=True, captioner=True)
    whole = training_job_request(name, plan_of(1), inputs, Placement(ON_DEMAND), captioner)
    check_golden(
        "training_job_requests",
        {
            "one user": request_of(1),
            "three users on spot": request_of(1, users=3, choice=SPOT),
            "a captioner, class images and no warm pool": whole,
        },
    )


@pytest.mark.parametrize(
    ("users", "deadline", "seconds"),
    [(1, None, 7200), (3, None, 21_600), (100, None, 432_000), (1, 600, 780), (3, 600, 780)],
)
def test_a_plan_s_own_deadline_leaves_time_to_save_before_sagemaker_stops_it(
    users: int, deadline: int | None, seconds: int
) -> None:
    plan = plan_of(1, users).model_copy(update={"deadline_seconds": deadline})
    assert runtime_of_plan(plan, SETTINGS) == seconds
    assert max_runtime(100, SETTINGS) == MAX_RUN_SECONDS == 5 * 24 * 3600


@pytest.mark.parametrize(
    ("status", "ended"),
    [
        ("InProgress", False),
        ("Stopping", False),
        ("Completed", True),
        ("Failed", True),
        ("Stopped", True),
    ],
)
def test_what_has_ended_writes_nothing_more(status: JobStatus, ended: bool) -> None:
    assert TrainingState("n", status).ended is ended


@pytest.mark.parametrize(
    ("pool", "keeps"),
    [(None, False), ("InUse", True), ("Available", True), ("Reused", False), ("Terminated", False)],
)
def test_an_instance_waits_until_it_is_taken_or_gone(pool: PoolStatus | None, keeps: bool) -> None:
    assert TrainingState("n", "Completed", pool=pool).keeps_pool is keeps


def test_only_a_job_that_had_an_instance_and_has_ended_was_a_run() -> None:
    times = dict.fromkeys(("created_at", "started_at", "ended_at"), NOON)
    state = replace(TrainingState("n", "Completed"), **times)  # type: ignore[arg-type]
    assert state.run == Run(NOON, NOON)
    for missing in times:
        assert replace(state, **{missing: None}).run is None  # type: ignore[arg-type]
