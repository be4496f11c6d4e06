"""Class images: made by one training job, stored in S3 and used by the next one."""

from pathlib import Path

from contracts.base import BaseCard
from contracts.documents.class_images import ClassImageSet, class_image_key, order_of
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout import (
    BASE_FILE,
    CLASS_IMAGES_CHANNEL,
    CLASS_IMAGES_FILE,
    class_images_prefix,
)
from tests.cloud import eventually
from tests.e2e.stack import SMALL, Stack, job_of, photos

REQUEST = SMALL | {"class_prompt": "a photo of somebody"}


def channels(stack: Stack, upload: str) -> list[str]:
    """Return the inputs of this upload's only training job."""
    execution = stack.execution(upload)
    assert execution["status"] == "SUCCEEDED", stack.states(execution)
    assert stack.notice(upload)["code"] == "ready"
    (found,) = stack.training_jobs(job_of(execution))
    sagemaker = stack.cloud.client("sagemaker")
    job = sagemaker.describe_training_job(TrainingJobName=found["TrainingJobName"])
    return [channel["ChannelName"] for channel in job["InputDataConfig"]]


def test_class_images_are_made_by_the_first_job_and_given_to_the_second(
    stack: Stack, base: Path
) -> None:
    stack.upload("makes", photos(21), REQUEST)
    assert CLASS_IMAGES_CHANNEL not in channels(stack, "makes")
    card = BaseCard.model_validate_json((base / BASE_FILE).read_bytes())
    order = order_of(TrainingRequest.model_validate(REQUEST), card.resolution)
    assert order is not None
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

    stack.upload("uses", photos(22), REQUEST)
    assert channels(stack, "uses")[-1] == CLASS_IMAGES_CHANNEL
