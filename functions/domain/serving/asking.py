"""What a model of the endpoint is asked, and what it answers: KServe v2 JSON."""

import base64
import json
from typing import NamedTuple

from contracts.documents import picture
from contracts.documents.model import ModelRecord
from contracts.documents.package import GenerationInfo
from contracts.documents.picture import PictureArguments
from contracts.errors import WarmUpFailedError
from contracts.shared.pictures.picture_places import own_place, tenant_hash
from domain.ports.storage import Storage

MAX_STORED_BYTES = 32 << 20
"""Larger than any picture of 1536 pixels."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Drawn(NamedTuple):
    """The answer to one request."""

    info: GenerationInfo

    pictures: tuple[bytes, ...]
    """PNG files, one for each of ``info.seeds``."""


def kserve_request(
    prompt: str,
    negative_prompt: str | None,
    arguments: PictureArguments,
    image: str | None = None,
) -> bytes:
    """Return the body of a request; what is not set is left to the model's base.

    Args:
        prompt: what to draw.
        negative_prompt: what to avoid.
        arguments: beside the prompts.
        image: base64 of a PNG or JPEG to start from, or its address in S3.
    """
    values = {
        picture.PROMPT: prompt,
        picture.NEGATIVE_PROMPT: negative_prompt,
        picture.GEN_ARGS: arguments.model_dump_json(exclude_unset=True),
        picture.IMAGE: image,
    }
    inputs = [
        {"name": name, "datatype": "BYTES", "shape": list(picture.WIRE_SHAPE), "data": [value]}
        for name, value in values.items()
        if value is not None
    ]
    return json.dumps({"inputs": inputs}).encode()


def parse_pictures(answer: bytes, model: ModelRecord, uploads: Storage) -> Drawn:
    """Return the pictures of an answer; those that were too large for it are read from S3.

    Args:
        answer: the endpoint's.
        model: who was asked.
        uploads: the bucket in which the endpoint stores large answers.

    Raises:
        WarmUpFailedError: it is not the answer of one of our models.
        ObjectMissingError: a stored picture was erased.
    """
    try:
        outputs = {output["name"]: output["data"] for output in json.loads(answer)["outputs"]}
        text = outputs[picture.INFO][0]
        info = GenerationInfo.model_validate_json(text, extra="ignore")  # of a newer server
        if info.stored:
            pictures = tuple(read_stored(uri, model, uploads) for uri in info.stored)
        else:
            encoded = outputs[picture.GENERATED_IMAGE]
            pictures = tuple(base64.b64decode(text, validate=True) for text in encoded)
    except (ValueError, KeyError, IndexError, TypeError):
        raise WarmUpFailedError(reason="answer_unreadable") from None
    whole = all(each.startswith(PNG_SIGNATURE) for each in pictures)
    if not whole or len(pictures) != len(info.seeds):
        raise WarmUpFailedError(reason="answer_unreadable")
    return Drawn(info, pictures)


def read_stored(uri: str, model: ModelRecord, uploads: Storage) -> bytes:
    """Return a picture that was stored; raise ValueError for an address of anybody else."""
    place = own_place(uri, tenant_hash(model.tenant))
    if place is None or uploads.uri(place.key) != uri:
        raise ValueError
    return uploads.read(place.key, MAX_STORED_BYTES)
