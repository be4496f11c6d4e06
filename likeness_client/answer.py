"""The wire on the client's side: a request's bytes, and what an answer's bytes mean."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

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
from likeness_client.errors import GenerationError


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
    image: bytes | None = None,
) -> bytes:
    """Return KServe v2 JSON; what is not set is left to the model's base."""
    texts = {
        PROMPT: prompt,
        NEGATIVE_PROMPT: negative_prompt,
        GEN_ARGS: arguments.model_dump_json(exclude_unset=True),
        IMAGE: None if image is None else base64.b64encode(image).decode(),
    }
    inputs = [
        {"name": name, "shape": list(WIRE_SHAPE), "datatype": "BYTES", "data": [text]}
        for name, text in texts.items()
        if text is not None
    ]
    return json.dumps({"inputs": inputs}).encode()


def parse_answer(body: bytes) -> Answer:
    """Return the pictures.

    Raises:
        GenerationError: this is not the answer of one of our models.
    """
    try:
        outputs = {tensor["name"]: tensor["data"] for tensor in json.loads(body)["outputs"]}
        info = GenerationInfo.model_validate_json(outputs[INFO][0])
        files = [base64.b64decode(text, validate=True) for text in outputs[GENERATED_IMAGE]]
        pictures = zip(files, info.seeds, strict=True)
        return Answer(tuple(Picture(data, seed) for data, seed in pictures), info)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise GenerationError("unreadable_answer", "this is not one of our models") from error
