"""An update of any released stack replaces nothing that holds data, and nothing that has a name."""

import json
from typing import Any

import pytest

from likeness_client import __version__
from tests.contract.files import ROOT, template
from tests.contract.released import EXPANDED, RELEASED, at, create_only, fixed

NOW = fixed(json.loads(EXPANDED.read_text()))
VERSIONS = sorted(path.stem for path in RELEASED.glob("*.json"))
HOLDING = {
    "AWS::S3::Bucket",
    "AWS::DynamoDB::Table",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::StepFunctions::StateMachine",
    "AWS::SageMaker::Endpoint",
    "AWS::Lambda::Function",
}
"""Types whose replacement loses files, rows, subscribers, messages, executions or callers."""

VERSIONED = {"AWS::Lambda::LayerVersion", "AWS::SageMaker::Model", "AWS::SageMaker::EndpointConfig"}
"""Every change makes a new one of these, under a name of its own."""


def released(version: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads((RELEASED / f"{version}.json").read_text())
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_released_stack_holds_is_still_there(version: str) -> None:
    lost = {name for name, row in released(version).items() if row["Type"] in HOLDING} - set(NOW)
    assert not lost


@pytest.mark.parametrize("version", VERSIONS)
def test_an_update_replaces_nothing(version: str) -> None:
    before = released(version)
    changed = {
        name: (before[name], NOW[name])
        for name in before.keys() & NOW.keys()
        if before[name]["Type"] not in VERSIONED and before[name] != NOW[name]
    }
    assert not changed


def test_every_release_has_its_file() -> None:
    assert {"0.2.0", "0.3.0"} <= {*VERSIONS}


def test_the_version_is_the_same_wherever_it_stands() -> None:
    package = json.loads((ROOT / "clients/typescript/package.json").read_text())
    application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert package["version"] == application["SemanticVersion"] == __version__
    assert f"git checkout v{__version__} " in (ROOT / "docs" / "upgrade.md").read_text()


def test_a_changed_name_is_found() -> None:
    table = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "a", "BillingMode": "b"}}
    assert fixed({"Resources": {"T": table}})["T"]["Fixed"] == {"/properties/TableName": "a"}
    assert "/properties/TableName" in create_only("AWS::DynamoDB::Table")
    assert at({"A": {"B": 1}}, "/properties/A/B") == 1
    assert at({"A": "x"}, "/properties/A/B") is None
