"""The variables that each function reads are those that template.yaml gives it, and no more."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache

import pytest

from tests.contract.files import ROOT, functions

READERS = {
    *("settings.text", "settings.number", "settings.decimal", "settings.optional"),
    "open_table",
}


@cache
def makers() -> dict[str, ast.AST]:
    """Return the code of everything in aws/ that an app calls: classes' from_env, functions."""
    files = (ROOT / "functions" / "aws").rglob("*.py")
    nodes = [node for path in files for node in ast.parse(path.read_text()).body]
    found: dict[str, ast.AST] = {n.name: n for n in nodes if isinstance(n, ast.FunctionDef)}
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    for name in classes:
        if (maker := from_env_of(name, classes)) is not None:
            found[f"{name}.from_env"] = maker
    return found


def from_env_of(name: str, classes: Mapping[str, ast.ClassDef]) -> ast.FunctionDef | None:
    """Return the method of a class, or the one that it inherits."""
    if name not in classes:
        return None
    methods = (node for node in classes[name].body if isinstance(node, ast.FunctionDef))
    own = next((method for method in methods if method.name == "from_env"), None)
    bases = (from_env_of(ast.unparse(base), classes) for base in classes[name].bases)
    return own or next((maker for maker in bases if maker is not None), None)


def variables(code: ast.AST) -> Iterator[str]:
    """Yield what the code reads, and what it calls reads."""
    for node in ast.walk(code):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in READERS or called.endswith(".from_env"):
            yield from (str(a.value) for a in node.args if isinstance(a, ast.Constant))
        if called in makers():
            yield from variables(makers()[called])


@pytest.mark.parametrize("stage", functions())
def test_a_function_reads_exactly_what_the_template_gives_it(stage: str) -> None:
    app = ast.parse((ROOT / "functions" / stage / "app.py").read_text())
    given = functions()[stage].get("Environment", {"Variables": {}})["Variables"]
    assert set(variables(app)) == set(given)


def test_settings_are_read_in_one_file_and_the_interpreter_s_variables_in_another() -> None:
    """Whatever sandbox.py reads, it hands to an interpreter; no rule depends on it."""
    ours = [p for p in (ROOT / "functions").rglob("*.py") if "model_package" not in p.parts]
    readers = {path.name for path in ours if "os.environ" in path.read_text()}
    assert readers == {"settings.py", "sandbox.py"}
