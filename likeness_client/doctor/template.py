"""What the doctor knows about template.yaml: parameters, conditions, resources and their names.

``docs/doctor.py`` writes template.json from the expanded template, so an installed client needs no
checkout and no YAML.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

STACK_NAME = "${AWS::StackName}"


class Named(NamedTuple):
    """A resource whose name the template makes of the stack's name."""

    logical_id: str
    type: str
    name: str


@dataclass(frozen=True)
class Template:
    """The template of this release of the client."""

    parameters: Mapping[str, Mapping[str, Any]]

    conditions: Mapping[str, Any]

    resources: Mapping[str, Mapping[str, str]]
    """Type, and where there are any condition, name, route and authorization, by logical id."""

    strict: Mapping[str, Mapping[str, Any]]
    """The parameters that the strict profile adds (docs/strict.md)."""

    rules: Mapping[str, Any]
    """Values that exclude each other: RuleCondition and Assertions by the rule's name."""

    def parameters_for(self, given: Mapping[str, str]) -> dict[str, Mapping[str, Any]]:
        """Return the rules of the parameters; with those of the strict profile if one is given."""
        is_strict = bool(self.strict.keys() & given.keys())
        return {**self.parameters, **(self.strict if is_strict else {})}

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the value of each parameter that has one: the given value, or the default."""
        defaults = {
            name: str(rule["Default"])
            for name, rule in self.parameters_for(given).items()
            if "Default" in rule
        }
        return defaults | dict(given)

    def active(self, values: Mapping[str, str]) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the resources that these values switch on."""
        for logical_id, resource in self.resources.items():
            condition = resource.get("Condition")
            if condition is None or self.is_true({"Condition": condition}, values):
                yield logical_id, resource

    def names(self, stack: str, values: Mapping[str, str]) -> Iterator[Named]:
        """Yield the names that the stack's name becomes a part of."""
        for logical_id, resource in self.active(values):
            if "Name" in resource:
                name = resource["Name"].replace(STACK_NAME, stack)
                yield Named(logical_id, resource["Type"], name)

    def broken_rules(self, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the rules that these values break, by name, and what each says."""
        for name, rule in self.rules.items():
            if not self.is_true(rule.get("RuleCondition", {"Fn::And": []}), values):
                continue
            for assertion in rule["Assertions"]:
                if not self.is_true(assertion["Assert"], values):
                    yield name, assertion.get("AssertDescription", name)

    def is_true(self, node: Any, values: Mapping[str, str]) -> bool:  # noqa: ANN401 - JSON
        """Evaluate a condition.

        Raises:
            ValueError: the condition has a function that is not known here.
        """
        match node:
            case {"Condition": str(name)}:
                return self.is_true(self.conditions[name], values)
            case {"Fn::Equals": [left, right]}:
                return _resolve(left, values) == _resolve(right, values)
            case {"Fn::Contains": [listed, wanted]}:
                return _resolve(wanted, values) in _members(listed, values)
            case {"Fn::Not": [inner]}:
                return not self.is_true(inner, values)
            case {"Fn::And": [*inner]}:
                return all(self.is_true(one, values) for one in inner)
            case {"Fn::Or": [*inner]}:
                return any(self.is_true(one, values) for one in inner)
        raise ValueError(f"a condition of template.json cannot be evaluated: {node}")


def _resolve(node: Any, values: Mapping[str, str]) -> str:  # noqa: ANN401 - JSON
    if isinstance(node, dict) and "Ref" in node:
        return values.get(node["Ref"], "")
    return str(node)


def _members(node: Any, values: Mapping[str, str]) -> list[str]:  # noqa: ANN401 - JSON
    """Return the members of a list, which may be a parameter's value."""
    if isinstance(node, dict):
        return [part.strip() for part in _resolve(node, values).split(",")]
    return [_resolve(one, values) for one in node]


@cache
def shipped() -> Template:
    """Return the template that this client belongs to."""
    content = json.loads((files(__package__) / "template.json").read_text())
    return Template(
        content["Parameters"],
        content["Conditions"],
        content["Resources"],
        content["Strict"],
        content["Rules"],
    )


def facts_of(
    expanded: Mapping[str, Any], rules: Mapping[str, Any], strict: Mapping[str, Any]
) -> dict[str, Any]:
    """Return template.json: what the doctor needs of the template.

    Args:
        expanded: the template after its transforms, as CloudFormation gets it.
        rules: its Rules, which no transform changes.
        strict: the parameters that the strict profile adds.
    """
    resources = {}
    for logical_id, resource in expanded["Resources"].items():
        kept = {"Type": resource["Type"]}
        if "Condition" in resource:
            kept["Condition"] = resource["Condition"]
        name = _name_in(resource)
        if name is not None:
            kept["Name"] = name
        if resource["Type"] == "AWS::ApiGatewayV2::Route":
            kept["Route"] = resource["Properties"]["RouteKey"]
            kept["Authorization"] = resource["Properties"]["AuthorizationType"]
        resources[logical_id] = kept
    return {
        "Parameters": without_descriptions(expanded["Parameters"]),
        "Strict": without_descriptions(strict),
        "Conditions": expanded["Conditions"],
        "Rules": rules,
        "Resources": resources,
    }


def without_descriptions(parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return parameters without what only people read."""
    return {
        name: {key: value for key, value in rule.items() if key != "Description"}
        for name, rule in parameters.items()
    }


def _name_in(resource: Mapping[str, Any]) -> str | None:
    """Return the text of a resource's own name, where it is made of the stack's name."""
    own = resource["Type"].rpartition("::")[2]
    properties = resource.get("Properties", {})
    for key, value in properties.items():
        if re.sub("Version$", "", own) + "Name" != key or not isinstance(value, dict):
            continue
        if value == {"Ref": "AWS::StackName"}:
            return STACK_NAME
        text = value.get("Fn::Sub")
        if isinstance(text, str) and STACK_NAME in text:
            return text
    return None
