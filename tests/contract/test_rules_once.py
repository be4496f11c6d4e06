"""A rule that two runtimes need is spelled in contracts/shared and nowhere else."""

import ast
from pathlib import Path

import pytest

from contracts.shared import suffixes
from contracts.shared.names import TRAINING_JOB_PREFIX
from contracts.shared.words.prompts import PLACEHOLDER
from tests.contract.files import ROOT

FOLDERS = ("functions", "training_image", "serving_image", "likeness_client")
MODULES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "shared" not in path.parts
]
SUFFIXES = {".zip", ".tar", ".tgz", *suffixes.CAPTION_SUFFIXES, suffixes.TOML_SUFFIX}
"""All but ``.tar.gz``, which is also how a published package ends."""


def words_of(path: Path) -> set[str]:
    """Every text in the code of a module, its docstrings left out."""
    tree = ast.parse(path.read_text())
    documented = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documented
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_spells_a_shared_rule_for_itself(path: Path) -> None:
    words = words_of(path)
    assert not {word for word in words if PLACEHOLDER.fullmatch(word)}
    assert not words & SUFFIXES
    if "functions" in path.parts:  # elsewhere it begins the names of folders
        assert not {word for word in words if word.startswith(TRAINING_JOB_PREFIX)}


def test_one_error_stands_for_a_rejected_photo() -> None:
    classes = [
        node.name
        for path in [*MODULES, *sorted((ROOT / "functions/contracts/shared").rglob("*.py"))]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    named = {"PhotoRejectedError", "PhotoRefusedError", "RefusedPhotoError", "RefusedError"}
    assert [name for name in classes if name in named] == ["PhotoRejectedError"]
