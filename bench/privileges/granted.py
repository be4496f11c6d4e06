"""What template.yaml grants: each role's own statements, without the policies that AWS manages."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Grant:
    """One action of one statement."""

    role: str
    """Logical id of the role."""
    action: str
    resources: str
    """The statement's Resource as JSON text; ``"*"`` when the statement names none."""

    @property
    def is_wildcard(self) -> bool:
        """Whether the statement holds for every resource."""
        return self.resources == '"*"'


def expanded_template() -> dict[str, Any]:
    """Return template.yaml as SAM hands it to CloudFormation."""
    done = subprocess.run(
        [sys.executable, ".ci/expand_template.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    template: dict[str, Any] = json.loads(done.stdout)
    return template


def grants_of(template: dict[str, Any]) -> list[Grant]:
    """Return every action that a role's inline policies allow."""
    return [
        Grant(role, action, json.dumps(statement.get("Resource", "*"), sort_keys=True))
        for role, resource in template["Resources"].items()
        if resource["Type"] == "AWS::IAM::Role"
        for policy in resource["Properties"].get("Policies", [])
        for statement in statements_of(policy["PolicyDocument"])
        if statement["Effect"] == "Allow"
        for action in as_list(statement["Action"])
    ]


def statements_of(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the statements, those behind an ``Fn::If`` too."""
    for statement in as_list(document["Statement"]):
        branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
        yield from (branch for branch in branches if "Effect" in branch)


def as_list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    """Return a value that may stand alone as a list."""
    return value if isinstance(value, list) else [value]
