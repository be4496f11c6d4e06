"""From photos to pictures of a personal model, in some lines of Python or on the command line.

    from pathlib import Path
    from likeness_client import LikenessApi, NewPicture

    with LikenessApi() as api:  # LIKENESS_API and LIKENESS_API_KEY
        upload = api.upload(Path("photos"))
        job = api.train(upload.id, {"instance_prompt": "a photo of sks person",
                                    "class_prompt": "a photo of a person"})
        model = api.wait_for_job(job.id).model_id
        picture = api.draw(model, NewPicture(prompt="a photo of sks person by the sea"))
        api.save_pictures(picture, Path("me.png"))

``AsyncLikenessApi`` has the same methods. ``Likeness`` asks the SageMaker endpoint itself, with AWS
credentials: pip install 'likeness[aws]'.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contracts.documents.api.pictures import NewPicture
    from contracts.documents.hosting import ModelAnswer, ModelQuestion
    from contracts.documents.upload.request import TrainingRequest
    from likeness_client.answer import Answer, Picture
    from likeness_client.api._async.client import AsyncLikenessApi
    from likeness_client.api._sync.client import LikenessApi
    from likeness_client.api.errors import (
        ApiError,
        JobFailedError,
        LikenessError,
        NotAcceptedError,
        NotReachedError,
        PictureFailedError,
        TransferError,
        UploadRefusedError,
    )
    from likeness_client.api.webhooks import ForgedDeliveryError, verify_webhook
    from likeness_client.client import Likeness
    from likeness_client.errors import GenerationError
    from likeness_client.functions import FunctionFailedError
    from likeness_client.models import ask, choose
    from likeness_client.store import NotStoredError

__all__ = [
    "Answer",
    "ApiError",
    "AsyncLikenessApi",
    "ForgedDeliveryError",
    "FunctionFailedError",
    "GenerationError",
    "JobFailedError",
    "Likeness",
    "LikenessApi",
    "LikenessError",
    "ModelAnswer",
    "ModelQuestion",
    "NewPicture",
    "NotAcceptedError",
    "NotReachedError",
    "NotStoredError",
    "Picture",
    "PictureFailedError",
    "TrainingRequest",
    "TransferError",
    "UploadRefusedError",
    "__version__",
    "ask",
    "choose",
    "verify_webhook",
]

__version__ = "0.3.0"
"""The only place that says it: pyproject.toml and ``likeness --version`` read it here."""

_HOMES = {
    "Answer": "answer",
    "Picture": "answer",
    "Likeness": "client",
    "GenerationError": "errors",
    "FunctionFailedError": "functions",
    "ModelAnswer": "models",
    "ModelQuestion": "models",
    "ask": "models",
    "choose": "models",
    "NotStoredError": "store",
    "AsyncLikenessApi": "api._async.client",
    "LikenessApi": "api._sync.client",
    "NewPicture": "api.documents",
    "TrainingRequest": "api.documents",
    "ApiError": "api.errors",
    "JobFailedError": "api.errors",
    "LikenessError": "api.errors",
    "NotAcceptedError": "api.errors",
    "NotReachedError": "api.errors",
    "PictureFailedError": "api.errors",
    "TransferError": "api.errors",
    "UploadRefusedError": "api.errors",
    "ForgedDeliveryError": "api.webhooks",
    "verify_webhook": "api.webhooks",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Import a public name when it is first used.

    The photo decoder's child process belongs to this package in the wheel, and must not wait for
    boto3 at every photo.
    """
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
