"""What a stack holds and does at this moment: files, rows, jobs, the endpoint, logs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from contracts.shared.instances.endpoint_tags import is_made_on_demand
from contracts.shared.names import TRAINING_JOB_PREFIX
from likeness_client import stack as stacks
from likeness_client.aws_errors import CONFIG
from likeness_client.emptying import Content, count
from likeness_client.stack import Resource, Stack

BUSY = ("InProgress", "Stopping")
"""A training job's statuses before it has ended."""


@dataclass(frozen=True)
class Clients:
    """The services that an uninstallation talks to."""

    cloudformation: Any
    s3: Any
    dynamodb: Any
    kms: Any
    secretsmanager: Any
    events: Any
    logs: Any
    sagemaker: Any
    states: Any

    @classmethod
    def make(cls) -> "Clients":
        """Make them as the AWS CLI would."""
        names = {"states": "stepfunctions"}
        return cls(
            **{
                field: boto3.client(names.get(field, field), config=CONFIG)
                for field in cls.__annotations__
            }
        )


@dataclass(frozen=True)
class Table:
    """A table that exists."""

    resource: Resource
    rows: int
    """As DynamoDB counts them, every six hours."""

    protected: bool
    """Whether deletion protection is on."""


@dataclass(frozen=True)
class Inventory:
    """Everything that an uninstallation would stop or remove."""

    stack: Stack
    buckets: tuple[tuple[Resource, Content], ...]
    tables: tuple[Table, ...]
    keys: tuple[Resource, ...]
    """The key of the receipts and the secret of the marks, until they are to be deleted."""

    executions: tuple[str, ...]
    """ARNs of executions that run."""

    training_jobs: tuple[str, ...]
    """Names of this stack's training jobs that run."""

    endpoint: str | None
    """The status of the stack's endpoint; None: there is none."""

    log_groups: tuple[str, ...]


def take(clients: Clients, stack: Stack) -> Inventory:
    """Look at everything that the stack has or has left behind."""
    return Inventory(
        stack=stack,
        buckets=tuple(buckets(clients.s3, stack)),
        tables=tuple(tables(clients.dynamodb, stack)),
        keys=tuple(keys(clients, stack)),
        executions=tuple(executions(clients.states, stack)),
        training_jobs=tuple(training_jobs(clients.sagemaker, stack)),
        endpoint=endpoint_status(clients.sagemaker, endpoint_name(stack)),
        log_groups=tuple(log_groups(clients.logs, stack)),
    )


def buckets(s3: Any, stack: Stack) -> Iterator[tuple[Resource, Content]]:  # noqa: ANN401
    """Yield the buckets that exist, with what they hold."""
    for resource in stack.of(stacks.BUCKET):
        if resource.data and exists(s3.head_bucket, Bucket=resource.name):
            yield resource, count(s3, resource.name)


def tables(dynamodb: Any, stack: Stack) -> Iterator[Table]:  # noqa: ANN401
    """Yield the tables that exist."""
    for resource in stack.of(stacks.TABLE):
        found = exists(dynamodb.describe_table, TableName=resource.name)
        if resource.data and found:
            described = found["Table"]
            protected = bool(described.get("DeletionProtectionEnabled"))
            yield Table(resource, int(described.get("ItemCount", 0)), protected)


def keys(clients: Clients, stack: Stack) -> Iterator[Resource]:
    """Yield the key and the secret that exist and are not about to be deleted."""
    for resource in stack.of(stacks.KEY):
        found = exists(clients.kms.describe_key, KeyId=resource.name)
        if resource.data and found and found["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield resource
    for resource in stack.of(stacks.SECRET):
        found = exists(clients.secretsmanager.describe_secret, SecretId=resource.name)
        if resource.data and found and "DeletedDate" not in found:
            yield resource


def executions(states: Any, stack: Stack) -> Iterator[str]:  # noqa: ANN401
    """Yield the executions that run."""
    for machine in stack.of(stacks.MACHINE):
        try:
            pages = states.get_paginator("list_executions").paginate(
                stateMachineArn=machine.name, statusFilter="RUNNING"
            )
            yield from (one["executionArn"] for page in pages for one in page["executions"])
        except ClientError as error:
            if not is_missing(error):
                raise


def training_jobs(sagemaker: Any, stack: Stack) -> Iterator[str]:  # noqa: ANN401
    """Yield the training jobs that run under this stack's role; all stacks have one prefix."""
    roles = {one.name for one in stack.of(stacks.ROLE) if one.logical_id == "TrainingRole"}
    listing = sagemaker.get_paginator("list_training_jobs")
    for status in BUSY:
        for page in listing.paginate(NameContains=TRAINING_JOB_PREFIX, StatusEquals=status):
            for job in page["TrainingJobSummaries"]:
                name = str(job["TrainingJobName"])
                role = sagemaker.describe_training_job(TrainingJobName=name)["RoleArn"]
                if role.rpartition("/")[2] in roles:
                    yield name


def endpoint_name(stack: Stack) -> str:
    """Return the name of the stack's endpoint, whoever makes it."""
    return f"{stack.name}-endpoint"


def endpoint_status(sagemaker: Any, name: str) -> str | None:  # noqa: ANN401
    """Return an endpoint's status; None when there is none."""
    found = exists(sagemaker.describe_endpoint, EndpointName=name)
    return str(found["EndpointStatus"]) if found else None


def made_on_demand(sagemaker: Any, name: str) -> bool:  # noqa: ANN401
    """Return whether a function has made this endpoint, so that no stack deletes it."""
    found = exists(sagemaker.describe_endpoint, EndpointName=name)
    if not found:
        return False
    tags = sagemaker.list_tags(ResourceArn=found["EndpointArn"], MaxResults=100)["Tags"]
    return is_made_on_demand({tag["Key"]: tag["Value"] for tag in tags})


def log_groups(logs: Any, stack: Stack) -> Iterator[str]:  # noqa: ANN401
    """Yield the log groups of the stack, and those that services have made for it."""
    named = {one.name for one in stack.of(stacks.LOG_GROUP)}
    named |= {f"/aws/lambda/{one.name}" for one in stack.of(stacks.FUNCTION)}
    named.add(f"/aws/sagemaker/Endpoints/{endpoint_name(stack)}")
    for name in sorted(named):
        found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        if any(group["logGroupName"] == name for group in found):
            yield name


def exists(call: Callable[..., Any], **question: Any) -> Any:  # noqa: ANN401 - boto3's answer
    """Return what a call answers; None when the thing that it asks about is not there."""
    try:
        return call(**question)
    except ClientError as error:
        if is_missing(error):
            return None
        raise


def is_missing(error: ClientError) -> bool:
    """Return whether AWS says that the thing is not there; SageMaker says so in words only."""
    code, text = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return code in _MISSING or "Could not find" in text


_MISSING = {
    "404",
    "ExecutionDoesNotExist",
    "NoSuchBucket",
    "NotFoundException",
    "ResourceNotFoundException",
    "StateMachineDoesNotExist",
}
