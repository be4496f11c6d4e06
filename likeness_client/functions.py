"""Calls a function of the stack and returns what it answers."""

import json
from typing import Any, TypeVar

import boto3
from pydantic import BaseModel, ValidationError

from likeness_client.aws_errors import CONFIG

Answered = TypeVar("Answered", bound=BaseModel)


class FunctionFailedError(Exception):
    """A function of the stack failed, or another function answered; its log says why."""


class NotDecidedError(Exception):
    """The words name no case and no decision, or what they name does not wait for one."""


def call(
    function: str,
    question: BaseModel,
    answer: type[Answered],
    session: Any = None,  # noqa: ANN401 (boto3 ships no types)
) -> Answered:
    """Ask a function and return its answer; fields that a newer stack has added are left out.

    Raises:
        FunctionFailedError: the function failed, or what it answers is no ``answer``.
    """
    client = session.client("lambda") if session else boto3.client("lambda", config=CONFIG)
    response = client.invoke(FunctionName=function, Payload=question.model_dump_json().encode())
    body = response["Payload"].read()
    if "FunctionError" in response:
        raise FunctionFailedError(f"{function} failed: {_name_of_error(body)}")
    try:
        return answer.model_validate_json(body, extra="ignore")
    except ValidationError:
        wanted = answer.__name__
        raise FunctionFailedError(f"{function} answers something else than {wanted}") from None


def _name_of_error(body: bytes) -> str:
    """Return the error's name; its message may hold anything."""
    try:
        error = json.loads(body)
    except ValueError:
        return "unknown"
    return str(error.get("errorType", "unknown")) if isinstance(error, dict) else "unknown"
