"""The files that must agree, parsed."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from local.template import read

ROOT = Path(__file__).resolve().parents[2]
MACHINES = {
    path.name.removesuffix(".asl.json"): path
    for path in sorted((ROOT / "statemachine").glob("*.asl.json"))
}
BESIDE_THE_STATES = {
    "authorize",
    "cancel_job",
    "deliver_webhook",
    "draw_picture",
    "follow_training",
    "http_api",
    "launch_training",
    "model_status",
    "notify_outcome",
    "reap_endpoint",
    "reconcile",
    "request_erasure",
    "expire_photos",
    "export_data",
    "release_endpoint",
    "publish_status",
    "studio",
    "find_marked_model",
    "log_experiment",
    "decide_takedown",
    "watch_takedowns",
    "verify_picture",
    "decide_appeal",
    "move_upload",
    "start_upload",
}
"""Functions that no state invokes: events, schedules, streams and people do."""


@cache
def template() -> dict[str, Any]:
    """template.yaml with its loops written out and its files included; not to be changed."""
    return read(ROOT / "template.yaml")


def functions() -> dict[str, dict[str, Any]]:
    """Properties of each Lambda, by its folder."""
    return {
        resource["Properties"]["Handler"].removesuffix(".app.lambda_handler"): resource[
            "Properties"
        ]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def definition(machine: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(MACHINES[machine].read_text())
    return loaded


def states(machine: str = "train_adapter") -> dict[str, dict[str, Any]]:
    """States by name, with those inside a Map."""
    found: dict[str, dict[str, Any]] = {}
    for name, state in definition(machine)["States"].items():
        found |= {name: state, **state.get("ItemProcessor", {}).get("States", {})}
    return found


def tasks(machine: str = "train_adapter") -> dict[str, dict[str, Any]]:
    """The states that call a function."""
    return {n: s for n, s in states(machine).items() if "lambda:invoke" in s.get("Resource", "")}


def nested(machine: str = "train_adapter") -> dict[str, dict[str, Any]]:
    """The states that are another machine."""
    return {n: s for n, s in states(machine).items() if "startExecution" in s.get("Resource", "")}


def machine_resource(machine: str) -> dict[str, Any]:
    """Properties of a state machine in the template: ``train_adapter`` -> TrainAdapter..."""
    name = "".join(word.capitalize() for word in machine.split("_"))
    found: dict[str, Any] = template()["Resources"][f"{name}StateMachine"]["Properties"]
    return found


def folder_of(state: str) -> str:
    """``AcceptRequest`` -> ``accept_request``."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in state).lstrip("_")


def handler_folders() -> set[str]:
    return {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}
