"""A stack whose settings are all changed: each value arrives where it has its effect.

One upload goes through it, to a trainer and a server that report what they were told. A second
upload chooses its machine, a third one chooses a machine that is not allowed.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import WaiterError

from contracts.shared.layout.bases import classifier_prefix, names_key
from contracts.shared.layout.models import checkpoints_prefix
from contracts.shared.pictures.classifier import CHECKER_FILES
from contracts.shared.pictures.mark_keys import MarkSecret
from local import deployment
from local.cloud.server import Cloud
from local.demo.subscriber import Subscriber
from local.demo.upload import TENANT, put_base
from local.front_door import make_key
from tests.cloud import eventually
from tests.e2e.changed_settings import (
    AGES_ID,
    BASES_BUCKET,
    CAPTIONER,
    CHANGED,
    CHECKER,
    FILTER_ID,
    MARKS_SECRET,
    NAMES,
    STACK,
    STAYING,
    STAYING_STACK,
    Arrived,
    in_functions,
    in_job,
    in_resources,
    in_server,
)
from tests.e2e.stack import SMALL, Stack, photos
from tests.e2e.test_http_api import ask
from tests.fakes.mlflow import MlflowMemory, mlflow_server
from tests.fakes.recorded_resources import recorded
from tests.fakes.settings_server import REPORT
from tests.fakes.settings_trainer import SEEN_FILE
from tests.fakes.tiny_vit import AGES, FILTER, tiny_vit

REQUEST = {**SMALL, "consent": None, "autocaption": True}
"""Without a consent, which the changed stack does not ask for."""


class Deployed(NamedTuple):
    """The changed stack, its parameters, its first upload, and what the laptop records."""

    stack: Stack
    parameters: Mapping[str, str]
    upload: str
    recorded: Mapping[str, Mapping[str, Any]]
    mlflow: MlflowMemory


@pytest.fixture(scope="module")
def deployed(stack: Stack, base: Path) -> Iterator[Deployed]:
    cloud = stack.cloud
    put_base(cloud, base, BASES_BUCKET)
    put_folders(cloud)
    values = CHANGED | {"MarksSecretArn": make_secret(cloud)}
    with recorded("AWS::Budgets::Budget") as resources, mlflow_server() as (address, mlflow):
        values |= {"MlflowTracking": address}
        outputs = deployment.deploy(cloud, STACK, **values)
        changed = Stack(cloud, outputs, Subscriber(cloud, outputs["NoticesTopicArn"]))
        yield Deployed(changed, values, "first", resources, mlflow)
        delete(cloud, STACK, outputs)


def make_secret(cloud: Cloud) -> str:
    """Make the secret that trainings and endpoint mark pictures with; return its ARN."""
    name = MARKS_SECRET.rpartition(":")[2]
    body = MarkSecret(seed="x" * 64).model_dump_json()
    return str(cloud.client("secretsmanager").create_secret(Name=name, SecretString=body)["ARN"])


def put_folders(cloud: Cloud) -> None:
    """Put what BasesBucket holds beside the base where the changed stack expects it."""
    files = [
        f"captioners/{CAPTIONER}/config.json",
        *(f"safety/{CHECKER}/{name}" for name in CHECKER_FILES),
    ]
    bodies = dict.fromkeys(files, b"{}") | {names_key(NAMES): b"Famous Person"}
    classifiers = {FILTER_ID: FILTER | {"gore": "red"}, AGES_ID: AGES}
    for name, labels in classifiers.items():
        found = tiny_vit(labels)
        bodies |= {classifier_prefix(name) + file: body for file, body in found.items()}
    for key, body in bodies.items():
        cloud.client("s3").put_object(Bucket=BASES_BUCKET, Key=key, Body=body)


def delete(cloud: Cloud, stack: str, outputs: Mapping[str, str]) -> None:
    """Empty a stack's buckets and delete it; again where its server has written meanwhile."""
    cloudformation = cloud.client("cloudformation")
    waiter = cloudformation.get_waiter("stack_delete_complete")
    for rounds_left in (2, 1, 0):
        empty(cloud, outputs)
        cloudformation.delete_stack(StackName=stack)
        try:
            waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
        except WaiterError:
            if not rounds_left:
                raise
        else:
            return


def empty(cloud: Cloud, outputs: Mapping[str, str]) -> None:
    """Delete what uploads have left in the buckets that are still there."""
    s3 = cloud.client("s3")
    there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for name in there & {outputs["UploadsBucketName"], outputs["ModelsBucketName"]}:
        versions = s3.list_object_versions(Bucket=name)
        for found in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=name, Key=found["Key"], VersionId=found["VersionId"])


def test_every_changed_setting_arrives(deployed: Deployed) -> None:
    stack = deployed.stack
    stack.upload(deployed.upload, photos(71), REQUEST)
    assert stack.execution(deployed.upload)["status"] == "SUCCEEDED"
    assert stack.notice(deployed.upload)["code"] == "ready"
    arrived = arrived_in(deployed)
    places = {
        name: value
        for place in (in_job, in_server, in_functions, in_resources)
        for name, value in place(arrived).items()
    }
    assert {name: str(value) for name, value in places.items()} == deployed.parameters
    assert arrived.checker == sorted(CHECKER_FILES)
    job_id = stack.record(deployed.upload).job_id
    (run,) = eventually(lambda: list(deployed.mlflow.runs.values()))
    assert run["tags"]["job_id"] == job_id
    assert deployed.mlflow.experiments == {STACK: "1"}
    estimate = stack.record(deployed.upload).estimate
    assert estimate is not None
    own_price = float(CHANGED["TrainingPriceUsdPerHour"])
    assert estimate.usd == pytest.approx(own_price * estimate.seconds / 3600)
    assert "captioner" in arrived.trainer["channels"]


def arrived_in(deployed: Deployed) -> Arrived:
    stack, cloud = deployed.stack, deployed.stack.cloud
    record = stack.record(deployed.upload)
    sagemaker = cloud.client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=record.training_job_name or "")
    report = server_report(cloud)
    (config,) = sagemaker.list_endpoint_configs(NameContains=STACK)["EndpointConfigs"]
    described = sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
    return Arrived(
        job=job,
        trainer=read_json(stack, f"{checkpoints_prefix(record.plan_id or '')}{SEEN_FILE}"),
        server=report["environment"],
        checker=report["checker"],
        variant=described["ProductionVariants"][0],
        functions=Environments(cloud),
        resources=resources(deployed),
    )


class Environments(dict[str, dict[str, str]]):
    """The environment of each function that somebody asks for, by its folder."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__()
        self.cloud = cloud

    def __missing__(self, name: str) -> dict[str, str]:
        self[name] = variables(self.cloud, name)
        return self[name]


def server_report(cloud: Cloud) -> dict[str, Any]:
    """Return what the serving container logged at its start."""
    logs = cloud.client("logs")
    group = f"/aws/sagemaker/Endpoints/{STACK}-endpoint"
    lines = [
        event["message"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]
    found: dict[str, Any] = json.loads(
        next(line.partition(REPORT)[2] for line in lines if REPORT in line)
    )
    return found


def read_json(stack: Stack, key: str) -> dict[str, Any]:
    bucket = stack.outputs["ModelsBucketName"]
    body = stack.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    found: dict[str, Any] = json.loads(body)
    return found


def variables(cloud: Cloud, folder: str) -> dict[str, str]:
    name = f"{STACK}-{folder.replace('_', '-')}"
    found = cloud.client("lambda").get_function_configuration(FunctionName=name)
    given: dict[str, str] = found["Environment"]["Variables"]
    return given


def resources(deployed: Deployed) -> dict[str, Mapping[str, Any]]:
    """Describe the resources in which a parameter arrives, by logical id."""
    cloud = deployed.stack.cloud
    made = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in cloud.client("cloudformation").describe_stack_resources(StackName=STACK)[
            "StackResources"
        ]
    }
    alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
    metrics = {alarm["MetricName"]: alarm for alarm in alarms if STACK in str(alarm)}
    (group,) = cloud.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/vendedlogs/states/{STACK}-train-adapter"
    )["logGroups"]
    (model,) = cloud.client("sagemaker").list_models(NameContains=STACK)["Models"]
    return {
        **{name: {"PhysicalResourceId": value} for name, value in made.items()},
        "ServingModel": cloud.client("sagemaker").describe_model(ModelName=model["ModelName"]),
        "Budget": deployed.recorded["Budget"]["Budget"]["BudgetLimit"],
        "Prewarm": cloud.client("events").describe_rule(
            Name=made["ReapEndpointFunctionPrewarm"].rpartition("/")[2]
        ),
        "HttpApi": cloud.client("apigatewayv2").get_api(ApiId=made["HttpApi"]),
        "WorkflowLogGroup": group,
        "QueueAge": metrics["QueueAge"],
        "AdapterCost": metrics["AdapterCost"],
    }


def test_a_request_chooses_its_machine_within_what_is_allowed(deployed: Deployed) -> None:
    stack = deployed.stack
    chosen = {
        "instance_type": "ml.g6e.xlarge",
        "use_spot_instances": False,
        "max_run": 4500,
        "volume_size": 44,
    }
    stack.upload("chosen", photos(72), {**REQUEST, "run": chosen})
    assert stack.execution("chosen")["status"] == "SUCCEEDED"
    assert stack.notice("chosen")["code"] == "ready"
    job = stack.cloud.client("sagemaker").describe_training_job(
        TrainingJobName=stack.record("chosen").training_job_name or ""
    )
    resources = job["ResourceConfig"]
    assert (resources["InstanceType"], resources["VolumeSizeInGB"]) == ("ml.g6e.xlarge", 44)
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 4500
    assert job["EnableManagedSpotTraining"] is False
    assert job["HyperParameters"]["num_processes"] == "1"  # it has one GPU


def test_a_price_limit_on_a_machine_without_a_price_is_refused_and_says_whose_task_it_is(
    deployed: Deployed,
) -> None:
    stack = deployed.stack
    run = {"instance_type": "ml.g6e.4xlarge"}
    stack.upload("unpriced", photos(74), {**REQUEST, "run": run, "max_cost_usd": 5})
    assert stack.execution("unpriced")["error"] == "PriceUnknownError"
    notice = stack.notice("unpriced")
    assert (notice["code"], notice["retryable"]) == ("price_unknown", True)
    assert "Instance type: ml.g6e.4xlarge." in notice["text"]
    assert "TrainingPriceUsdPerHour" in notice["text"]
    assert stack.training_jobs(notice["job_id"]) == []


def test_a_machine_that_is_not_allowed_is_refused_with_those_that_are(deployed: Deployed) -> None:
    stack = deployed.stack
    run = {"instance_type": "ml.p5.4xlarge", "use_spot_instances": True, "volume_size": 91}
    stack.upload("refused", photos(73), {**REQUEST, "run": run})
    assert stack.execution("refused")["status"] == "FAILED"
    notice = stack.notice("refused")
    assert notice["code"] == "run_not_allowed"
    problems = {problem["field"]: problem["message"] for problem in notice["request"]}
    assert problems["run.instance_type"] == (
        "This stack allows ml.p4d.24xlarge, ml.g6e.xlarge, ml.g6e.4xlarge, ml.p5.48xlarge."
    )
    assert set(problems) == {"run.instance_type", "run.use_spot_instances", "run.volume_size"}


def test_a_listed_name_is_let_through_once_an_operator_grants_the_appeal(
    deployed: Deployed,
) -> None:
    stack = deployed.stack
    request = REQUEST | {
        "instance_prompt": "a photo of a sks person, famous person",
        "dry_run": True,
    }
    stack.upload("named", photos(74), request)
    assert stack.execution("named")["status"] == "FAILED"
    assert stack.notice("named")["code"] == "name_refused"
    key = make_key(stack.cloud, TENANT, STACK)
    refusal = ask(stack, "/v1/uploads/named", key).body["refusal_id"]
    appeal = ask(stack, f"/v1/refusals/{refusal}:appeal", key, "POST", {"words": "mine"}).body
    function = ("--function", stack.outputs["AppealFunctionName"])
    assert "famous person" in stack.likeness("appeals", "read", appeal["id"], *function)
    assert "granted" in stack.likeness("appeals", "grant", appeal["id"], *function)
    stack.upload("granted", photos(74), request)
    assert stack.execution("granted")["status"] == "SUCCEEDED"
    assert stack.notice("granted")["code"] == "dry_run"
    assert ask(stack, f"/v1/appeals/{appeal['id']}", key).body["status"] == "granted"


GROWTH = (
    *("EndpointMaxInstances", "EndpointWaitingRequests", "EndpointGpuPercent"),
    "PrewarmSchedule",
)
"""They have an effect with either kind of endpoint."""


def test_an_endpoint_that_stays_grows_as_it_is_told(stack: Stack, base: Path) -> None:
    del base
    kinds = (
        "AWS::ApplicationAutoScaling::ScalableTarget",
        "AWS::ApplicationAutoScaling::ScalingPolicy",
    )
    own = {"ServingImageUri": CHANGED["ServingImageUri"], "EndpointMinInstances": "2"}
    with recorded(*kinds) as resources:
        own |= {name: CHANGED[name] for name in GROWTH}
        values = own | STAYING | {"CreateEndpoint": "true"}
        outputs = deployment.deploy(stack.cloud, STAYING_STACK, **values)
        delete(stack.cloud, STAYING_STACK, outputs)
    target = resources["EndpointScalingTarget"]
    tracking = resources["EndpointScalingPolicy"]["TargetTrackingScalingPolicyConfiguration"]
    assert str(target["MinCapacity"]) == "2"
    assert str(target["MaxCapacity"]) == CHANGED["EndpointMaxInstances"]
    assert [one["Schedule"] for one in target["ScheduledActions"]] == [
        CHANGED["PrewarmSchedule"],
        STAYING["PrewarmEndSchedule"],
    ]
    queue = resources["EndpointQueuePolicy"]["TargetTrackingScalingPolicyConfiguration"]
    assert str(queue["TargetValue"]) == CHANGED["EndpointWaitingRequests"]
    assert str(tracking["TargetValue"]) == STAYING["EndpointCallsPerMinute"]
    gpu = resources["EndpointGpuPolicy"]["TargetTrackingScalingPolicyConfiguration"]
    assert str(gpu["TargetValue"]) == CHANGED["EndpointGpuPercent"]
    assert gpu["CustomizedMetricSpecification"]["Metrics"][1]["Expression"] == "all / 1"


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"TrainerProcesses": "2"}, "several GPUs"),
        ({"CreateEndpoint": "false", "EndpointMaxInstances": "2"}, "need an endpoint"),
        ({"AllowedInstanceTypes": "ml.g5.2xlarge,ml.m5.large"}, "AllowedInstanceTypes"),
        ({"VolumeSizeInGB": "251"}, "VolumeSizeInGB"),
        ({"Watermark": "perhaps"}, "Watermark"),
    ],
)
def test_values_that_cannot_work_are_refused_before_anything_is_made(
    stack: Stack, values: dict[str, str], refusal: str
) -> None:
    cloudformation = stack.cloud.client("cloudformation")
    with pytest.raises(cloudformation.exceptions.ClientError, match=refusal):
        deployment.deploy(stack.cloud, "never-made", **values)
