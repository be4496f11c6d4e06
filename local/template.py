"""Reads template.yaml as CloudFormation does: with included files, and with loops expanded.

CloudFormation applies AWS::Include first, AWS::LanguageExtensions next and SAM's transform last.
This module applies the first two as far as template.yaml uses them, and refuses everything else.
tests/contract/test_template.py compares it with the embedded AWS; SAM CLI and cfn-lint do
the same work for `sam build` and `sam validate --lint`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"
LOOP = "Fn::ForEach::"


class TemplateError(Exception):
    """template.yaml uses a loop or an include that this module does not support."""


class _CloudFormation(yaml.SafeLoader):  # type: ignore[misc]
    """Reads !Ref, !GetAtt and the other short forms as {"Ref": ...}, {"Fn::GetAtt": [...]}."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {name: text.split(".", 1) if suffix == "GetAtt" else text}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_CloudFormation.add_multi_constructor("!", _short_form)


def read(path: Path = TEMPLATE) -> dict[str, Any]:
    """Return the template with files included and loops expanded.

    Raises:
        TemplateError: an include or a loop is of a kind that this module does not support.
    """
    return expand(load(path), path.parent)


def expand(template: dict[str, Any], folder: Path = ROOT) -> dict[str, Any]:
    """Return a loaded template with files included from the folder and loops expanded.

    Raises:
        TemplateError: an include or a loop is of a kind that this module does not support.
    """
    included = include(template, folder)
    return {name: _section(value, included) for name, value in included.items()}


def load(path: Path = TEMPLATE) -> dict[str, Any]:
    """Return the template as written, with short forms replaced by their long form."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), Loader=_CloudFormation)  # noqa: S506 - safe
    return loaded


def include(node: Any, folder: Path) -> Any:
    """Return the node with each AWS::Include replaced by the content of its file."""
    if isinstance(node, list):
        return [include(item, folder) for item in node]
    if not isinstance(node, dict):
        return node
    if "Fn::Transform" not in node:
        return {key: include(value, folder) for key, value in node.items()}
    transform = node["Fn::Transform"]
    if len(node) > 1 or transform["Name"] != "AWS::Include":
        raise TemplateError(f"only an AWS::Include without other keys is supported: {node}")
    return yaml.safe_load((folder / transform["Parameters"]["Location"]).read_text())


def _section(section: Any, template: Mapping[str, Any]) -> Any:
    if not isinstance(section, dict):
        return section
    expanded: dict[str, Any] = {}
    for key, value in section.items():
        members = _iterations(key, value, template) if key.startswith(LOOP) else [(key, value)]
        for name, member in members:
            if name in expanded:
                raise TemplateError(f"{key} makes {name}, which already exists in the template")
            expanded[name] = member
    return expanded


def _iterations(key: str, loop: Any, template: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    identifier, items, fragment = loop
    if not isinstance(items, list):
        raise TemplateError(f"{key} must loop over a list: {items}")
    for item in items:
        iteration = _Iteration(identifier, item, template.get("Mappings", {}))
        for name, member in fragment.items():
            logical_id = iteration.text(name)
            if logical_id == name or not logical_id.isalnum():
                raise TemplateError(
                    f"{key}: {name} is not a logical id that contains ${{{identifier}}}"
                )
            yield logical_id, iteration.fill(member)


@dataclass(frozen=True)
class _Iteration:
    """One iteration of a loop; its value replaces keys, Ref, Sub and FindInMap, not plain text."""

    identifier: str
    item: str
    mappings: Mapping[str, Any]

    def text(self, text: str) -> str:
        return text.replace(f"${{{self.identifier}}}", self.item)

    def fill(self, node: Any) -> Any:
        match node:
            case {"Ref": name} if name == self.identifier:
                return self.item
            case {"Fn::Sub": str(text)}:
                return {"Fn::Sub": self.text(text)}
            case {"Fn::Sub": [text, variables]}:
                return {"Fn::Sub": [self.text(text), self.fill(variables)]}
            case {"Fn::FindInMap": arguments}:
                return self.mapped(*self.fill(arguments))
            case list():
                return [self.fill(value) for value in node]
        return self.members(node) if isinstance(node, dict) else node

    def members(self, node: dict[str, Any]) -> dict[str, Any]:
        if nested := [key for key in node if key.startswith(LOOP)]:
            raise TemplateError(f"a loop in a loop is not supported: {nested[0]}")
        return {key: self.fill(value) for key, value in node.items()}

    def mapped(self, name: str, row: str, column: str) -> Any:
        try:
            return self.mappings[name][row][column]
        except KeyError as missing:
            raise TemplateError(f"Mappings: {name}.{row}.{column} is missing") from missing


def folded(node: Any) -> Any:
    """Return the node with the constant variables of each !Sub put into its text."""
    match node:
        case {"Fn::Sub": [text, dict(variables)]} if all(
            isinstance(v, str) for v in variables.values()
        ):
            return {"Fn::Sub": re.sub(r"\$\{(\w+)\}", lambda m: variables.get(m[1], m[0]), text)}
        case dict():
            return {key: folded(value) for key, value in node.items()}
        case list():
            return [folded(value) for value in node]
        case _:
            return node
