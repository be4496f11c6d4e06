"""The staged pipeline deploys one build to dev and then to prod, with the workflow's own script."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.workflow.__main__ import STUB_IMAGE, images
from local import deployment, sagemaker
from local.cloud.paths import ROOT
from local.cloud.server import REGION, Cloud, serve
from local.demo.subscriber import Subscriber
from local.demo.upload import put_base
from tests.e2e.conftest import untrained_base
from tests.e2e.stack import BASE_ID, SMALL, Stack, photos
from tests.fakes.recorded_resources import recorded

SCALING = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
)
"""What prod's endpoint has and the laptop's AWS has not: it records what they are given."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    deployment.build()
    sagemaker.configure(sagemaker.Settings(images=images()))
    with serve() as running, recorded(*SCALING):
        put_base(running, untrained_base(tmp_path_factory.mktemp("base")))
        yield running
    sagemaker.configure(sagemaker.Settings())


def run(cloud: Cloud, *command: str | Path, **variables: str) -> None:
    path = f"{deployment.SAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | cloud.environment() | {"PATH": path} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def deploy(cloud: Cloud, stage: str, folder: Path) -> Stack:
    """Package the one build for a stage and deploy it, as the workflow does."""
    bucket, packaged = f"{stage}-artifacts", folder / f"packaged-{stage}.yaml"
    cloud.client("s3").create_bucket(Bucket=bucket)
    run(
        cloud, "sam", "package", "--language-extensions", "--template-file",
        deployment.BUILT_TEMPLATE, "--s3-bucket", bucket, "--region", REGION,
        "--output-template-file", packaged,
    )  # fmt: skip
    own = deployment.parameters(BaseId=BASE_ID, TrainingImageUri=f"{STUB_IMAGE}:1")
    kept = {"KeepAliveSeconds"}  # the stage's own
    parameters = " ".join(f"{name}={value}" for name, value in own.items() if name not in kept)
    role = "arn:aws:iam::000000000000:role/cloudformation"
    script = ROOT / ".github/deploy.sh"
    run(cloud, script, stage, packaged, role, bucket, REGION, PARAMETERS=parameters)
    (found,) = cloud.client("cloudformation").describe_stacks(StackName=f"likeness-{stage}")[
        "Stacks"
    ]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}
    assert {"Key": "stage", "Value": stage} in found["Tags"]
    return Stack(cloud, outputs, Subscriber(cloud, outputs["NoticesTopicArn"]))


def test_one_build_is_deployed_to_dev_and_then_to_prod(cloud: Cloud, tmp_path: Path) -> None:
    stacks = {stage: deploy(cloud, stage, tmp_path) for stage in ("dev", "prod")}
    for number, (stage, stack) in enumerate(stacks.items()):
        stack.upload(stage, photos(120 + number), SMALL)
        assert stack.execution(stage)["status"] == "SUCCEEDED"
        assert stack.notice(stage)["code"] == "ready"
    functions, tables = cloud.client("lambda"), cloud.client("dynamodb")
    code, protected = [], []
    for stage, stack in stacks.items():
        found = functions.get_function_configuration(FunctionName=f"likeness-{stage}-http-api")
        code.append(found["CodeSha256"])
        table = tables.describe_table(TableName=stack.outputs["JobsTableName"])["Table"]
        protected.append(table["DeletionProtectionEnabled"])
    assert code[0] == code[1], "prod runs what dev ran"
    assert protected == [False, True]
    endpoints = cloud.client("sagemaker").list_endpoints()["Endpoints"]
    assert {one["EndpointName"] for one in endpoints} == {
        "likeness-dev-endpoint",
        "likeness-prod-endpoint",
    }
