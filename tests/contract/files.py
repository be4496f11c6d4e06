"""The files that must agree, parsed."""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = ROOT / "statemachine" / "train_adapter.asl.json"
BESIDE_THE_STATES = {
    "cancel_job",
    "follow_training",
    "launch_training",
    "model_status",
    "notify_outcome",
    "reap_endpoint",
    "reconcile",
    "release_endpoint",
    "tell_status",
}
"""Functions that no state invokes: events, schedules, streams and people do."""


class _CloudFormation(yaml.SafeLoader):  # type: ignore[misc]
    """Reads !Ref, !GetAtt and the others as {"Ref": ...}, {"Fn::GetAtt": ...}."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        return {name: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_CloudFormation.add_multi_constructor("!", _tag)


def template() -> dict[str, Any]:
    text = (ROOT / "template.yaml").read_text()
    loaded: dict[str, Any] = yaml.load(text, Loader=_CloudFormation)  # noqa: S506 - a SafeLoader
    return loaded


def functions() -> dict[str, dict[str, Any]]:
    """Properties of each Lambda, by its folder."""
    return {
        resource["Properties"]["Handler"].removesuffix(".app.lambda_handler"): resource[
            "Properties"
        ]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def states() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = json.loads(DEFINITION.read_text())["States"]
    return loaded


def tasks() -> dict[str, dict[str, Any]]:
    return {name: state for name, state in states().items() if state["Type"] == "Task"}


def folder_of(state: str) -> str:
    """``AcceptRequest`` -> ``accept_request``."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in state).lstrip("_")


def handler_folders() -> set[str]:
    return {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
