"""The stack as CloudFormation sees it: its state, names that are taken, and drift."""

from collections.abc import Iterator
from shlex import quote
from typing import Any

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in, message_in
from likeness_client.doctor.checks.common import find
from likeness_client.doctor.deployment import Deployment
from likeness_client.doctor.finding import Finding

DEAD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
STUCK = {
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback",
    "UPDATE_FAILED": "aws cloudformation rollback-stack",
    "IMPORT_ROLLBACK_FAILED": "aws cloudformation describe-stack-events",
}
UNDONE = {"UPDATE_ROLLBACK_COMPLETE"}

DRIFT_SECONDS, EVERY_SECONDS = 600, 5
"""How long a drift detection is waited for, and how often it is asked about."""

EXPECTED_DRIFTS = {
    # The launcher's schedule and others are switched by hand in an emergency: check_rules says so.
    ("AWS::Events::Rule", "/State"),
}
"""Changes that another check reports with a better command."""


def check_status(deployment: Deployment, _account: Account) -> Iterator[Finding]:
    """Find a stack that is missing, dead, stuck, undone or being changed."""
    status, stack = deployment.status, deployment.stack
    about = {"quote": deployment.status_reason, "status": status or ""}
    place = f" --stack-name {quote(stack)} --region {quote(deployment.region)}"
    if status is None:
        if not deployment.planned:
            yield find(deployment, "stack_missing", stack)
    elif status in DEAD:
        yield find(deployment, "stack_dead", stack, **about)
    elif status in STUCK:
        yield find(deployment, "stack_stuck", stack, mend=STUCK[status] + place, **about)
    elif status in UNDONE:
        yield find(deployment, "stack_rolled_back", stack, **about)
    elif status.endswith("IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        yield find(deployment, "stack_busy", stack, **about)


def check_names_taken(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find log groups that would make the first deployment fail."""
    if deployment.exists:
        return
    wanted = {
        one.name
        for one in deployment.template.names(deployment.stack, deployment.known)
        if one.type == "AWS::Logs::LogGroup"
    }
    for prefix in sorted(prefixes_of(wanted)):
        groups = account.ask_all(
            "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix
        )
        for name in sorted({group["logGroupName"] for group in groups} & wanted):
            place = f"--region {quote(deployment.region)} --log-group-name {quote(name)}"
            mend = f"aws logs delete-log-group {place}"
            yield find(deployment, "name_taken", name, type="AWS::Logs::LogGroup", mend=mend)


def prefixes_of(names: set[str]) -> set[str]:
    """Return the folders of log groups' names.

    >>> prefixes_of({"/aws/lambda/s-a", "/aws/lambda/s-b"})
    {'/aws/lambda/'}
    """
    return {name.rpartition("/")[0] + "/" for name in names}


def check_endpoint_name(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Find an endpoint that an earlier stack has left."""
    name = f"{deployment.stack}-endpoint"
    if deployment.exists or not deployment.holds("EndpointStays"):
        return
    try:
        account.ask("sagemaker", "describe_endpoint", EndpointName=name)
    except ClientError as error:
        if not is_not_found(error):
            raise
        return
    place = f"--region {quote(deployment.region)} --endpoint-name {quote(name)}"
    mend = f"aws sagemaker delete-endpoint {place}"
    yield find(deployment, "name_taken", name, type="AWS::SageMaker::Endpoint", mend=mend)


def is_not_found(error: ClientError) -> bool:
    """Return whether SageMaker has no such endpoint, configuration or model."""
    return code_in(error) == "ValidationException" and "could not find" in message_in(error).lower()


# ---- drift --------------------------------------------------------------------------------------


def check_drift(deployment: Deployment, account: Account) -> Iterator[Finding]:
    """Let CloudFormation compare the resources with the template, and report what differs."""
    answer = account.ask("cloudformation", "detect_stack_drift", StackName=deployment.stack)
    ended = wait_for_detection(account, answer["StackDriftDetectionId"])
    status = ended["DetectionStatus"]
    if status != "DETECTION_COMPLETE":
        reason = ended.get("DetectionStatusReason", "")
        yield find(deployment, "drift_unknown", deployment.stack, quote=reason, status=status)
    drifts = account.ask_all(
        "cloudformation",
        "describe_stack_resource_drifts",
        "StackResourceDrifts",
        StackName=deployment.stack,
        StackResourceDriftStatusFilters=["MODIFIED", "DELETED"],
    )
    for drift in drifts:
        yield from differences(deployment, drift)


def wait_for_detection(account: Account, detection_id: str) -> dict[str, Any]:
    """Return the detection once it has ended; as it is when it takes too long."""
    for _ in range(DRIFT_SECONDS // EVERY_SECONDS):
        answer = account.ask(
            "cloudformation",
            "describe_stack_drift_detection_status",
            StackDriftDetectionId=detection_id,
        )
        if answer["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            return answer
        account.sleep(EVERY_SECONDS)
    return answer


def differences(deployment: Deployment, drift: dict[str, Any]) -> Iterator[Finding]:
    """Return the finding about one resource that differs."""
    logical_id, type_ = drift["LogicalResourceId"], drift["ResourceType"]
    if drift["StackResourceDriftStatus"] == "DELETED":
        yield find(deployment, "drift_deleted", logical_id, type=type_)
        return
    paths = [
        one["PropertyPath"]
        for one in drift.get("PropertyDifferences", [])
        if (type_, one["PropertyPath"]) not in EXPECTED_DRIFTS
    ]
    if paths or not drift.get("PropertyDifferences"):
        yield find(deployment, "drift_changed", logical_id, type=type_, properties=", ".join(paths))
