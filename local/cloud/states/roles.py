"""Calls that the state machine's role allows; stock allows every call."""

from ministack.core.responses import get_account_id, get_region
from ministack.services import stepfunctions as stock

from local.cloud import sessions
from local.cloud.states.failures import Failed
from local.cloud.states.nested import SYNC
from local.cloud.typing_aliases import Json

IAM_NAMES = {"sfn": "states"}  # services whose IAM prefix differs from the SDK's name


def check(machine_arn: str, resource: str, arguments: Json) -> None:
    """Raise unless the machine's role allows a Task's call.

    Raises:
        Failed: Lambda.AWSLambdaException for a function, <Service>.AccessDeniedException else.
    """
    role_arn = _machine(machine_arn)["roleArn"]
    action, target, error = _needed(resource, arguments)
    for act, on in ((action, target), *_needed_to_wait(resource, arguments)):
        reason = sessions.denial(role_arn, act, on)
        if reason is not None:
            raise Failed(error, reason)


def _machine(arn: str) -> Json:
    machines = stock._state_machines
    return machines.get(arn) or machines[arn.rsplit("/", 1)[0]]  # a Map Run's ARN ends in its label


def _needed(resource: str, arguments: Json) -> tuple[str, str, str]:
    """Return the action, its resource, and the error name for a denial."""
    plain = resource.replace(".waitForTaskToken", "").partition(".sync")[0]
    if ":function:" in plain:
        return "lambda:InvokeFunction", plain, "Lambda.AWSLambdaException"
    service, operation = plain.rpartition(":::")[2].removeprefix("aws-sdk:").split(":")
    if (service, operation) == ("lambda", "invoke"):
        target = _arn("lambda", f"function:{arguments.get('FunctionName')}")
        return "lambda:InvokeFunction", target, "Lambda.AWSLambdaException"
    action = f"{IAM_NAMES.get(service, service)}:{operation[0].upper()}{operation[1:]}"
    denial = f"{service[0].upper()}{service[1:]}.AccessDeniedException"
    return action, _target(service, arguments), denial


def _needed_to_wait(resource: str, arguments: Json) -> list[tuple[str, str]]:
    """Return the further actions of a state that waits for another execution's end."""
    if SYNC not in resource:
        return []
    machine = str(arguments.get("StateMachineArn"))
    executions = machine.replace(":stateMachine:", ":execution:") + ":any"
    rule = _arn("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule")
    return [
        *((f"states:{name}Execution", executions) for name in ("Describe", "Stop")),
        *((f"events:{name}", rule) for name in ("PutTargets", "PutRule", "DescribeRule")),
    ]


def _target(service: str, arguments: Json) -> str:
    queue = str(arguments.get("QueueUrl")).rsplit("/", 1)[-1]
    job = str(arguments.get("TrainingJobName")).lower()
    known = {
        "dynamodb": _arn("dynamodb", f"table/{arguments.get('TableName')}"),
        "sns": str(arguments.get("TopicArn")),
        "sqs": _arn("sqs", queue),
        "sagemaker": _arn("sagemaker", f"training-job/{job}"),
        "states": str(arguments.get("StateMachineArn")),
        "s3": f"arn:aws:s3:::{arguments.get('Bucket')}/{arguments.get('Key', '')}",
    }
    return known.get(service, "*")


def _arn(service: str, rest: str) -> str:
    if ":arn:" in f":{rest}":  # the name is an ARN already
        return rest[rest.index("arn:") :]
    return f"arn:aws:{service}:{get_region()}:{get_account_id()}:{rest}"
