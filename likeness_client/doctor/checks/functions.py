"""Functions, the streams and queues that wake them, and the state machines."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.checks.parameters import RUNTIMES
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

FUNCTION = "AWS::Lambda::Function"
MISSING = "ResourceNotFoundException"
LOSSES = {"EraseSubjectStateMachine": "nobody's photos and models can be erased"}
"""What is lost without a state machine, where it is not the uploads."""


def check_functions(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find functions that are gone, broken, not updated, or on an old runtime."""
    for _, name in deployment.of_type(FUNCTION):
        try:
            found = account.ask("lambda", "get_function_configuration", FunctionName=name)
        except ClientError as error:
            if code_in(error) != MISSING:
                raise
            yield find(deployment, "function_missing", name)
            continue
        if found.get("State", "Active") == "Failed":
            reason = found.get("StateReason", "")
            yield find(deployment, "function_failed", name, quote=reason, state=found["State"])
        if found.get("LastUpdateStatus", "Successful") == "Failed":
            reason = found.get("LastUpdateStatusReason", "")
            yield find(deployment, "function_not_updated", name, quote=reason)
        runtime = found.get("Runtime", RUNTIMES[-1])
        if runtime not in RUNTIMES:
            yield find(
                deployment, "function_runtime_old", name, runtime=runtime, newest=RUNTIMES[-1]
            )


def check_concurrency(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find functions that somebody has switched off."""
    for _, name in deployment.of_type(FUNCTION):
        try:
            answer = account.ask("lambda", "get_function_concurrency", FunctionName=name)
        except ClientError as error:
            if code_in(error) != MISSING:
                raise
            continue
        if answer.get("ReservedConcurrentExecutions") == 0:
            yield find(deployment, "function_stopped", name)


def check_streams(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find functions that their stream or queue does not wake."""
    for logical_id, uuid in deployment.of_type("AWS::Lambda::EventSourceMapping"):
        try:
            found = account.ask("lambda", "get_event_source_mapping", UUID=uuid)
        except ClientError as error:
            if code_in(error) != MISSING:
                raise
            found = {"State": "gone"}
        state = found["State"]
        result = found.get("LastProcessingResult", "")
        if state not in {"Enabled", "Enabling", "Creating", "Updating"}:
            yield find(deployment, "stream_stopped", logical_id, uuid=uuid, state=state)
        elif result.startswith("PROBLEM"):
            yield find(deployment, "stream_failing", logical_id, quote=result, uuid=uuid)


def check_machines(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find state machines that take no execution."""
    for logical_id, arn in deployment.of_type("AWS::StepFunctions::StateMachine"):
        name = arn.rpartition(":")[2]
        try:
            status = account.ask("stepfunctions", "describe_state_machine", stateMachineArn=arn)[
                "status"
            ]
        except ClientError as error:
            if code_in(error) != "StateMachineDoesNotExist":
                raise
            status = "gone"
        if status != "ACTIVE":
            loss = LOSSES.get(logical_id, "no upload is processed")
            yield find(deployment, "machine_gone", name, state=status, loss=loss)
