"""The first picture of a published model proves that the endpoint can load it and draw with it."""

import base64
import io
import json
from collections.abc import Callable
from datetime import datetime

from PIL import Image

from contracts.documents import picture
from contracts.documents.package import GenerationInfo, ModelPackage, WarmModelReport
from contracts.errors import EndpointMissingError, EndpointStartingError, WarmUpFailedError
from domain.ports.endpoint import EndpointInvoker, EndpointLifecycle
from domain.serving.asking import kserve_request
from domain.serving.endpoint import wake

ARGUMENTS = picture.PictureArguments(num_inference_steps=4, seed=0)
"""Few steps: the gate has judged the quality; this picture only shows that the model answers."""

MAX_PICTURE_SIDE = 4096
"""Largest side in pixels that is decoded."""


def warm(
    package: ModelPackage,
    endpoint: EndpointInvoker,
    lifecycle: EndpointLifecycle,
    clock: Callable[[], datetime],
) -> WarmModelReport:
    """Prove that the model answers, and measure how long its first picture took.

    Raises:
        EndpointStartingError: the endpoint is being created.
        EndpointMissingError: there is no endpoint, and the stack does not create one on demand.
    """
    start = clock()
    try:
        first_picture(package, endpoint)
    except EndpointMissingError:
        status = wake(lifecycle, start)
        if status == "absent":
            raise
        raise EndpointStartingError(status=status) from None
    return WarmModelReport(
        job_id=package.job_id,
        target_model=package.target_model,
        seconds=(clock() - start).total_seconds(),
        endpoint_name=endpoint.name,
    )


def first_picture(package: ModelPackage, endpoint: EndpointInvoker) -> None:
    """Ask for one picture, and refuse an answer that is not this model's.

    Raises:
        WarmUpFailedError: the answer is not a picture that was made with these weights.
    """
    answer = endpoint.invoke(package.target_model, picture_request(package.trigger_word))
    info, image = parse_answer(answer)
    check(info.adapter_sha256 == package.weights_sha256, "other_weights")
    if image is None:
        return
    check(image.size == (info.width, info.height), "size_wrong")
    check(image.getcolors(maxcolors=1) is None, "picture_is_empty")


def picture_request(trigger_word: str) -> bytes:
    """Return the request for a picture of the subject and nothing else."""
    return kserve_request(f"a photo of {trigger_word}", None, ARGUMENTS)


def parse_answer(answer: bytes) -> tuple[GenerationInfo, Image.Image | None]:
    """Return the server's info on its picture, and the picture in RGB.

    None: the file has more than MAX_INLINE_BYTES and is in S3. No empty picture is so large.
    """
    try:
        outputs = {output["name"]: output["data"][0] for output in json.loads(answer)["outputs"]}
        info = GenerationInfo.model_validate_json(outputs[picture.INFO], extra="ignore")
        if info.stored:
            return info, None
        return info, decode(outputs[picture.GENERATED_IMAGE])
    except (ValueError, KeyError, IndexError, TypeError, OSError):
        raise WarmUpFailedError(reason="answer_unreadable") from None


def decode(encoded: str) -> Image.Image:
    """Return the picture; raise ValueError or OSError when it is unreadable or too large."""
    image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)), formats=["PNG"])
    if max(image.size) > MAX_PICTURE_SIDE:
        raise ValueError
    return image.convert("RGB")


def check(holds: bool, reason: str) -> None:
    """Refuse the answer with this reason, unless the rule holds."""
    if not holds:
        raise WarmUpFailedError(reason=reason)
