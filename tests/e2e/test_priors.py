"""Class images: made by one training job, stored in S3 and used by the next one.

The next one has several GPUs: two processes train its adapter.
"""

from pathlib import Path
from typing import Any

import pytest

from contracts.base import BaseCard
from contracts.documents.class_images import ClassImageSet, class_image_key, orders_of
from contracts.documents.training import TrainingResult
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.bases import BASE_FILE
from contracts.shared.layout.container import CLASS_IMAGES_CHANNEL, CLASS_IMAGES_FILE
from contracts.shared.layout.models import class_images_prefix, result_key
from tests.cloud import eventually
from tests.e2e.stack import SEVERAL_GPUS, SMALL, Stack, job_of, photos

REQUEST = SMALL | {"class_prompt": "a photo of somebody"}


def training_job(stack: Stack, upload: str) -> dict[str, Any]:
    """Return this upload's only training job, as the service describes it at the end."""
    execution = stack.execution(upload)
    assert execution["status"] == "SUCCEEDED", stack.states(execution)
    assert stack.notice(upload)["code"] == "ready"
    (found,) = stack.training_jobs(job_of(execution))
    sagemaker = stack.cloud.client("sagemaker")
    described: dict[str, Any] = sagemaker.describe_training_job(
        TrainingJobName=found["TrainingJobName"]
    )
    return described


def channels(job: dict[str, Any]) -> list[str]:
    """Return the inputs of a training job."""
    return [channel["ChannelName"] for channel in job["InputDataConfig"]]


def images_trained(stack: Stack, upload: str) -> int | None:
    """Return how many images went through the networks, as the trainer reports it."""
    job_id = stack.record(upload).job_id
    metrics = stack.document(result_key(stack.plan_id(job_id), job_id), TrainingResult).metrics
    return None if metrics is None else metrics.images


@pytest.mark.thorough
def test_class_images_are_made_by_the_first_job_and_given_to_the_second_of_two_processes(
    stack: Stack, base: Path
) -> None:
    stack.upload("makes", photos(21), REQUEST)
    job = training_job(stack, "makes")
    assert CLASS_IMAGES_CHANNEL not in channels(job)
    assert job["HyperParameters"]["num_processes"] == "1"
    card = BaseCard.model_validate_json((base / BASE_FILE).read_bytes())
    (order,) = orders_of(TrainingRequest.model_validate(REQUEST), card.resolution)
    folder = class_images_prefix(class_image_key(card.sha256, order))
    bucket = stack.outputs["ModelsBucketName"]
    s3 = stack.cloud.client("s3")

    def kept() -> set[str]:
        found = s3.list_objects_v2(Bucket=bucket, Prefix=folder).get("Contents", [])
        return {item["Key"].removeprefix(folder) for item in found}

    eventually(lambda: CLASS_IMAGES_FILE in kept())
    assert kept() == {
        CLASS_IMAGES_FILE,
        stack.document(folder + CLASS_IMAGES_FILE, ClassImageSet).file,
    }

    stack.upload("uses", photos(22), REQUEST | {"run": {"instance_type": SEVERAL_GPUS}})
    job = training_job(stack, "uses")
    assert channels(job)[-1] == CLASS_IMAGES_CHANNEL
    assert job["HyperParameters"]["num_processes"] == "2"
    output = job["TensorBoardOutputConfig"]["S3OutputPath"]
    events = f"{output.removeprefix(f's3://{bucket}/')}{stack.record('uses').job_id}/events.out."
    (curve,) = s3.list_objects_v2(Bucket=bucket, Prefix=events)["Contents"]
    assert curve["Size"] > 0, "of two processes one writes TensorBoard's file"
    one, two = (images_trained(stack, upload) for upload in ("makes", "uses"))
    assert two == 2 * (one or 0), "two processes train twice the images in as many steps"
