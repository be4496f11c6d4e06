"""The stack's function request_erasure: implements domain.ports.erasure.Eraser."""

from typing import Any

from aws import settings
from aws.clients import client
from aws.functions import ask
from contracts.documents.erasure import ErasureAnswer, ErasureInput, ErasureSubject


class LambdaEraser:
    """Calls the function: the permission to erase lies with it alone."""

    def __init__(self, function: str, functions: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._function = function
        self._functions = functions

    @classmethod
    def from_env(cls) -> "LambdaEraser":
        """Call the function that ERASE_FUNCTION_NAME names."""
        return cls(settings.text("ERASE_FUNCTION_NAME"), client("lambda"))

    def erase(self, subject: ErasureSubject, *, withdrawn: bool = False) -> ErasureAnswer:
        """Ask for an erasure, or how far it is; see the Protocol.

        Raises:
            FunctionFailedError: the function has failed.
        """
        given = ErasureInput(subject=subject, withdrawn=withdrawn, door="api")
        return ask(self._functions, self._function, given, ErasureAnswer)
