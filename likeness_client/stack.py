"""A stack of Likeness as CloudFormation knows it, also for 90 days after it was deleted."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

GONE = "DELETE_COMPLETE"
KEPT = "DELETE_SKIPPED"
"""CloudFormation's word for what outlived a stack, or its own replacement."""

PHOTOS, MODELS, TABLES, KEYS = "photos", "models", "tables", "keys"
DATA = {
    "UploadsBucket": PHOTOS,
    "ModelsBucket": MODELS,
    "JobsTable": TABLES,
    "ModelsTable": TABLES,
    "ApiTable": TABLES,
    "AuditTable": TABLES,
    "ReceiptKey": KEYS,
    "MarksSecret": KEYS,
}
"""What a protected stack leaves behind, by logical id, and how a person calls it."""

BUCKET, TABLE = "AWS::S3::Bucket", "AWS::DynamoDB::Table"
KEY, SECRET = "AWS::KMS::Key", "AWS::SecretsManager::Secret"
MACHINE, FUNCTION = "AWS::StepFunctions::StateMachine", "AWS::Lambda::Function"
LOG_GROUP, RULE, ROLE = "AWS::Logs::LogGroup", "AWS::Events::Rule", "AWS::IAM::Role"


class NoStackError(Exception):
    """There is no such stack, or it is none of Likeness; the text says what to do."""


@dataclass(frozen=True)
class Resource:
    """One resource that a stack has or had."""

    logical_id: str
    kind: str
    """CloudFormation's type."""

    name: str
    """The physical id."""

    kept: bool = False
    """Whether CloudFormation has left it behind."""

    @property
    def data(self) -> str:
        """How a person calls what it holds; empty for what holds no data."""
        return DATA.get(self.logical_id, "")


@dataclass(frozen=True)
class Stack:
    """A stack and its resources."""

    name: str
    stack_id: str
    status: str
    protected: bool
    """Whether termination protection is on."""

    parameters: dict[str, str]
    resources: tuple[Resource, ...]

    @property
    def exists(self) -> bool:
        """Whether the stack has not been deleted yet."""
        return self.status != GONE

    def of(self, kind: str) -> list[Resource]:
        """Return the resources of a type."""
        return [resource for resource in self.resources if resource.kind == kind]


def find(cloudformation: Any, name: str) -> Stack:  # noqa: ANN401 - a boto3 client
    """Return the stack of this name, or the last one of this name that was deleted.

    Raises:
        NoStackError: there was none within 90 days, or it is none of Likeness.
    """
    deleted = deleted_ids(cloudformation, name)
    found = described(cloudformation, name)
    if found is None and deleted:
        found = described(cloudformation, deleted.pop(0))
    if found is None:
        raise NoStackError(
            f"there is no stack {name} in this Region, and none was deleted within 90 days"
        )
    resources = tuple(resources_of(cloudformation, found, deleted))
    if not {"UploadsBucket", "ModelsBucket"} <= {one.logical_id for one in resources}:
        raise NoStackError(f"{name} is not a stack of Likeness: it has no UploadsBucket")
    parameters = {p["ParameterKey"]: p.get("ParameterValue", "") for p in found["Parameters"]}
    return Stack(
        name=name,
        stack_id=found["StackId"],
        status=found["StackStatus"],
        protected=bool(found.get("EnableTerminationProtection")),
        parameters=parameters,
        resources=resources,
    )


def described(cloudformation: Any, name: str | None) -> dict[str, Any] | None:  # noqa: ANN401
    """Return a stack by its name or id; None when there is none."""
    if name is None:
        return None
    try:
        (found,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    return {"Parameters": [], **found}


def deleted_ids(cloudformation: Any, name: str) -> list[str]:  # noqa: ANN401
    """Return the ids of the deleted stacks of this name, the newest first."""
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=[GONE])
    found = [one for page in pages for one in page["StackSummaries"] if one["StackName"] == name]
    found.sort(key=lambda one: str(one["CreationTime"]), reverse=True)
    return [str(one["StackId"]) for one in found]


def resources_of(
    cloudformation: Any,  # noqa: ANN401 - a boto3 client
    stack: dict[str, Any],
    deleted: list[str],
) -> Iterator[Resource]:
    """Yield what the stack has or had, and what it and its predecessors have left behind.

    Args:
        cloudformation: the client.
        stack: as DescribeStacks has it.
        deleted: ids of older stacks of the same name.
    """
    seen: set[str] = set()
    gone = stack["StackStatus"] == GONE
    for resource in (
        *(() if gone else present(cloudformation, stack["StackId"])),
        *past(cloudformation, stack["StackId"], every=gone),
        *(one for stack_id in deleted for one in past(cloudformation, stack_id, every=False)),
    ):
        if resource.name and resource.name not in seen:
            seen.add(resource.name)
            yield resource


def present(cloudformation: Any, stack_id: str) -> Iterator[Resource]:  # noqa: ANN401
    """Yield what a stack has."""
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack_id):
        for one in page["StackResourceSummaries"]:
            name = one.get("PhysicalResourceId", "")
            yield Resource(one["LogicalResourceId"], one["ResourceType"], name)


def past(cloudformation: Any, stack_id: str, *, every: bool) -> Iterator[Resource]:  # noqa: ANN401
    """Yield what a stack has left behind, by its events; with ``every`` all that it ever had."""
    for event in events(cloudformation, stack_id):
        kept = event["ResourceStatus"] == KEPT
        if kept or every:
            name = event.get("PhysicalResourceId", "")
            yield Resource(event["LogicalResourceId"], event["ResourceType"], name, kept)


def events(cloudformation: Any, stack_id: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    """Yield the stack's events, the newest first."""
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        yield from page["StackEvents"]
