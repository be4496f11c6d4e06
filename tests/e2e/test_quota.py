"""A training job that SageMaker does not take: the owner hears it at once."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.shared.instances.quotas import quota_in
from local.demo.upload import TENANT
from local.sagemaker.settings import configure, current
from tests.e2e.stack import SMALL, Stack, photos


@pytest.fixture
def no_quota(stack: Stack) -> Iterator[None]:  # noqa: ARG001 - its SageMaker
    before = current()
    configure(replace(before, instance_quota=0))
    yield
    configure(before)


@pytest.mark.usefixtures("no_quota")
def test_a_quota_of_zero_is_a_notice_and_no_wait_of_two_days(stack: Stack) -> None:
    stack.upload("no-quota", photos(37), SMALL)
    execution = stack.execution("no-quota")
    assert (execution["status"], execution["error"]) == ("FAILED", "TrainingFailedError")
    notice = stack.notice("no-quota")
    assert (notice["code"], notice["retryable"]) == ("quota_zero", True)
    quota = quota_in(notice["text"])
    assert quota is not None
    assert (quota.name, quota.limit) == ("ml.g5.2xlarge for training job usage", 0)
    assert "likeness doctor" in notice["text"]
    table = "--table", stack.outputs["JobsTableName"]
    assert "quota_zero" in stack.likeness("status", f"{TENANT}/no-quota", *table)
    assert stack.training_jobs(notice["job_id"]) == []


@pytest.fixture
def forbidden_training(stack: Stack) -> Iterator[None]:
    """Let an administrator forbid training jobs to the functions that create them."""
    iam, stacks = stack.cloud.client("iam"), stack.cloud.client("cloudformation")
    statement = {"Effect": "Deny", "Action": "sagemaker:CreateTrainingJob", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    roles = [
        stacks.describe_stack_resource(StackName="likeness", LogicalResourceId=logical_id)[
            "StackResourceDetail"
        ]["PhysicalResourceId"]
        for logical_id in ("LaunchTrainingFunctionRole", "ReconcileFunctionRole")
    ]
    for role in roles:
        iam.put_role_policy(RoleName=role, PolicyName="forbidden", PolicyDocument=document)
    yield
    for role in roles:
        iam.delete_role_policy(RoleName=role, PolicyName="forbidden")


@pytest.mark.usefixtures("forbidden_training")
def test_a_permission_that_is_taken_away_is_a_notice_and_no_queue_that_stands(stack: Stack) -> None:
    stack.upload("forbidden", photos(92), SMALL)
    execution = stack.execution("forbidden")
    assert (execution["status"], execution["error"]) == ("FAILED", "TrainingFailedError")
    notice = stack.notice("forbidden")
    assert (notice["code"], notice["retryable"]) == ("training_denied", True)
    assert "likeness doctor" in notice["text"]
    assert "arn:" not in notice["text"]
    assert stack.training_jobs(notice["job_id"]) == []


def test_a_captioner_that_is_not_there_ends_the_job_and_not_the_queue(stack: Stack) -> None:
    """As after a typing error in CaptionerId."""
    accepting = stack.settings("accept-request")
    stack.configure("accept-request", accepting | {"CAPTIONER_ID": "gone"})
    with stack.launching(CAPTIONER_ID="gone"):
        stack.upload("no-captioner", photos(38), {**SMALL, "autocaption": True})
        execution = stack.execution("no-captioner")
    stack.configure("accept-request", accepting)
    assert execution["error"] == "TrainingFailedError"
    notice = stack.notice("no-captioner")
    assert (notice["code"], notice["retryable"]) == ("training_refused", True)
    assert "arn:" not in notice["text"]
    assert stack.training_jobs(notice["job_id"]) == []
