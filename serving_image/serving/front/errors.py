"""What the front itself answers, in our words; none of them repeats a request."""

import json
import re
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
NO_SUCH_INPUTS = error(
    HTTPStatus.BAD_REQUEST,
    "invalid_argument",
    "the request: KServe v2, with inputs of type BYTES and shape [1, 1] named prompt,"
    " negative_prompt, gen_args, image",
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


_REFUSED = re.compile(
    rb'\{"error":"(?:\[request id: [^\]]*\] )?'
    rb"(?:unexpected |Unable to parse |failed to parse the request |invalid |input '"
    rb"|inference (?:input|output|request|header) |parameter '|Input must set |Raw request must "
    rb"|must specify |expected )"
)
"""How Triton's texts begin when a request is not of its model: wrong JSON, names, types, shapes."""


def in_our_words(reply: Reply) -> Reply:
    """Return an answer; where Triton has refused a request's form, in our words.

    Triton's own repeat names that the caller has chosen. One with "OOM" in it makes a 507 of the
    answer, for which SageMaker would unload other users' models.
    """
    refused = reply.status >= HTTPStatus.BAD_REQUEST and _REFUSED.match(reply.body)
    return NO_SUCH_INPUTS if refused else reply


def too_large(limit: int) -> Reply:
    """Return the refusal of a request's size."""
    words = f"the request: at most {limit} bytes"
    return error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_argument", words)
