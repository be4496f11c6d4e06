"""The real ``sam deploy`` on the laptop's AWS: create, update, delete, endpoint on demand."""

import json
import os
import subprocess

import pytest

from contracts.documents.hosting import ModelAnswer, ModelQuestion
from likeness_client.models import ask
from local.cloud.paths import ROOT
from local.cloud.server import Cloud
from local.deployment import SAM, parameters
from tests.cloud import eventually, item_of
from tests.e2e.stack import BASE_ID, Stack
from tests.unit.domain.test_endpoint import tenant_models
from tests.unit.training_kit import job_id

NAME = "by-sam"


def sam(cloud: Cloud, *arguments: str) -> str:
    run = subprocess.run(
        [SAM, *arguments, "--stack-name", NAME, "--region", "us-east-1"],
        cwd=ROOT,
        env=os.environ | cloud.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def deploy(cloud: Cloud, **overrides: str) -> None:
    chosen = parameters(CreateEndpoint="on-demand", BaseId=BASE_ID, **overrides).items()
    overrides_given = [f"{key}={value}" for key, value in chosen]
    sam(cloud, "deploy", "--config-env", "local", "--parameter-overrides", *overrides_given)


def quota(cloud: Cloud) -> str:
    found = cloud.client("lambda").get_function_configuration(
        FunctionName=f"{NAME}-launch-training"
    )
    return str(found["Environment"]["Variables"]["TRAINING_QUOTA"])


def test_sam_deploys_changes_and_deletes_the_stack(stack: Stack) -> None:
    cloud = stack.cloud
    deploy(cloud, TrainingQuota="1")
    assert quota(cloud) == "1"
    loops_and_included_files_are_expanded(cloud)
    deploy(cloud, TrainingQuota="3")
    assert quota(cloud) == "3"
    wake_the_endpoint(stack)
    sam(cloud, "delete", "--no-prompts")
    cloudformation, logs = cloud.client("cloudformation"), cloud.client("logs")
    with pytest.raises(cloudformation.exceptions.ClientError, match="does not exist"):
        cloudformation.describe_stacks(StackName=NAME)
    names = [function["FunctionName"] for function in functions(cloud)]
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{NAME}-")["logGroups"]
    buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    left = [name for name in (*names, *buckets) if name.startswith(NAME)]
    assert (left, groups) == ([], [])
    eventually(lambda: not cloud.client("sagemaker").list_endpoints(NameContains=NAME)["Endpoints"])


def loops_and_included_files_are_expanded(cloud: Cloud) -> None:
    logs, metrics = cloud.client("logs"), cloud.client("cloudwatch")
    names = {function["FunctionName"] for function in functions(cloud)}
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{NAME}-")["logGroups"]
    ours = {f"/aws/lambda/{name}" for name in names if name.startswith(f"{NAME}-")}
    assert {group["logGroupName"] for group in groups} == ours
    body = metrics.get_dashboard(DashboardName=NAME)["DashboardBody"]
    assert NAME in body
    assert json.loads(body)["widgets"]
    alarms = metrics.describe_alarms()["MetricAlarms"]
    (stuck,) = (a for a in alarms if a["MetricName"] == "JobsStuck" and NAME in str(a))
    assert (stuck["Threshold"], stuck["Period"], stuck["EvaluationPeriods"]) == (0, 300, 2)


def wake_the_endpoint(stack: Stack) -> None:
    """A user requests a picture, and the endpoint, which CloudFormation has not made, starts."""
    cloud = stack.cloud
    (table,) = (
        resource["PhysicalResourceId"]
        for resource in cloud.client("cloudformation").describe_stack_resources(StackName=NAME)[
            "StackResources"
        ]
        if resource["LogicalResourceId"] == "ModelsTable"
    )
    (row,) = (row for row in tenant_models().rows.values() if row.model_id == job_id(1))
    item = item_of(row)
    cloud.client("dynamodb").put_item(TableName=table, Item=item)

    def status() -> ModelAnswer:
        return ask(f"{NAME}-model-status", ModelQuestion(tenant="acme", wake=True), cloud)

    assert status().endpoint == "starting"
    eventually(lambda: status().endpoint == "in_service")
    assert [model.model_id for model in status().models] == [job_id(1)]


def functions(cloud: Cloud) -> list[dict[str, str]]:
    pages = cloud.client("lambda").get_paginator("list_functions").paginate()
    return [function for page in pages for function in page["Functions"]]
