"""The processes of Triton's models, as /proc shows them.

Triton neither says that a model's process has died nor answers the requests that it held.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROGRAM = "triton_python_backend_stub"
PROC = Path("/proc")

TEXT, REGION = 1, 2
"""Positions in the command line: the model's text, its shared memory."""

FIRST = "_0_0"
"""What Triton puts behind a model's name to name its only instance."""


class Stub(NamedTuple):
    """The process of one model."""

    pid: int
    folder: str
    """Where SageMaker has unpacked the model."""

    def is_alive(self) -> bool:
        """Return whether it runs; a zombie process has no exe."""
        return (PROC / str(self.pid) / "exe").exists()


def find_stub(model: str, region_prefix: str) -> Stub | None:
    """Return the process of a model, None when there is none.

    Args:
        model: its name in Triton.
        region_prefix: how the names of our tritonserver's shared memory begin.
    """
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError, ValueError):
            words = os.fsdecode((folder / "cmdline").read_bytes()).split("\0")
            if len(words) <= REGION or not words[0].endswith(PROGRAM):
                continue
            if words[REGION].startswith(region_prefix) and f"{model}{FIRST}" in words:
                # .../<folder>/<the package's name>/1/model.py
                return Stub(int(folder.name), str(Path(words[TEXT]).parents[2]))
    return None


class BaseProcess:
    """The process of the forwarding model, which writes its id into a file."""

    def __init__(self, pid_file: Path) -> None:
        self.pid_file = pid_file

    def current(self) -> str:
        """Return its id; empty while it is dead or has not started."""
        pid = self.pid_file.read_text() if self.pid_file.exists() else ""
        return pid if pid and (PROC / pid / "exe").exists() else ""
