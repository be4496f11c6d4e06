"""The interpreter of the laptop's functions; like Lambda's, it starts only with LD_LIBRARY_PATH.

Lambda's Python finds its libpython through `LD_LIBRARY_PATH`, so a child process that does not get
this variable ends with status 127. The laptop's Python needs no such variable. So a small program,
which needs a library that only `LD_LIBRARY_PATH` leads to, stands before it.
"""

import hashlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("interpreter.c")
LIBRARY = "int found_by_the_loader(void) { return 1; }\n"


class NoCompilerError(Exception):
    """The interpreter could not be compiled, so no function can start."""


@dataclass(frozen=True)
class Interpreter:
    """The program that runs Python, and the folder of the library that it needs."""

    program: Path
    library_dir: Path


def find(real_python: Path, folder: Path) -> Interpreter:
    """Return the interpreter before `real_python`; compile it under `folder` when it is missing.

    Raises:
        NoCompilerError: there is no C compiler, or it failed.
    """
    made_of = f"{SOURCE.read_text()}{LIBRARY}{real_python}"
    home = folder / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    if not home.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as partial:
            build(real_python, Path(partial) / "built")
            _publish(Path(partial) / "built", home)
    return _at(home)


def build(real_python: Path, home: Path) -> Interpreter:
    """Compile an interpreter that passes all its arguments on to `real_python`.

    Raises:
        NoCompilerError: there is no C compiler, or it failed.
    """
    built = _at(home)
    for folder in (built.program.parent, built.library_dir):
        folder.mkdir(parents=True)
    source = built.library_dir / "interpreter.c"
    source.write_text(LIBRARY)
    library = built.library_dir / "libinterpreter.so"
    _compile("-shared", "-fPIC", "-o", str(library), str(source))
    define, where = f'-DREAL_PYTHON="{real_python}"', f"-L{built.library_dir}"
    _compile(define, "-o", str(built.program), str(SOURCE), where, "-linterpreter")
    return built


def _at(home: Path) -> Interpreter:
    return Interpreter(home / "bin" / "python", home / "lib")


def _compile(*words: str) -> None:
    try:
        subprocess.run(["cc", "-O1", *words], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"cc could not build {SOURCE.name}: install a C compiler (gcc)"
        raise NoCompilerError(message) from error


def _publish(partial: Path, home: Path) -> None:
    """Rename a complete folder to its name; another process may have been faster."""
    try:
        os.rename(partial, home)  # noqa: PTH104 - Path.rename would say the same
    except OSError:
        if not home.exists():
            raise
