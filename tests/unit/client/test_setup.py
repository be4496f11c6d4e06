"""setup.py: which modules the wheel shares with the stages, and how their imports are led there."""

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.contract.files import ROOT


@pytest.fixture(scope="module")
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("likeness_setup", ROOT / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_only_imports_change(setup: ModuleType) -> None:
    text = (
        '"""from contracts.a import b"""\n'
        "import json\n"
        "from contracts import layout\n"
        "from domain.a import (\n    b,  # from domain.a\n)\n"
        "from domains import c\n"
        "if True:\n    import runtime.clock as clock\n"
        "x = 'contracts.a'\n"
    )
    assert setup.rewrite(text) == (
        '"""from contracts.a import b"""\n'
        "import json\n"
        "from likeness_client._shared.contracts import layout\n"
        "from likeness_client._shared.domain.a import (\n    b,  # from domain.a\n)\n"
        "from domains import c\n"
        "if True:\n    import likeness_client._shared.runtime.clock as clock\n"
        "x = 'contracts.a'\n"
    )


@pytest.mark.parametrize("text", ["import contracts.codes", "import json, contracts as c"])
def test_an_import_that_would_bind_another_name_ends_the_build(
    setup: ModuleType, text: str
) -> None:
    with pytest.raises(setup.BuildError, match="line 1"):
        setup.rewrite(text)


def test_what_the_client_imports_is_shared_and_nothing_else(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "likeness_client/__init__.py": "from contracts.a import x",
        "functions/contracts/__init__.py": "",
        "functions/contracts/a.py": "from domain.deep import b",
        "functions/contracts/unused.py": "",
        "functions/domain/__init__.py": "",
        "functions/domain/deep/__init__.py": "",
        "functions/domain/deep/b.py": "import boto3",
        "functions/runtime/__init__.py": "",
        "functions/runtime/imaging/__init__.py": "",
        "functions/runtime/imaging/decode.py": "",
        "functions/runtime/imaging/unpack.py": "",
    }
    found = setup.shared_modules(make(tmp_path, files))
    assert list(found) == [
        *("contracts", "contracts.a", "domain", "domain.deep", "domain.deep.b"),
        *("runtime", "runtime.imaging", "runtime.imaging.decode", "runtime.imaging.unpack"),
    ]
    monkeypatch.setattr(setup, "STARTED_BY_NAME", ("runtime.moved",))
    with pytest.raises(setup.BuildError, match=r"runtime\.moved"):
        setup.shared_modules(tmp_path)


def test_no_module_of_the_wheel_imports_what_the_wheel_lacks(setup: ModuleType) -> None:
    ours = {"contracts", "domain", "runtime", "aws", "local", "bench"}
    for name, text in setup.rewritten_files(ROOT).items():
        for node in ast.walk(ast.parse(text)):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not ours & {module.partition(".")[0] for module in modules}, name
