"""The workflow that trains: implements domain.ports.workflow.Workflow."""

from typing import Any

from botocore.exceptions import ClientError

from aws import settings
from aws.clients import client
from contracts.documents.stages import ObjectCreated


class StepFunctionsWorkflow:
    """See the Protocol for what its method promises.

    An execution goes on with the trace of the function that starts it, so a trace begins with the
    upload's event.
    """

    def __init__(self, machine_arn: str, states: Any) -> None:  # noqa: ANN401 - a boto3 client
        self._machine_arn = machine_arn
        self._states = states

    @classmethod
    def from_env(cls) -> "StepFunctionsWorkflow":
        """Use the machine that TRAIN_MACHINE_ARN names."""
        return cls(settings.text("TRAIN_MACHINE_ARN"), client("stepfunctions"))

    def start(self, name: str, event: ObjectCreated) -> None:
        """Start train_adapter, unless an execution has this name."""
        try:
            self._states.start_execution(
                stateMachineArn=self._machine_arn,
                name=name,
                input=event.model_dump_json(by_alias=True, exclude_none=True),
                **trace_of_this_call(),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise


def trace_of_this_call() -> dict[str, str]:
    """Return StartExecution's argument for this invocation's trace; nothing without tracing."""
    header = settings.trace_header()
    return {} if header is None else {"traceHeader": header}
