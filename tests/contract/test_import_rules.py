"""import-linter sees every folder of ours: one that it does not know may import anything."""

import tomllib
from typing import Any

import pytest

from tests.contract.files import ROOT, handler_folders

RULES: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
IMPORTED_FROM = (ROOT / "functions", ROOT / "training_image", ROOT / "serving_image", ROOT)
"""Where imports start."""

LAYERS_OF_FUNCTIONS = {"aws", "contracts", "domain", "runtime"}
NOT_PACKAGES = {
    "dependencies",
    "docs",
    "events",
    "functions",
    "serving_image",
    "statemachine",
    "training_image",
}
"""They hold scripts, data or the packages themselves: nothing imports them by these names."""

TRITON_MODELS = {"base_model", "model_package"}
"""Folders that Triton reads; each is one file."""


def packages() -> set[str]:
    """The folders with Python that can be imported by name."""
    found = {
        folder.name
        for start in IMPORTED_FROM
        for folder in start.iterdir()
        if folder.is_dir() and folder.name.isidentifier() and any(folder.rglob("*.py"))
    }
    return found - NOT_PACKAGES - TRITON_MODELS


def rule(name: str) -> dict[str, Any]:
    (found,) = (one for one in RULES["contracts"] if name in one["name"])
    return dict(found)


def test_every_folder_is_a_root_package() -> None:
    listed = RULES["root_packages"]
    assert len(listed) == len(set(listed))
    assert set(listed) == packages()


def test_stages_and_the_client_are_the_first_layer_and_import_no_other_of_it() -> None:
    first, *others = rule("app -> runtime")["layers"]
    assert set(first.split(" | ")) == handler_folders() | {"likeness_client"}
    assert {name for layer in others for name in layer.split(" | ")} == LAYERS_OF_FUNCTIONS


def test_nothing_in_a_lambda_imports_another_image_or_the_laptop() -> None:
    inside = rule("what runs in a Lambda imports no trainer")
    assert set(inside["source_modules"]) == handler_folders() | LAYERS_OF_FUNCTIONS
    assert {"trainer", "serving", "local"} <= set(inside["forbidden_modules"])


@pytest.mark.parametrize("nobody", ["bench", "tests", "likeness_client"])
def test_what_ships_imports_no_measurement_no_test_and_no_client(nobody: str) -> None:
    sources = {
        source
        for one in RULES["contracts"]
        if one["type"] == "forbidden" and nobody in one["forbidden_modules"]
        for source in one["source_modules"]
    }
    ships = packages() - {"bench", "tests", "likeness_client"}
    assert sources - {"likeness_client"} == ships


def test_the_client_needs_no_stack_and_no_laptop() -> None:
    client = rule("the client imports only")
    assert client["source_modules"] == ["likeness_client"]
    allowed = {"contracts", "domain", "runtime", "likeness_client"}
    assert set(client["forbidden_modules"]) == packages() - allowed - handler_folders()
