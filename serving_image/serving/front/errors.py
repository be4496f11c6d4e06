"""What the front itself answers, in our words; none of them repeats a request."""

import json
from http import HTTPStatus
from typing import NamedTuple


class Reply(NamedTuple):
    """An answer of Triton's, or of the front's own."""

    status: int
    body: bytes
    content_type: str = "application/json"
    attributes: str | None = None
    """SageMaker's custom attributes, where the model sets them."""


def error(status: HTTPStatus, code: str, words: str) -> Reply:
    """Return an error in the shape of Triton's."""
    return Reply(status, json.dumps({"error": f"likeness/{code}: {words}"}).encode())


UNLOADED = error(
    HTTPStatus.NOT_FOUND, "model_unloaded", "the model is being unloaded, try again in some seconds"
)
LARGE_ANSWER = error(
    HTTPStatus.BAD_REQUEST,
    "answer_too_large",
    "the pictures: ask for fewer or smaller ones, or for output_format jpeg",
)
LATE = error(HTTPStatus.BAD_REQUEST, "not_in_time", "the base did not answer in time, try again")
LOST = error(
    HTTPStatus.SERVICE_UNAVAILABLE, "base_unavailable", "the server is being started, try again"
)
FAILED = error(
    HTTPStatus.INTERNAL_SERVER_ERROR, "generation_failed", "the request could not be handed on"
)
LOADING = error(
    HTTPStatus.CONFLICT, "busy", "the model is being loaded; unload it when that has ended"
)
NOT_UNLOADED = error(
    HTTPStatus.SERVICE_UNAVAILABLE, "busy", "the model could not be unloaded in time, try again"
)
BAD_LOAD = error(
    HTTPStatus.BAD_REQUEST, "invalid_argument", "model_name and url: a JSON object with two texts"
)
NO_MODEL = error(
    HTTPStatus.BAD_REQUEST, "adapter_invalid", "the package has no config.pbtxt with a 1/model.py"
)


def too_large(limit: int) -> Reply:
    """Return the refusal of a request's size."""
    words = f"the request: at most {limit} bytes"
    return error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_argument", words)
