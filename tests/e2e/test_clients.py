"""The pages for applications, carried out against the deployed stack as they stand."""

import gc
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.front_door import address, make_key
from tests.clients.typescript_kit import TSC, compile_programs, copy_package
from tests.e2e.stack import Stack, photos
from tests.unit.client.test_quickstart import CELLS, run


def door(stack: Stack, tenant: str, folder: Path, seed: int) -> dict[str, str]:
    """Write photos; return the two variables that an application is given."""
    (folder / "photos").mkdir()
    for name, body in photos(seed).items():
        (folder / "photos" / name).write_bytes(body)
    key = make_key(stack.cloud, tenant)
    return {"LIKENESS_API": address(stack.cloud, stack.outputs), "LIKENESS_API_KEY": key}


@pytest.mark.usefixtures("quick_training")
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_the_notebook_goes_from_photos_to_pictures(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in door(stack, "notebook", tmp_path, 92).items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    for cell in CELLS:
        run(cell, names)
    assert names["model"] is not None
    assert stack.notice(names["upload"].id)["code"] == "ready"
    assert [one.status for one in names["drawn"]] == ["succeeded"] * 3
    names["api"].close()
    names.clear()
    gc.collect()  # a notebook closes no picture, and a later test would be blamed
    assert Path("me.png").read_bytes().startswith(b"\x89PNG")
    assert list(Path("model").rglob("pytorch_lora_weights.safetensors"))


@pytest.mark.usefixtures("quick_training")
def test_the_typescript_client_goes_from_photos_to_files(stack: Stack, tmp_path: Path) -> None:
    if not TSC.exists():
        pytest.skip("the TypeScript compiler is not installed (make clients-typescript)")
    programs = tmp_path / "programs"
    programs.mkdir()
    compile_programs(copy_package(tmp_path), programs)
    variables = os.environ | door(stack, "typescript", programs, 93)
    done = subprocess.run(
        ["node", "readme.js"], cwd=programs, env=variables, capture_output=True, text=True,
        check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "100 NotifyOwner" in done.stdout
    assert list(programs.glob("files/**/pytorch_lora_weights.safetensors"))
    (notice,) = stack.unheard()
    assert notice["code"] == "ready"
