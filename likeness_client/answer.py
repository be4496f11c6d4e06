"""The wire on the client's side: a request's bytes, and what an answer's bytes mean."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from contracts.documents.package import GenerationInfo
from contracts.documents.picture import (
    GEN_ARGS,
    GENERATED_IMAGE,
    IMAGE,
    INFO,
    NEGATIVE_PROMPT,
    PROMPT,
    WIRE_SHAPE,
    PictureArguments,
)
from contracts.shared.limits import MAX_PAYLOAD_BYTES
from likeness_client.errors import GenerationError

Follow = Callable[[str], bytes]
"""Returns the file behind a link."""

DOWNLOAD_SECONDS = 60
MAX_DOWNLOAD_BYTES = 32 << 20
LOOPBACK = {"127.0.0.1", "localhost"}


def decode(text: str) -> bytes:
    """Return the file that an answer holds."""
    return base64.b64decode(text, validate=True)


def download(link: str) -> bytes:
    """Return the file behind a signed link; nothing of the caller's is sent with it.

    Raises:
        GenerationError: ``no_answer``: it cannot be read now. The same request, sent again, gets
            new links to the same pictures.
        ValueError: it is no link of S3's.
    """
    parts = urlsplit(link)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError
    try:
        with urlopen(link, timeout=DOWNLOAD_SECONDS) as answer:  # noqa: S310 (the scheme is checked)
            data: bytes = answer.read(MAX_DOWNLOAD_BYTES)
    except OSError as error:
        text = "a picture's link could not be read"
        raise GenerationError("no_answer", text) from error
    return data


@dataclass(frozen=True)
class Picture:
    """One picture's file."""

    data: bytes

    seed: int
    """Draws this picture again, alone."""

    def save(self, path: str | Path) -> None:
        """Write the file."""
        Path(path).write_bytes(self.data)


@dataclass(frozen=True)
class Answer:
    """What one request brought."""

    pictures: tuple[Picture, ...]

    info: GenerationInfo
    """Which weights made them, and how."""

    stored_at: str | None = None
    """The folder in S3, when the request named a store."""


def make_request(
    prompt: str,
    negative_prompt: str | None,
    arguments: PictureArguments,
    image: bytes | str | None = None,
) -> bytes:
    """Return KServe v2 JSON; what is not set is left to the model's base.

    Raises:
        GenerationError: it is too large for SageMaker.
    """
    texts = {
        PROMPT: prompt,
        NEGATIVE_PROMPT: negative_prompt,
        GEN_ARGS: arguments.model_dump_json(exclude_unset=True),
        IMAGE: base64.b64encode(image).decode() if isinstance(image, bytes) else image,
    }
    inputs = [
        {"name": name, "shape": list(WIRE_SHAPE), "datatype": "BYTES", "data": [text]}
        for name, text in texts.items()
        if text is not None
    ]
    body = json.dumps({"inputs": inputs}).encode()
    if len(body) > MAX_PAYLOAD_BYTES:
        text = (
            f"the request has more than {MAX_PAYLOAD_BYTES} bytes: put the image under"
            " tenants/<tenant>/pictures/ in the uploads bucket, and give its s3:// address"
        )
        raise GenerationError("invalid_argument", text)
    return body


def parse_answer(body: bytes, follow: Follow = download) -> Answer:
    """Return the pictures; ``follow`` downloads those that were too large for the answer.

    Fields of ``info`` that a newer server has added are left out.

    Raises:
        GenerationError: this is not the answer of one of our models, or a link does not answer.
    """
    try:
        outputs = {tensor["name"]: tensor["data"] for tensor in json.loads(body)["outputs"]}
        info = GenerationInfo.model_validate_json(outputs[INFO][0], extra="ignore")
        read = follow if info.stored else decode
        files = [read(text) for text in outputs[GENERATED_IMAGE]]
        pictures = zip(files, info.seeds, strict=True)
        return Answer(tuple(Picture(data, seed) for data, seed in pictures), info)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise GenerationError("unreadable_answer", "this is not one of our models") from error
