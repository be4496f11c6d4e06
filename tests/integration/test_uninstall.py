"""likeness uninstall on a deployed stack with photos, rows, a running job and an awake endpoint."""

from __future__ import annotations

import io
import json
import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from aws.endpoint.lifecycle import SageMakerEndpointLifecycle
from contracts.shared.layout.uploads import upload_prefix
from likeness_client.__main__ import main
from likeness_client.exit_codes import ExitCode
from local import deployment
from local.cloud.paths import ROOT
from tests.cloud import eventually
from tests.integration.sagemaker_kit import SERVER, TRAINER, SageMakerKit, restore_defaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.cloud.server import Cloud

NAME, OTHER = "leaving", "leaving-not"
"""The name of one begins with the name of the other."""

KEYS = {"ReceiptKey", "MarksSecret"}
DATA = ("UploadsBucket", "ModelsBucket", "JobsTable", "ModelsTable", "ApiTable", "AuditTable")


class Leaving(NamedTuple):
    """Two deployed stacks, and the command line."""

    cloud: Cloud
    kit: SageMakerKit

    def names(self, stack: str = NAME) -> dict[str, str]:
        """Physical ids by logical id."""
        pages = self.cloud.client("cloudformation").get_paginator("list_stack_resources")
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages.paginate(StackName=stack)
            for one in page["StackResourceSummaries"]
        }

    def status(self, stack: str = NAME) -> str:
        """The stack's status; empty when it is gone."""
        found = self.cloud.client("cloudformation").describe_stacks()["Stacks"]
        return next((str(one["StackStatus"]) for one in found if one["StackName"] == stack), "")

    def left(self, names: dict[str, str]) -> set[str]:
        """Which of a stack's buckets and tables still exist."""
        s3, dynamodb = self.cloud.client("s3"), self.cloud.client("dynamodb")
        buckets = {one["Name"] for one in s3.list_buckets()["Buckets"]}
        tables = set(dynamodb.list_tables()["TableNames"])
        return {logical for logical in DATA if names[logical] in buckets | tables}

    def keys_left(self, names: dict[str, str]) -> set[str]:
        """Which of a stack's key and secret exist and will not be deleted in 30 days."""
        kms, secrets = self.cloud.client("kms"), self.cloud.client("secretsmanager")
        key = kms.describe_key(KeyId=names["ReceiptKey"])["KeyMetadata"]
        secret = secrets.describe_secret(SecretId=names["MarksSecret"])
        left = {
            "ReceiptKey": key["KeyState"] == "Enabled",
            "MarksSecret": "DeletedDate" not in secret,
        }
        return {name for name, is_left in left.items() if is_left}

    def fill(self, names: dict[str, str]) -> None:
        """Put photos with older versions, a delete marker, an unfinished upload and a row."""
        s3 = self.cloud.client("s3")
        key = upload_prefix("acme", "u1") + "1.jpg"
        for bucket in (names["UploadsBucket"], names["ModelsBucket"]):
            for _ in range(2):
                s3.put_object(Bucket=bucket, Key=key, Body=b"photo")
            s3.delete_object(Bucket=bucket, Key=key)
            s3.put_object(Bucket=bucket, Key=key, Body=b"photo")
            s3.create_multipart_upload(Bucket=bucket, Key=key)
        row = {"job_id": {"S": "one"}}
        self.cloud.client("dynamodb").put_item(TableName=names["JobsTable"], Item=row)


@pytest.fixture(scope="module")
def leaving(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaving]:
    deployment.build()
    kit = SageMakerKit(cloud, tmp_path_factory.mktemp("leaving"))
    kit.use_settings()
    yield Leaving(cloud, kit)
    restore_defaults()


@pytest.fixture(autouse=True)
def _asked_as_a_program(leaving: Leaving, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in leaving.cloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdin", io.StringIO())


def deploy(leaving: Leaving, stack: str = NAME, **parameters: str) -> dict[str, str]:
    images = {"TrainingImageUri": TRAINER, "ServingImageUri": SERVER}
    deployment.deploy(leaving.cloud, stack, **images, **parameters)
    return leaving.names(stack)


def run(*words: str) -> int:
    return main(["uninstall", NAME, *words])


def sam_delete(leaving: Leaving) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [deployment.SAM, "delete", "--no-prompts", "--stack-name", NAME, "--region", "us-east-1"],
        cwd=ROOT,
        env=os.environ | leaving.cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_sam_delete_keeps_photos_and_uninstall_goes_on_from_there(
    leaving: Leaving, capsys: pytest.CaptureFixture[str]
) -> None:
    names = deploy(leaving, CreateEndpoint="false")
    leaving.fill(names)
    assert run("--keep", "keys", "--yes", NAME) == ExitCode.REFUSED
    assert "ProtectData=true first" in capsys.readouterr().err
    tried = sam_delete(leaving)
    assert tried.returncode != 0, tried.stdout + tried.stderr
    assert leaving.status() == "DELETE_FAILED", tried.stdout + tried.stderr
    assert {"UploadsBucket", "ModelsBucket"} <= leaving.left(names)

    assert run("--keep", "photos", "--yes", NAME) == ExitCode.DONE
    assert (leaving.status(), leaving.left(names)) == ("", {"UploadsBucket"})
    kept = leaving.cloud.client("s3").list_object_versions(Bucket=names["UploadsBucket"])
    assert (len(kept["Versions"]), len(kept["DeleteMarkers"])) == (3, 1)
    assert f"photos      {names['UploadsBucket']}: you kept it" in capsys.readouterr().out

    assert run("--yes", NAME) == ExitCode.DONE
    assert leaving.left(names) == set()
    assert run("--yes", NAME) == ExitCode.DONE, "nothing is left to do"


def test_it_stops_what_runs_and_removes_what_is_protected(
    leaving: Leaving, capsys: pytest.CaptureFixture[str]
) -> None:
    names = deploy(leaving, CreateEndpoint="on-demand", ProtectData="true")
    leaving.fill(names)
    waiting = execution(leaving, names)
    ours, others = training_jobs(leaving, names)
    endpoint(leaving, names)
    neighbour = f"/aws/lambda/{OTHER}-accept-request"
    leaving.cloud.client("logs").create_log_group(logGroupName=neighbour)

    assert run("--dry-run") == ExitCode.DONE
    shown = capsys.readouterr().out
    for words in (
        f"delete photos    bucket {names['UploadsBucket']}: 4 versions of files, 0.0 GB",
        f"delete tables    table {names['JobsTable']}: about 1 rows",
        f"stop   workflow  {waiting.rpartition(':')[2]}",
        f"stop   training  {ours}",
        f"delete endpoint  {NAME}-endpoint: InService",
    ):
        assert words in shown
    assert others not in shown
    refused = (run(), run("--yes", OTHER), run("--yes", ""))
    assert refused == (ExitCode.REFUSED,) * 3
    assert leaving.left(names) == set(DATA)

    assert run("--yes", NAME) == ExitCode.DONE
    assert "what stays, and why" in capsys.readouterr().out
    assert (leaving.status(), leaving.left(names)) == ("", set())
    assert leaving.kit.describe(ours)["TrainingJobStatus"] == "Stopped"
    assert leaving.kit.describe(others)["TrainingJobStatus"] == "InProgress"
    assert not leaving.kit.sagemaker.list_endpoints(NameContains=NAME)["Endpoints"]
    groups = leaving.cloud.client("logs").describe_log_groups()["logGroups"]
    ours_left = [one["logGroupName"] for one in groups if f"/{NAME}-" in one["logGroupName"]]
    assert ours_left == [neighbour]
    leaving.kit.sagemaker.stop_training_job(TrainingJobName=others)
    leaving.cloud.client("logs").delete_log_group(logGroupName=neighbour)


def execution(leaving: Leaving, names: dict[str, str]) -> str:
    """Start an execution that would wait for an hour; return its ARN."""
    states, machine = leaving.cloud.client("stepfunctions"), names["TrainAdapterStateMachine"]
    hour = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(hour))
    return str(states.start_execution(stateMachineArn=machine)["executionArn"])


def training_jobs(leaving: Leaving, names: dict[str, str]) -> tuple[str, str]:
    """Start a training job of this stack and one of another; return their names."""
    iam = leaving.cloud.client("iam")
    role = iam.get_role(RoleName=names["TrainingRole"])["Role"]["Arn"]
    bucket = f"s3://{names['ModelsBucket']}/training"
    places = {
        "OutputDataConfig": {"S3OutputPath": bucket},
        "CheckpointConfig": {"S3Uri": f"{bucket}/c/"},
    }
    ours, others = f"likeness-{'1' * 32}-1", f"likeness-{'2' * 32}-1"
    leaving.kit.start(ours, RoleArn=role, behaviour={"seconds": "3600"}, **places)
    leaving.kit.start(others, behaviour={"seconds": "3600"})
    for job in (ours, others):
        leaving.kit.in_status(job, "Training")
    return ours, others


def endpoint(leaving: Leaving, names: dict[str, str]) -> None:
    """Make the endpoint as WarmModel does, and wait until it is in service."""
    function = leaving.cloud.client("lambda").get_function_configuration(
        FunctionName=names["WarmModelFunction"]
    )
    config = function["Environment"]["Variables"]["ENDPOINT_CONFIG_NAME"]
    sagemaker = leaving.kit.sagemaker
    lifecycle = SageMakerEndpointLifecycle(f"{NAME}-endpoint", config, sagemaker, None)
    lifecycle.create()
    eventually(lambda: lifecycle.status() == "in_service")


def test_what_a_deleted_stack_has_kept_is_found_by_its_name(
    leaving: Leaving, capsys: pytest.CaptureFixture[str]
) -> None:
    names = deploy(leaving, CreateEndpoint="false", ProtectData="true")
    leaving.fill(names)
    stacks = leaving.cloud.client("cloudformation")
    stacks.delete_stack(StackName=NAME)
    eventually(lambda: not leaving.status())
    assert leaving.left(names) == set(DATA)
    assert run("--keep", "keys", "--yes", NAME) == ExitCode.DONE
    assert (leaving.left(names), leaving.keys_left(names)) == (set(), KEYS)
    assert f"keys        {names['ReceiptKey']}: you kept it" in capsys.readouterr().out
    assert run("--dry-run") == ExitCode.DONE
    assert f"delete keys      MarksSecret {names['MarksSecret']}" in capsys.readouterr().out
    assert run("--yes", NAME) == ExitCode.DONE
    assert leaving.keys_left(names) == set()
    assert "can be brought back for 30 days" in capsys.readouterr().out


def test_a_stack_of_somebody_else_is_left_alone(
    leaving: Leaving, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = leaving.cloud.client("cloudformation")
    body = json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}})
    stacks.create_stack(StackName=OTHER, TemplateBody=body)
    eventually(lambda: leaving.status(OTHER) == "CREATE_COMPLETE")
    assert main(["uninstall", OTHER, "--yes", OTHER]) == ExitCode.NOT_FOUND
    assert main(["uninstall", "never-was", "--yes", "never-was"]) == ExitCode.NOT_FOUND
    assert "no stack of Likeness" not in capsys.readouterr().out
    assert leaving.status(OTHER) == "CREATE_COMPLETE"
    stacks.delete_stack(StackName=OTHER)


def test_termination_protection_is_said_and_respected(
    leaving: Leaving, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = {"Type": "AWS::S3::Bucket"}
    body = json.dumps({"Resources": {"UploadsBucket": bucket, "ModelsBucket": bucket}})
    stacks = leaving.cloud.client("cloudformation")
    stacks.create_stack(StackName=OTHER, TemplateBody=body, EnableTerminationProtection=True)
    eventually(lambda: leaving.status(OTHER) == "CREATE_COMPLETE")
    assert main(["uninstall", OTHER, "--yes", OTHER]) == ExitCode.REFUSED
    assert "--no-enable-termination-protection" in capsys.readouterr().err
    assert leaving.status(OTHER) == "CREATE_COMPLETE"
    stacks.update_termination_protection(StackName=OTHER, EnableTerminationProtection=False)
    assert main(["uninstall", OTHER, "--yes", OTHER]) == ExitCode.DONE
    assert leaving.status(OTHER) == ""
