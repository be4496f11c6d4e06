"""Texts of an expanded template at their longest: every parameter, name and ARN at its limit.

CloudFormation checks sizes after it has put the values in, so what is short in template.yaml may be
too long in an account. The values here are of the longest stack name that the template allows.
"""

import importlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

MAX_PARAMETER = 4096
"""CloudFormation's limit of a parameter's value, in bytes."""

PSEUDO = {
    "AWS::StackName": "s" * 40,
    "AWS::Region": "ap-southeast-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws-us-gov",
    "AWS::URLSuffix": "amazonaws.com.cn",
    "AWS::StackId": "arn:aws-us-gov:cloudformation:ap-southeast-1:123456789012:stack/"
    f"{'s' * 40}/12345678-1234-1234-1234-123456789012",
}
MAX_NAMES = {"AWS::S3::Bucket": 63, "AWS::IAM::Role": 64, "AWS::Lambda::Function": 64}
"""Characters of the names that CloudFormation makes up; the others are of the stack's name, the
logical id and a suffix of 13."""


class UnboundedError(Exception):
    """Nothing limits the length of a parameter's values."""


def longest_value(name: str, parameter: dict[str, Any]) -> str:
    """Return a value of the longest length that a parameter may have.

    Raises:
        UnboundedError: neither values, nor a length, nor a pattern limit it below CloudFormation's
            own limit.
    """
    if "AllowedValues" in parameter:
        return max(map(str, parameter["AllowedValues"]), key=len)
    if parameter["Type"] == "Number":
        return str(parameter.get("MaxValue", 2**31))
    bounds = [int(parameter.get("MaxLength", MAX_PARAMETER)), pattern_length(parameter)]
    if parameter["Type"] != "String":
        return "x" * MAX_PARAMETER
    if min(bounds) >= MAX_PARAMETER:
        raise UnboundedError(f"{name}: give it a MaxLength that fits where its value goes")
    return "x" * min(bounds)


def pattern_length(parameter: dict[str, Any]) -> int:
    """Return how many characters a parameter's pattern lets through at most."""
    if "AllowedPattern" not in parameter:
        return MAX_PARAMETER
    parser = importlib.import_module("re._parser")
    return int(parser.parse(parameter["AllowedPattern"]).getwidth()[1])


@dataclass(frozen=True)
class Longest:
    """Puts the longest values into parts of an expanded template."""

    template: dict[str, Any]
    given: dict[str, str] = field(default_factory=dict)
    """Values of parameters whose lists have no bound of their own."""

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The longest value of each parameter."""
        found = self.template["Parameters"].items()
        return {n: self.given.get(n) or longest_value(n, p) for n, p in found}

    def of(self, node: Any) -> Any:
        """Return a part of the template with texts for its functions, each the longest possible."""
        if isinstance(node, list):
            return [value for value in map(self.of, node) if value is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self.function(name, argument)
        filled = {key: self.of(value) for key, value in node.items()}
        return {key: value for key, value in filled.items() if value is not None}

    def function(self, name: str, argument: Any) -> Any:
        """Return the value of one of CloudFormation's functions."""
        match name:
            case "Ref":
                return self.reference(argument)
            case "Fn::GetAtt":
                resource, attribute = argument
                return self.arn(resource) if attribute.endswith("Arn") else self.name(resource)
            case "Fn::Sub":
                text, names = (argument, {}) if isinstance(argument, str) else argument
                return self.filled(text, {key: self.of(value) for key, value in names.items()})
        return self.list_function(name, argument)

    def list_function(self, name: str, argument: Any) -> Any:
        """Return the value of a function whose argument is a list."""
        match name:
            case "Fn::Join":
                parts = self.of(argument[1])
                return parts if isinstance(parts, str) else argument[0].join(map(str, parts))
            case "Fn::Split":
                return [self.of(argument[1])]  # no part is longer than the whole
            case "Fn::Select":
                return max(map(str, self.of(argument[1])), key=len)
            case "Fn::If":
                return max(map(self.of, argument[1:]), key=lambda value: len(str(value or "")))
            case "Fn::FindInMap":
                found = self.template["Mappings"][argument[0]].values()
                return max((row[argument[2]] for row in found), key=lambda value: len(str(value)))
        raise NotImplementedError(name)

    def filled(self, text: str, names: dict[str, Any]) -> str:
        """Return the text of ``Fn::Sub``."""

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in names:
                return str(names[name])
            resource, _, attribute = name.partition(".")
            return str(
                self.function("Fn::GetAtt", [resource, attribute])
                if attribute
                else self.reference(name)
            )

        return re.sub(r"\$\{([^!}][^}]*)\}", value, text).replace("${!", "${")

    def reference(self, name: str) -> Any:
        """Return the value of ``Ref``."""
        if name == "AWS::NoValue":
            return None
        known = PSEUDO | self.parameters
        if name in known:
            return known[name]
        kind = self.template["Resources"][name]["Type"]
        by_arn = kind in {
            "AWS::SNS::Topic",
            "AWS::StepFunctions::StateMachine",
            "AWS::Lambda::LayerVersion",
        }
        return self.arn(name) if by_arn else self.name(name)

    def name(self, resource: str) -> str:
        """Return a name as long as a resource's may be."""
        kind = self.template["Resources"][resource]["Type"]
        return "x" * MAX_NAMES.get(kind, len(PSEUDO["AWS::StackName"]) + len(resource) + 14)

    def arn(self, resource: str) -> str:
        """Return an ARN as long as a resource's may be."""
        kind = self.template["Resources"][resource]["Type"]
        if kind == "AWS::S3::Bucket":
            return f"arn:{PSEUDO['AWS::Partition']}:s3:::{self.name(resource)}"
        service = kind.split("::")[1].lower()
        place = f"{PSEUDO['AWS::Region']}:{PSEUDO['AWS::AccountId']}"
        kind_of = kind.split("::")[2].lower()
        return f"arn:{PSEUDO['AWS::Partition']}:{service}:{place}:{kind_of}/{self.name(resource)}"
