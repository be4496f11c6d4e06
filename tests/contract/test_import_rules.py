"""import-linter sees every folder of ours: one that it does not know may import anything."""

import ast
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.files import ROOT, handler_folders

RULES: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
IMPORTED_FROM = (ROOT / "functions", ROOT / "training_image", ROOT / "serving_image", ROOT)
"""Where imports start."""

LAYERS_OF_FUNCTIONS = {"aws", "contracts", "domain", "runtime"}
NOT_PACKAGES = {
    "build",  # what `pip install .` leaves
    "dependencies",
    "docs",
    "events",
    "functions",
    "layers",
    "reports",
    "serving_image",
    "statemachine",
    "training_image",
}
"""They hold scripts, data, the packages themselves, or what `make mutants` left behind: nothing
imports them by these names."""

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


FUNCTIONS = ROOT / "functions"
DOMAIN = sorted((FUNCTIONS / "domain").rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(FUNCTIONS).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    """The modules of the domain that a module of it imports."""
    nodes = ast.walk(ast.parse(path.read_text()))
    found = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name for name in found if name.startswith("domain.")}


def test_the_rules_import_each_other_in_no_circle() -> None:
    order = TopologicalSorter({module_of(path): imports_of(path) for path in DOMAIN})
    assert set(order.static_order()) >= {module_of(path) for path in DOMAIN}


def test_every_protocol_of_the_domain_is_a_port() -> None:
    elsewhere = [
        f"{module_of(path)}.{node.name}"
        for path in DOMAIN
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
        and path.parent.name != "ports"
    ]
    assert elsewhere == []


def test_ports_import_no_rule() -> None:
    """They exchange documents and values; what is decided with them is the rules' business."""
    ports = [path for path in DOMAIN if path.parent.name == "ports"]
    imported = {name for path in ports for name in imports_of(path)}
    assert {name for name in imported if not name.startswith("domain.ports.")} == set()
