"""Executions in Step Functions: implements domain.ports.erasure.Executions."""

from typing import Any

from botocore.exceptions import ClientError

from aws import settings
from aws.clients import client
from contracts.documents.erasure import ErasureInput, ErasureSubject

_UNKNOWN = {"ExecutionDoesNotExist", "InvalidArn"}
_FAILED = {"FAILED", "TIMED_OUT", "ABORTED"}
_MAX_STARTS = 9
"""Largest number of executions of one erasure within the 90 days in which a name is not free."""


class StepFunctionsExecutions:
    """See the Protocol for what each method promises."""

    def __init__(self, machine_arn: str, states: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._machine_arn = machine_arn
        self._states = states

    @classmethod
    def from_env(cls) -> "StepFunctionsExecutions":
        """Use the machine that ERASE_MACHINE_ARN names."""
        return cls(settings.text("ERASE_MACHINE_ARN"), client("stepfunctions"))

    def is_running(self, execution_arn: str) -> bool:
        """Return whether the execution has not ended; False when it is not known any more."""
        return self._status(execution_arn) == "RUNNING"

    def start_erasure(self, subject: ErasureSubject, *, again: bool = False) -> None:
        """Start erase_subject, or redrive an execution that has failed.

        After 14 days an execution cannot be redriven; then another one is started.
        """
        first = subject.erasure_id
        for name in (first, *(f"{first}-{number}" for number in range(2, _MAX_STARTS + 1))):
            if self._start(name, subject) or self._goes_on(name, again=again):
                return

    def _start(self, name: str, subject: ErasureSubject) -> bool:
        """Return whether an execution was started; no where there is one of this name."""
        try:
            self._states.start_execution(
                stateMachineArn=self._machine_arn,
                name=name,
                input=ErasureInput(subject=subject).model_dump_json(
                    exclude_none=True, exclude_defaults=True
                ),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise
            return False
        return True

    def _goes_on(self, name: str, *, again: bool) -> bool:
        """Return whether the execution runs or, unless ``again``, has succeeded.

        A failed one is redriven.
        """
        arn = f"{self._machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        status = self._status(arn)
        if status not in _FAILED:
            return not (again and status == "SUCCEEDED")
        try:
            self._states.redrive_execution(executionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionNotRedrivable":
                raise
            return False
        return True

    def _status(self, execution_arn: str) -> str | None:
        try:
            answer = self._states.describe_execution(executionArn=execution_arn)
        except ClientError as error:
            if error.response["Error"]["Code"] in _UNKNOWN:
                return None
            raise
        return str(answer["status"])
