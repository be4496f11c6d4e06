"""Keeps a laptop's tritonserver off the network, see loopback.c. A container needs it not."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class NoCompilerError(Exception):
    """loopback.c could not be compiled, so nothing is served."""


def build_loopback(run_dir: Path) -> Path:
    """Compile the library to preload.

    Raises:
        NoCompilerError: there is no C compiler, or it failed.
    """
    library = run_dir / "loopback.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = "cc could not build loopback.c: install a C compiler (gcc)"
        raise NoCompilerError(message) from error
    return library
