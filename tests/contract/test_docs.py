"""The documents say what is true: drawings are current, names and links lead somewhere."""

import ast
import importlib.util
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from contracts.documents.picture import PictureArguments
from contracts.documents.upload.request import TrainingRequest
from tests.contract.files import ROOT, template
from tests.contract.pages import LINK, PAGES, WRITTEN, anchor, sections, text_outside_code

PATH = re.compile(r"`([A-Za-z0-9_.\-]+(?:/[A-Za-z0-9_.\-]+)*/?)(?:::(\w+))?`")
STARTS_OF_IMPORTS = ("", "functions/", "training_image/", "serving_image/")
FOLDERS = {
    path.name
    for start in STARTS_OF_IMPORTS
    for path in (ROOT / start).iterdir()
    if path.is_dir() and not path.name.startswith(".") and path.name != "reports"
}
"""Our folders, without the one that holds only what somebody has measured."""
TEST_NAME = re.compile(r"`(?:(test_\w+)::)?(test_\w+)`")
VARIABLE = re.compile(r"\bLIKENESS_[A-Z_]+\b")


def test_the_drawn_workflow_is_the_defined_one() -> None:
    run = subprocess.run([sys.executable, ROOT / "docs/diagram.py", "--check"], check=False)
    assert run.returncode == 0, "run `make generated`"


def test_the_map_shows_every_file_with_its_own_first_sentence() -> None:
    command = [sys.executable, str(ROOT / "docs/map.py"), "--check"]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr or "run `make generated`"


def test_the_map_refuses_a_module_without_a_docstring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("map")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "silent.py").write_text("X = 1\n")
    (tmp_path / "speaking.py").write_text('"""What it is for."""\n')
    with pytest.raises(module.NoLineError, match=r"silent\.py") as failure:
        module.page(["silent.py", "speaking.py"])
    assert "speaking.py" not in str(failure.value)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    dead = [target for _, target in LINK.findall(text_outside_code(page)) if is_dead(page, target)]
    assert not dead


@pytest.mark.parametrize("page", WRITTEN)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    named = {path for path, _ in PATH.findall(text_outside_code(page)) if is_a_path_of_ours(path)}
    assert not {path for path in named if not exists(path)}


@pytest.mark.parametrize("page", WRITTEN)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = {names for names in TEST_NAME.findall(text_outside_code(page)) if names[1]}
    known = known_tests()
    assert not {
        test
        for file, test in named
        if test not in known and not any(test in t for f, t in known.items() if f == file)
    }


@pytest.mark.parametrize("page", WRITTEN)
def test_every_variable_that_a_page_names_is_one_of_a_program(page: Path) -> None:
    assert set(VARIABLE.findall(page.read_text())) <= known_variables()


def test_every_field_of_a_request_is_described() -> None:
    how_to = [ROOT / "docs" / f"{name}.md" for name in ("intake", "training", "sweep", "status")]
    text = "".join(page.read_text() for page in how_to)
    fields = set(TrainingRequest.model_fields) - {"schema_version"}
    assert not {field for field in fields if f"`{field}`" not in text}


def test_every_argument_of_a_picture_is_described() -> None:
    text = (ROOT / "docs" / "serving.md").read_text()
    assert not {field for field in PictureArguments.model_fields if f"`{field}`" not in text}


def test_every_runbook_names_an_alarm_and_every_alarm_a_runbook() -> None:
    alarms = {
        name
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    runbooks = set((ROOT / "docs" / "runbooks").glob("*.md")) - {
        ROOT / "docs" / "runbooks" / "README.md"
    }
    titles = {page.read_text().partition(":")[0].removeprefix("# ") for page in runbooks}
    assert titles == alarms


def test_make_help_shows_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    listed = re.findall(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)
    recipes = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    command = ["awk", "-f", "docs/help.awk", "Makefile"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    shown = {line.split()[0] for line in printed.splitlines() if line.startswith("  ")}
    public = {target for line in listed for target in line.split()} & recipes
    assert public - shown <= {"python"}, "a target's text stands behind ## on its line"


def is_dead(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return False
    name, _, part = target.partition("#")
    file = (page.parent / name).resolve() if name else page
    if not file.exists():
        return True
    return bool(part) and part not in {anchor(heading) for heading in sections(file)}


def is_a_path_of_ours(path: str) -> bool:
    """Return whether a name in backticks begins with one of our folders and names more."""
    first, _, rest = path.partition("/")
    return first in FOLDERS and bool(rest) and ("." in Path(rest).name or (ROOT / first).is_dir())


def exists(path: str) -> bool:
    return any((ROOT / start / path).exists() for start in STARTS_OF_IMPORTS)


@cache
def known_tests() -> dict[str, str]:
    """Return the text of each test file under its name, and each test's name as a key too."""
    found: dict[str, str] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text()
        found[path.stem] = text
        found |= {
            node.name: ""
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        }
    return found


def script(name: str) -> ModuleType:
    """Return a script of docs/ as a module."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def known_variables() -> set[str]:
    """Return the variables of ours that a program, a template or a build file has in it."""
    command = ["git", "grep", "-ohwE", "LIKENESS_[A-Z_]+", "--", ".", ":!*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(listed.stdout.split())
