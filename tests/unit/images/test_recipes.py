"""An image's arguments, and the tag that says what it contains."""

import shutil
import subprocess
from pathlib import Path

import pytest

from images.recipes import (
    RECIPES,
    ROOT,
    SERVING,
    TRAINING,
    ImageError,
    build_arguments,
    commit,
    content,
    content_tag,
)

SETTINGS = {"TRAINING_BASE": f"base@sha256:{64 * 'a'}", "FACE_DETECTOR": "", "OTHER": "1"}


@pytest.mark.parametrize("base", ["", "base:latest", "base:2.8", "base@sha256:12", "a b@sha256:00"])
def test_a_base_without_its_digest_is_refused_with_what_prints_it(base: str) -> None:
    with pytest.raises(
        ImageError, match=r"TRAINING_BASE must name AWS's PyTorch.*imagetools inspect"
    ):
        build_arguments(TRAINING, {"TRAINING_BASE": base})


def test_only_the_images_own_settings_are_arguments_and_an_empty_one_counts() -> None:
    arguments = build_arguments(TRAINING, SETTINGS)
    assert arguments == {"BASE_IMAGE": SETTINGS["TRAINING_BASE"], "FACE_DETECTOR": ""}


def test_each_image_has_needs_of_its_own_and_an_empty_one_leaves_the_default() -> None:
    needs = "python=3.12 cuda=13.0 driver=580"
    settings = SETTINGS | {"SERVING_BASE": SETTINGS["TRAINING_BASE"], "SERVING_NEEDS": needs}
    assert build_arguments(SERVING, settings)["NEEDS"] == needs
    assert "NEEDS" not in build_arguments(TRAINING, settings | {"TRAINING_NEEDS": ""})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "training_image/trainer").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "training_image/Dockerfile").write_text(
        "FROM a AS program\nCOPY training_image/*.txt training_image/trainer /opt/\n"
        "FROM program AS test\nCOPY tests /tests\nFROM program\n"
    )
    for name in ("training_image/a.txt", "training_image/trainer/job.py", "tests/test_a.py"):
        (tmp_path / name).write_text("1\n")
    (tmp_path / ".dockerignore").write_text("*\n")
    return tmp_path


def test_the_tag_is_that_of_the_content(root: Path) -> None:
    before = content_tag(TRAINING, {"A": "1"}, root)
    assert before == content_tag(TRAINING, {"A": "1"}, root)
    assert content_tag(TRAINING, {"A": "2"}, root) != before
    (root / "training_image/trainer/job.py").write_text("2\n")
    assert content_tag(TRAINING, {"A": "1"}, root) != before


def test_a_program_that_becomes_executable_is_other_content(root: Path) -> None:
    before = content_tag(TRAINING, {}, root)
    (root / "training_image/trainer/job.py").chmod(0o755)
    assert content_tag(TRAINING, {}, root) != before


def test_what_only_tests_read_changes_no_tag(root: Path) -> None:
    before = content_tag(TRAINING, {"TESTS": "a"}, root)
    (root / "tests/test_a.py").write_text("2\n")
    (root / "training_image/trainer/__pycache__").mkdir()
    (root / "training_image/trainer/__pycache__/job.pyc").write_text("2\n")
    assert content_tag(TRAINING, {"TESTS": "b"}, root) == before


@pytest.mark.parametrize("name", RECIPES)
def test_the_content_has_the_program_and_the_hashes_and_no_test(name: str) -> None:
    recipe = RECIPES[name]
    found = {path.relative_to(ROOT).as_posix() for path in content(recipe)}
    assert {recipe.dockerfile, f"{name}_image/locked.txt", "images/locked.txt"} <= found
    assert "functions/contracts/base.py" in found
    assert not {path for path in found if path.startswith(("tests/", "local/", "bench/"))}


def test_a_changed_tree_has_no_commit_and_a_builder_says_its_own(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("no git")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    first = commit({}, tmp_path)
    assert first is not None
    assert len(first) == 40
    (tmp_path / "new").write_text("1")
    assert commit({}, tmp_path) is None
    assert commit({"GITHUB_SHA": 40 * "e"}, tmp_path) == 40 * "e"
    assert commit({"CODEBUILD_RESOLVED_SOURCE_VERSION": "refs/heads/main"}, tmp_path) is None


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert commit({}, tmp_path / "nothing") is None


def test_both_images_are_known() -> None:
    assert list(RECIPES) == ["training", "serving"]
    assert SERVING.dockerfile == "serving_image/Dockerfile"
