"""Status of a running job, cancellation, and cost in the receipt."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from contracts.shared.layout.bases import captioner_prefix
from contracts.shared.names import captions_plan_id
from local.demo.subscriber import Subscriber
from local.demo.upload import BASES_BUCKET, TENANT
from tests.cloud import PATIENCE_SECONDS, eventually
from tests.e2e.changed_settings import WAITING
from tests.e2e.stack import CAPTIONER_ID, SMALL, Stack, photos


def test_a_job_is_watched_from_its_first_stage_to_its_receipt(stack: Stack) -> None:
    listener = Subscriber(stack.cloud, stack.outputs["StatusTopicArn"])
    with ThreadPoolExecutor() as pool:
        stack.upload("watched", photos(31), SMALL)
        arguments = "status", f"{TENANT}/watched", "--table", stack.outputs["JobsTableName"]
        patience = "--patience", str(PATIENCE_SECONDS)  # a busy machine accepts it late
        watching = pool.submit(stack.likeness, *arguments, "--watch", *patience)
        execution = stack.execution("watched")
        lines = watching.result(PATIENCE_SECONDS).splitlines()
    assert execution["status"] == "SUCCEEDED"
    assert "succeeded" in lines[-1]
    assert "100 %" in lines[-1]
    published = []
    while changes := listener.waiting(wait_seconds=2):
        published += [change for change in changes if change["upload"] == "watched"]
    percents = [change["percent"] for change in published]
    assert percents == sorted(percents)
    assert {"InspectPhotos", "TrainAdapter", "WarmModel"} <= {
        change["stage"] for change in published
    }
    assert (published[-1]["status"], published[-1]["percent"]) == ("succeeded", 100)
    receipt = stack.notice("watched")["receipt"]
    assert receipt["billable_seconds"] >= 1
    assert 0 < receipt["usd"] < 1
    record = stack.record("watched")
    assert record.estimate is not None
    assert record.estimate.steps == SMALL["max_train_steps"]
    history = stack.history(execution)
    assert len(stack.states(execution)) <= 10, "state transitions"
    assert len(history) <= 80, "history events"


def test_a_canceled_training_stops_and_is_told_once(stack: Stack) -> None:
    stack.upload("canceled", photos(32), SMALL | {"max_train_steps": 5000})
    job = f"{TENANT}/canceled"
    table = "--table", stack.outputs["JobsTableName"]
    eventually(lambda: has_begun(stack, "canceled"))
    answer = stack.likeness("cancel", job, *table)
    assert "canceling" in answer
    execution = stack.execution("canceled")
    assert (execution["status"], execution["error"]) == ("FAILED", "JobCanceledError")
    notice = stack.notice("canceled")
    assert (notice["status"], notice["code"]) == ("canceled", "canceled")
    job_id = stack.record("canceled").job_id
    (training,) = eventually(lambda: ended(stack, job_id))
    assert training["TrainingJobStatus"] == "Stopped"
    assert "canceled" in stack.likeness("status", job, *table)
    assert "too_late" in stack.likeness("cancel", job, *table)
    assert stack.unheard() == []


@pytest.fixture
def captioner_that_waits(stack: Stack) -> Iterator[None]:
    """Use a training container that works until it is stopped, and give it a captioner."""
    s3 = stack.cloud.client("s3")
    place = {"Bucket": BASES_BUCKET, "Key": captioner_prefix(CAPTIONER_ID) + "of-one-test"}
    s3.put_object(Body=b"weights", **place)
    with stack.launching(TRAINING_IMAGE_URI=f"{WAITING}:1"):
        yield
    s3.delete_object(**place)


@pytest.mark.usefixtures("captioner_that_waits")
def test_a_job_that_is_canceled_while_its_photos_are_described_is_never_trained(
    stack: Stack,
) -> None:
    stack.upload("canceled-captions", photos(132, 8), SMALL | {"autocaption": True})
    job = f"{TENANT}/canceled-captions"
    eventually(lambda: describes(stack, "canceled-captions"))
    table = "--table", stack.outputs["JobsTableName"]
    assert "canceling" in stack.likeness("cancel", job, *table)
    execution = stack.execution("canceled-captions")
    assert (execution["status"], execution["error"]) == ("FAILED", "JobCanceledError")
    assert stack.states(execution)[-3:] == ["CaptionPhotos", "NotifyFailure", "FailJob"]
    assert stack.notice("canceled-captions")["code"] == "canceled"
    job_id = stack.record("canceled-captions").job_id
    (captioning,) = eventually(lambda: ended(stack, captions_plan_id(job_id)))
    assert captioning["TrainingJobStatus"] == "Stopped"
    assert stack.training_jobs(job_id) == []


def describes(stack: Stack, upload: str) -> bool:
    """Return whether the upload's photos are being described."""
    record = stack.find(upload)
    return record is not None and has_instance(stack, captions_plan_id(record.job_id))


def ended(stack: Stack, name: str) -> list[dict[str, Any]]:
    """Return the training jobs of a name that have ended."""
    alive = {"InProgress", "Stopping"}
    return [one for one in stack.training_jobs(name) if one["TrainingJobStatus"] not in alive]


def test_what_would_cost_too_much_is_refused_before_it_starts(stack: Stack) -> None:
    stack.upload("too-dear", photos(33), SMALL | {"max_cost_usd": 0.001})
    execution = stack.execution("too-dear")
    assert execution["error"] == "TooExpensiveError"
    notice = stack.notice("too-dear")
    assert notice["code"] == "too_expensive"
    assert "allowed: 0.001 USD" in notice["text"]
    assert stack.training_jobs(notice["job_id"]) == []


def has_begun(stack: Stack, upload: str) -> bool:
    """Return whether the upload's job is in training."""
    record = stack.find(upload)
    return record is not None and record.queue == "training" and has_instance(stack, record.job_id)


def has_instance(stack: Stack, job_id: str) -> bool:
    return any(job["TrainingJobStatus"] == "InProgress" for job in stack.training_jobs(job_id))
