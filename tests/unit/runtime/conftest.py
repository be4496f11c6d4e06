"""A stand-in for the interpreter, for tests of the children that read untrusted files."""

from pathlib import Path
from typing import NamedTuple

import pytest


class Script(NamedTuple):
    """A shell script that runs where a child process would."""

    path: Path

    def write(self, body: str) -> None:
        """Write the script; before that it does not exist."""
        self.path.write_text(f"#!/bin/sh\n{body}\n")
        self.path.chmod(0o755)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Run a shell script, which the test has still to write, in place of the interpreter."""
    path = tmp_path / "program"
    monkeypatch.setattr("sys.executable", str(path))
    return Script(path)
