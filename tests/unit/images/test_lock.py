"""Requirement files with hashes follow those that people edit."""

import shutil
from pathlib import Path

import pytest

from images import lock
from images.recipes import ROOT
from tests.unit.examples_kit import failed_examples, modules_with_examples

FILE = next(one for one in lock.LOCKS if one.file == "training_image/locked.txt")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in {FILE.file, *FILE.sources}:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_an_untouched_file_is_current(root: Path) -> None:
    assert lock.problem_of(FILE, root) == ""


def test_a_changed_version_makes_the_file_old(root: Path) -> None:
    source = root / FILE.sources[0]
    source.write_text(source.read_text().replace("peft==", "peft==9"))
    assert lock.problem_of(FILE, root) == (
        "training_image/locked.txt is older than training_image/requirements.txt. Run `make lock`."
    )


def test_a_comment_does_not(root: Path) -> None:
    source = root / FILE.sources[0]
    source.write_text(f"# another comment\n{source.read_text()}")
    assert lock.problem_of(FILE, root) == ""


def test_a_missing_file_is_named(root: Path) -> None:
    (root / FILE.file).unlink()
    assert "locked.txt is missing" in lock.problem_of(FILE, root)


@pytest.mark.parametrize("module", modules_with_examples("", "images"))
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    assert failed_examples(module) == 0
