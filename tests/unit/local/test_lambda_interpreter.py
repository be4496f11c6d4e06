"""The functions' interpreter starts only with its library path, and is compiled once."""

import subprocess
import sys
from pathlib import Path

import pytest

from local.cloud.lambdas import interpreter


def test_it_starts_only_with_its_library_path(tmp_path: Path) -> None:
    found = interpreter.find(Path(sys.executable), tmp_path)
    line = [str(found.program), "-c", "raise SystemExit(5)"]
    assert subprocess.run(line, env={}, check=False, stderr=subprocess.PIPE).returncode == 127
    given = {"LD_LIBRARY_PATH": str(found.library_dir)}
    assert subprocess.run(line, env=given, check=False).returncode == 5


def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = interpreter.find(Path(sys.executable), tmp_path)
    monkeypatch.setenv("PATH", "")
    assert interpreter.find(Path(sys.executable), tmp_path) == found
    assert list(tmp_path.iterdir()) == [found.program.parents[1]]
    with pytest.raises(interpreter.NoCompilerError, match="install a C compiler"):
        interpreter.find(Path("/another/python"), tmp_path)


def test_nobody_writes_to_what_is_read_only(tmp_path: Path) -> None:
    found = interpreter.find(Path(sys.executable), tmp_path / "interpreters")
    code = tmp_path / "code"
    code.mkdir(mode=0o555)
    script = f"open({str(code / 'new')!r}, 'w')"
    given = {"LD_LIBRARY_PATH": str(found.library_dir)}
    line = [str(found.program), "-c", script]
    run = subprocess.run(line, env=given, check=False, capture_output=True, text=True)
    assert "PermissionError" in run.stderr, "root, too, may not"
