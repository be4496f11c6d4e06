"""RequestProblems: all problems of a request.json, for its owner."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document


class RequestProblem(Document):
    """One problem to correct."""

    field: Annotated[str, Field(max_length=80)]
    """Path of the field in request.json; empty for the file as a whole."""

    message: Annotated[str, Field(min_length=1, max_length=300)]
    """What is wrong; of the values that the user gave it holds at most a trigger word."""

    nearest: str | None = None
    """Known name that is most similar to an unknown one."""


class RequestProblems(Document):
    """``problems/<tenant>/<upload>.json`` in the models bucket."""

    schema_version: Literal[1] = 1

    problems: Annotated[tuple[RequestProblem, ...], Field(min_length=1)]
