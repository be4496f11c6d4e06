"""The stack's function request_erasure: implements domain.ports.erasure.Eraser."""

from typing import Any

from aws import settings
from aws.clients import client
from contracts.documents.erasure import ErasureAnswer, ErasureInput, ErasureSubject


class EraserFailedError(Exception):
    """The function has failed; its log says why."""


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
            EraserFailedError: the function has failed.
        """
        given = ErasureInput(subject=subject, withdrawn=withdrawn, door="api")
        payload = given.model_dump_json().encode()
        answer = self._functions.invoke(FunctionName=self._function, Payload=payload)
        if "FunctionError" in answer:
            raise EraserFailedError
        return ErasureAnswer.model_validate_json(answer["Payload"].read())
