"""Processes are killed at critical moments; executions end well, or with one correct message."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.faults.processes import of_function, of_tritonserver, processes
from contracts.documents.training import TrainingResult
from contracts.shared import layout
from tests.cloud import eventually
from tests.e2e.stack import SMALL, Stack, job_of, photos


def children_of_workers(stack: Stack, stage: str) -> dict[int, set[str]]:
    """Return the children of this function's workers, by worker."""
    workers = processes(of_function(stack.cloud.port, f"likeness-{stage}/"))
    return {
        pid: set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()) for pid in workers
    }


def busy_worker(stack: Stack, stage: str, idle: dict[int, set[str]]) -> int | None:
    """Return a worker that has started a child since, so it runs an invocation.

    A worker that has judged a single photo keeps the child that finds its face.
    """
    now = children_of_workers(stack, stage)
    return next((pid for pid, found in now.items() if found - idle.get(pid, set())), None)


def trainer_of(stack: Stack, upload: str) -> int | None:
    """Return the process that trains this upload's job."""
    name = stack.record(upload).training_job_name
    variable = f"TRAINING_JOB_NAME={name}\0".encode()
    known = processes(lambda folder: variable in (folder / "environ").read_bytes())
    return next(known, None) if name else None


def tritonserver_of(stack: Stack) -> int | None:
    """Return the tritonserver of this stack's endpoint."""
    return next(processes(of_tritonserver(stack.cloud.port)), None)


def kill(find: Callable[[], int | None]) -> int:
    pid: int = eventually(find)
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.mark.usefixtures("quick_training")
def test_a_lambda_worker_that_is_killed_at_work_is_called_again(stack: Stack) -> None:
    idle = children_of_workers(stack, "inspect-photos")
    stack.upload("worker-killed", photos(21, count=12), SMALL)
    kill(lambda: busy_worker(stack, "inspect-photos", idle))
    execution = stack.execution("worker-killed")
    assert execution["status"] == "SUCCEEDED", execution
    assert stack.states(execution).count("InspectPhotos") == 1, "a retry, not a redrive"
    assert stack.notice("worker-killed")["status"] == "succeeded"
    assert "Runtime.ExitError" in stack.failures(execution)


@pytest.mark.thorough
def test_a_trainer_that_is_killed_goes_on_from_its_checkpoint(stack: Stack) -> None:
    stack.upload("trainer-killed", photos(22), SMALL | {"max_train_steps": 300})
    eventually(lambda: has_checkpoint(stack, "trainer-killed"))
    kill(lambda: trainer_of(stack, "trainer-killed"))
    execution = stack.execution("trainer-killed")
    assert execution["status"] == "SUCCEEDED", execution
    assert stack.notice("trainer-killed")["status"] == "succeeded"
    job_id = job_of(execution)
    result = stack.document(layout.models.result_key(job_id, job_id), TrainingResult)
    assert result.metrics is not None
    assert result.metrics.resumed_from_step > 0
    eventually(lambda: ends_of(stack, job_id) == ["Completed", "Failed"])
    eventually(lambda: len(stack.record("trainer-killed").receipts) == 2)


@pytest.mark.usefixtures("quick_training")
def test_a_tritonserver_that_is_killed_comes_back_and_the_model_is_warmed(stack: Stack) -> None:
    stack.upload("server-killed", photos(23), SMALL)
    eventually(lambda: is_being_published(stack, "server-killed"))
    killed = kill(lambda: tritonserver_of(stack))
    execution = stack.execution("server-killed")
    assert execution["status"] == "SUCCEEDED", execution
    assert stack.states(execution).count("WarmModel") == 1, "a retry, not a redrive"
    assert set(stack.failures(execution)) == {"ModelNotReadyError"}
    assert stack.notice("server-killed")["status"] == "succeeded"
    assert stack.unheard() == []
    assert tritonserver_of(stack) not in {None, killed}


@pytest.mark.usefixtures("quick_training")
def test_the_owner_of_an_execution_that_an_operator_aborts_is_told(stack: Stack) -> None:
    stack.upload("aborted", photos(24), SMALL)
    eventually(lambda: stack.find("aborted"))
    (running,) = stack.executions("aborted")
    stack.aws("stepfunctions", "stop-execution", "--execution-arn", running["executionArn"])
    notice = stack.notice("aborted")
    assert (notice["status"], notice["code"]) == ("canceled", "canceled")
    assert stack.execution("aborted")["status"] == "ABORTED"


def is_being_published(stack: Stack, upload: str) -> bool:
    """Return whether the training has ended, so that the endpoint is called next."""
    record = stack.find(upload)
    return record is not None and record.stage in {"PublishAdapter", "WarmModel"}


def has_checkpoint(stack: Stack, upload: str) -> bool:
    """Return whether SageMaker has uploaded a checkpoint of this upload's training to S3."""
    record = stack.find(upload)
    if record is None or record.queue != "training":
        return False
    states = f"{layout.models.checkpoints_prefix(record.job_id)}{record.job_id}/state/"
    bucket = stack.outputs["ModelsBucketName"]
    listed = stack.cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=states)
    return bool(listed["KeyCount"])


def ends_of(stack: Stack, job_id: str) -> list[str]:
    """Return the statuses of the job's training jobs."""
    return sorted(job["TrainingJobStatus"] for job in stack.training_jobs(job_id))
