"""Many users at once: the deployed stack trains several of them in one pass of the base."""

from collections.abc import Iterator

import pytest

from tests.cloud import eventually
from tests.e2e.stack import LAUNCHERS, SMALL, Stack, job_of, photos

UPLOADS = ("many-1", "many-2", "many-3")
ALIKE = SMALL | {"train_text_encoder": False}
"""Users whose text encoders are trained share no step, and this base would train them."""


@pytest.fixture
def queue_is_held(stack: Stack) -> Iterator[None]:
    """Let nothing be launched until the test asks for it."""
    with stack.launching(TRAINING_QUOTA="0"):
        yield


@pytest.mark.thorough
@pytest.mark.usefixtures("queue_is_held")
def test_users_that_wait_together_are_trained_in_one_step(stack: Stack) -> None:
    for seed, upload in enumerate(UPLOADS):
        stack.upload(upload, photos(40 + seed), ALIKE | {"seed": seed})
    eventually(lambda: all(is_queued(stack, upload) for upload in UPLOADS))
    for stage in LAUNCHERS:
        stack.configure(stage, stack.settings(stage) | {"TRAINING_QUOTA": "1"})

    executions = [stack.execution(upload) for upload in UPLOADS]

    assert [execution["status"] for execution in executions] == ["SUCCEEDED"] * 3
    records = [stack.record(upload) for upload in UPLOADS]
    assert {stack.notice(upload)["code"] for upload in UPLOADS} == {"ready"}
    assert {job_of(execution) for execution in executions} == {one.job_id for one in records}
    (name,) = {record.training_job_name for record in records}
    assert str(name).endswith("-1-2steps-3users")
    job = stack.aws("sagemaker", "describe-training-job", "--training-job-name", str(name))
    assert job["HyperParameters"]["users_per_step"] == "3"
    assert [r.capacity.users_per_step for r in records if r.capacity is not None] == [3, 3, 3]
    assert "multi-user step users=3" in "\n".join(log_of(stack, str(name)))


def is_queued(stack: Stack, upload: str) -> bool:
    record = stack.find(upload)
    return record is not None and record.queue == "queued"


def log_of(stack: Stack, training_job: str) -> list[str]:
    logs, group = stack.cloud.client("logs"), "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=training_job)
    return [
        event["message"]
        for stream in streams["logStreams"]
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])[
            "events"
        ]
    ]
