"""docs/quickstart.ipynb runs from its first cell to its last against the API's real routes."""

import ast
import asyncio
import inspect
import json
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from PIL import Image

from tests.contract.files import ROOT
from tests.fakes.api_server import ApiServer, serve
from tests.unit.client.api_kit import folder_of

NOTEBOOK = json.loads((ROOT / "docs/quickstart.ipynb").read_text())
CELLS = ["".join(one["source"]) for one in NOTEBOOK["cells"] if one["cell_type"] == "code"]


def run(cell: str, names: dict[str, Any]) -> object:
    """Run a cell as Jupyter does: with await at its top; return the value of its last line."""
    *body, last = ast.parse(cell).body
    value = None
    if isinstance(last, ast.Expr):
        perform(code_of(ast.Module(body, []), "exec"), names)
        value = perform(code_of(ast.Expression(last.value), "eval"), names)
    else:
        perform(code_of(ast.Module([*body, last], []), "exec"), names)
    return value


def code_of(tree: ast.Module | ast.Expression, mode: str) -> CodeType:
    code = compile(tree, "cell", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(code, CodeType)
    return code


def perform(code: CodeType, names: dict[str, Any]) -> object:
    value = eval(code, names)  # noqa: S307 - a page of ours
    return asyncio.run(value) if inspect.iscoroutine(value) else value


def test_every_cell_runs_and_shows_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "photos")
    names: dict[str, Any] = {}
    with serve(ApiServer()) as known:
        monkeypatch.setenv("LIKENESS_API", known.address)
        monkeypatch.setenv("LIKENESS_API_KEY", known.key)
        values = [run(cell, names) for cell in CELLS]
        names["api"].close()
    for value in values:
        if isinstance(value, Image.Image):
            value.close()
    assert (tmp_path / "me.png").stat().st_size
    assert "pytorch_lora_weights.safetensors" in str(values)
    assert [("succeeded", 7)] * 3 in values
    printed = capsys.readouterr().out
    assert "100 %" in printed
    assert "USD" in printed
    assert "not_found - " in printed


def test_it_is_committed_without_answers() -> None:
    """Answers would hold somebody's key, ids and face."""
    assert NOTEBOOK["nbformat"] == 4
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)


@pytest.mark.parametrize("page", ["docs/api.md", "docs/clients.md"])
def test_a_page_leads_to_it(page: str) -> None:
    assert "(quickstart.ipynb)" in (ROOT / page).read_text()
