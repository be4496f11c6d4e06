"""A start image and an answer that are larger than a call may be, through the deployed stack."""

import io
import json
from hashlib import sha256
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from contracts.shared.limits import MAX_INLINE_BYTES, MAX_PAYLOAD_BYTES
from tests.e2e.endpoint_calls import invoke, outputs_of, target_of
from tests.e2e.stack import Stack

SIDE = 1300
"""Pixels of the start image's sides: noise of this size is 5 MB, and 6.8 MB in base64."""

PROMPT = "a photo of a sks person, large"
ARGUMENTS = {
    "num_images_per_prompt": 4,
    "width": 576,
    "height": 576,
    "seed": 11,
    "num_inference_steps": 1,
    "guidance_scale": 1.0,
    "strength": 1.0,
}
"""Four pictures that an untrained base draws as noise: more than 4 MB of PNG in base64."""


def put_picture(stack: Stack, tenant: str, name: str, pixels: Any) -> tuple[str, int]:
    """Put a PNG among the tenant's pictures; return its address and its bytes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    bucket, key = stack.outputs["UploadsBucketName"], f"tenants/{tenant}/pictures/large/{name}"
    stack.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=file.getvalue())
    return f"s3://{bucket}/{key}", len(file.getvalue())


def start_and_mask(stack: Stack, tenant: str) -> tuple[str, str]:
    """Return the addresses of a start image that no call could hold, and of its mask."""
    noise = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    image, size = put_picture(stack, tenant, "start.png", noise)
    assert size * 4 // 3 > MAX_PAYLOAD_BYTES
    white = np.full((SIDE, SIDE), 255, np.uint8)
    return image, put_picture(stack, tenant, "mask.png", white)[0]


def fetch(link: str) -> bytes:
    """Return the file behind a link."""
    with urlopen(link, timeout=60) as answer:  # noqa: S310 - the laptop's own
        data: bytes = answer.read()
    return data


def large_pictures_come_by_links(
    stack: Stack, tenant: str, model: str, order: Any, stranger: str
) -> None:
    """The API's pictures and those behind the endpoint's links are the same bytes.

    Args:
        stack: the deployed stack.
        tenant: whose model it is.
        model: the model's id.
        order: takes the body of an order to the API; returns the order when it has ended.
        stranger: another tenant, whose pictures the model may not read.
    """
    image, mask = start_and_mask(stack, tenant)
    made = order({"prompt": PROMPT, "image": image, "mask_image": mask, **ARGUMENTS})
    assert made["status"] == "succeeded", made
    files = [fetch(one["url"]) for one in made["images"]]
    assert [sha256(file).hexdigest() for file in files] == [one["sha256"] for one in made["images"]]
    assert sum(map(len, files)) * 4 // 3 > MAX_INLINE_BYTES

    target, masked = target_of(stack, tenant, model), ARGUMENTS | {"mask_image": mask}
    body = invoke(stack, target, masked, prompt=PROMPT, image=image)
    outputs = outputs_of(body)
    info = json.loads(outputs["info"][0])
    assert len(body) < MAX_PAYLOAD_BYTES // 100
    assert len(info["stored"]) == len(files)
    assert [fetch(link) for link in outputs["generated_image"]] == files

    theirs = put_picture(stack, stranger, "theirs.png", np.zeros((64, 64, 3), np.uint8))[0]
    with pytest.raises(ClientError) as refused:
        invoke(stack, target, masked, prompt=PROMPT, image=theirs)
    assert "likeness/invalid_argument" in refused.value.response["OriginalMessage"]
    with pytest.raises(ClientError) as refused:
        invoke(stack, target, masked, prompt=PROMPT, image="x" * MAX_PAYLOAD_BYTES)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
