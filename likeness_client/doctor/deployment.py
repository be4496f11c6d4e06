"""What is to be deployed, or is deployed: Region, stack, parameters and physical resources."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from likeness_client.doctor.account import Account, code_in
from likeness_client.doctor.template import Template, shipped

GONE = {"DELETE_COMPLETE"}

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", re.ASCII)


def number_of(text: str) -> float | None:
    """Return a number as CloudFormation takes one; None for another text.

    >>> number_of("1.5"), number_of("nan"), number_of("1_0"), number_of(" 1")
    (1.5, None, None, None)
    """
    return None if _NUMBER.fullmatch(text) is None else float(text)


@dataclass(frozen=True)
class Deployment:
    """A stack that may not exist yet."""

    region: str
    account_id: str
    partition: str
    stack: str
    given: Mapping[str, str]
    """Parameters as the caller or the deployed stack gives them."""
    status: str | None = None
    """The stack's status in CloudFormation; None: there is no such stack."""
    status_reason: str = ""
    resources: Mapping[str, str] = field(default_factory=dict)
    """Physical id by logical id; empty before deployment."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Resource type by logical id."""
    planned: bool = False
    """Whether the parameters are those of a deployment to come."""
    template: Template = field(default_factory=shipped)

    @property
    def exists(self) -> bool:
        """Whether the stack's resources can be asked about."""
        return self.status is not None and self.status != "REVIEW_IN_PROGRESS"

    @property
    def values(self) -> dict[str, str]:
        """Return the value of every parameter that has one."""
        return self.template.values(self.given)

    @property
    def known(self) -> dict[str, str]:
        """Return the parameters and CloudFormation's pseudo parameters, as conditions need them."""
        return self.values | {
            "AWS::AccountId": self.account_id,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackName": self.stack,
        }

    @property
    def is_strict(self) -> bool:
        """Whether it is a deployment of the strict profile."""
        return bool(self.template.strict.keys() & self.given.keys())

    def value(self, name: str, otherwise: str = "") -> str:
        """Return a parameter's value."""
        return self.values.get(name, otherwise)

    def number(self, name: str, otherwise: float = 0) -> float:
        """Return a parameter's value as a number; ``otherwise`` where it is none."""
        found = number_of(self.value(name))
        return otherwise if found is None else found

    def parts(self, name: str) -> list[str]:
        """Return the parts of a list parameter's value.

        >>> Deployment("r", "1", "aws", "s", {"SubnetIds": "subnet-1, subnet-2"}).parts("SubnetIds")
        ['subnet-1', 'subnet-2']
        """
        return [part.strip() for part in self.value(name).split(",") if part.strip()]

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template is true."""
        known = condition in self.template.conditions
        return known and self.template.is_true({"Condition": condition}, self.known)

    def of_type(self, kind: str) -> Iterator[tuple[str, str]]:
        """Yield logical and physical id of the stack's resources of a type."""
        for logical_id, type_ in sorted(self.types.items()):
            if type_ == kind and self.resources.get(logical_id):
                yield logical_id, self.resources[logical_id]

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return the ARN of a resource of this account.

        >>> Deployment("eu-west-1", "1", "aws", "s", {}).arn("iam", "role/r", regional=False)
        'arn:aws:iam::1:role/r'
        """
        region = self.region if regional else ""
        return f"arn:{self.partition}:{service}:{region}:{self.account_id}:{resource}"


def look_up(account: Account, stack: str, given: Mapping[str, str] | None) -> Deployment:
    """Return the deployment of this name.

    Args:
        account: where to ask.
        stack: the stack's name.
        given: parameters of a deployment to come; None: those of the deployed stack.

    Raises:
        NotAskedError: the account or its stacks cannot be asked about.
    """
    identity = account.ask("sts", "get_caller_identity")
    partition = identity["Arn"].split(":")[1]
    found = find_stack(account, stack)
    deployed = {
        parameter["ParameterKey"]: parameter.get("ParameterValue", "")
        for parameter in found.get("Parameters", [])
    }
    ids, types = list_resources(account, stack) if found else ({}, {})
    return Deployment(
        region=account.region,
        account_id=identity["Account"],
        partition=partition,
        stack=stack,
        given=deployed if given is None else deployed | dict(given),
        status=found.get("StackStatus"),
        status_reason=found.get("StackStatusReason", ""),
        resources=ids,
        types=types,
        planned=given is not None,
    )


def find_stack(account: Account, stack: str) -> dict[str, Any]:
    """Return CloudFormation's description of a stack; empty where there is none."""
    try:
        stacks = account.ask("cloudformation", "describe_stacks", StackName=stack)["Stacks"]
    except ClientError as error:
        if code_in(error) == "ValidationError":
            return {}
        raise
    return next((one for one in stacks if one["StackStatus"] not in GONE), {})


def list_resources(account: Account, stack: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return physical id and type of a stack's resources, by logical id."""
    ids, types = {}, {}
    for one in account.ask_all(
        "cloudformation", "list_stack_resources", "StackResourceSummaries", StackName=stack
    ):
        if one["ResourceStatus"] != "DELETE_COMPLETE":
            ids[one["LogicalResourceId"]] = one.get("PhysicalResourceId", "")
            types[one["LogicalResourceId"]] = one["ResourceType"]
    return ids, types
