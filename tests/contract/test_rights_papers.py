"""The papers about rights say what is so: every test, setting and weight that they name exists."""

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from contracts.base import BaseCard
from tests.contract.files import ROOT, template

PAGES = sorted((ROOT / "docs" / "rights").glob("*.md"))
OWN = [path for path in PAGES if path.name not in {"data_flow.md", "README.md"}]
STATEMENT = re.compile(r"^- \*\*.*?(?=^- |^#|\Z)", re.MULTILINE | re.DOTALL)
TEST = re.compile(r"`(test_\w+)`")
SETTING = re.compile(r"`([A-Z][a-z]+(?:[A-Z]\w*)+)`")
LICENCES = (ROOT / "docs/rights/licences.md").read_text()


@cache
def names_of_tests() -> frozenset[str]:
    """The names of all tests."""
    found = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
    return frozenset(name for text in found for name in named.findall(text))


@pytest.mark.parametrize("paper", PAGES, ids=lambda path: path.stem)
def test_every_test_that_a_page_names_is_there(paper: Path) -> None:
    assert set(TEST.findall(paper.read_text())) - names_of_tests() == set()


@pytest.mark.parametrize("paper", OWN, ids=lambda path: path.stem)
def test_every_setting_that_a_paper_names_is_one_of_the_stack(paper: Path) -> None:
    known = {*template()["Parameters"], *template()["Resources"]}
    assert set(SETTING.findall(paper.read_text())) - known == set()


@pytest.mark.parametrize("paper", OWN, ids=lambda path: path.stem)
def test_every_statement_is_held_by_a_test_or_a_setting(paper: Path) -> None:
    statements = STATEMENT.findall(paper.read_text())
    assert statements
    loose = [one for one in statements if not (TEST.search(one) or SETTING.search(one))]
    assert loose == []


def data_flow() -> ModuleType:
    spec = importlib.util.spec_from_file_location("data_flow", ROOT / "docs" / "data_flow.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_data_flow_map_is_the_template_s() -> None:
    made = data_flow().page(template())
    assert (ROOT / "docs/rights/data_flow.md").read_text() == made, "run `make generated`"


def test_a_right_that_the_template_gains_changes_the_map() -> None:
    script, statement = data_flow(), {"Effect": "Allow", "Action": ["s3:GetObject"]}
    stores = {"Fn::Sub": "${UploadsBucket.Arn}/tenants/*"}
    policies = [{"Statement": [{**statement, "Resource": stores}]}]
    role = {"Properties": {"Policies": policies}}
    (text,) = ["".join(script.sections({"NewFunction": role}))]
    assert "### `NewFunction`" in text
    assert "- reads\n  - `UploadsBucket` `tenants/*`" in text


def test_every_weight_has_its_licence_here() -> None:
    for file in ("layers/face_weights/weights.json", "training_image/person_weights.json"):
        for package in json.loads((ROOT / file).read_text())["packages"]:
            licence = re.split(r"[ (]*\(", package["licence"])[0]
            for name in package["files"]:
                (row,) = re.findall(rf"^\| `{Path(name).name}` .*$", LICENCES, re.MULTILINE)
                assert licence in row


def test_every_base_and_every_family_and_detector_has_its_licence_here() -> None:
    for card in (ROOT / "local/embedded_base").glob("*/base.json"):
        assert f"| `{card.parent.name}` |" in LICENCES
    for family in get_args(BaseCard.model_fields["family"].annotation):
        assert f"family `{family}`" in LICENCES
    detectors = {
        one
        for part in get_args(BaseCard.model_fields["face_detector"].annotation)
        for one in get_args(part)
    }
    named = {*re.findall(r"^\| `(\w+)` \| `FaceDetector`", LICENCES, re.MULTILINE), "dlib"}
    assert named == detectors - {"drawn", "none"}
