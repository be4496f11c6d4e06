"""RequestProblems: everything that is wrong with a request.json, for its owner's eyes."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.document import Document


class RequestProblem(Document):
    """One thing to correct."""

    field: Annotated[str, Field(max_length=80)]
    """Its path in request.json; empty: the file as a whole."""

    message: Annotated[str, Field(min_length=1, max_length=300)]
    """What is wrong; holds no value that the user gave."""

    nearest: str | None = None
    """For an unknown name: the known one that it resembles most."""


class RequestProblems(Document):
    """``problems/<tenant>/<upload>.json`` in the models bucket."""

    schema_version: Literal[1] = 1

    problems: Annotated[tuple[RequestProblem, ...], Field(min_length=1)]
