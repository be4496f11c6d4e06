"""An account whose quota for the instance type is 0: the owner hears it at once, in AWS's words."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from contracts.shared.quotas import quota_in
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
