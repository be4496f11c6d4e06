"""Calls another function of the stack and waits for its answer."""

from typing import Any, TypeVar

from contracts.document import Document

D = TypeVar("D", bound=Document)


class FunctionFailedError(Exception):
    """A function that was called for an answer has failed; its own log says why."""


def ask(functions: Any, name: str, given: Document, answer: type[D]) -> D:  # noqa: ANN401
    """Return what a function answers to a document.

    Args:
        functions: a boto3 client of Lambda.
        name: the function's name or ARN.
        given: the event.
        answer: the class of the answer.

    Raises:
        FunctionFailedError: the function has raised, or was ended.
    """
    found = functions.invoke(FunctionName=name, Payload=given.model_dump_json().encode())
    if "FunctionError" in found:
        raise FunctionFailedError(name)
    return answer.model_validate_json(found["Payload"].read())
