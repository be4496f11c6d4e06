"""Small C libraries preloaded into tritonserver; each file says which fault it corrects.

The image's build compiles the libraries that the image needs and puts each beside its source. On a
laptop ``serve`` compiles them when it starts.
"""

import subprocess
from pathlib import Path

LOOPBACK = "loopback"
REPOSITORY_LOCK = "repository_lock"
SOURCES = Path(__file__).parent


class NoCompilerError(Exception):
    """A preload library could not be compiled, so the server does not start."""


def find_preload(name: str, run_dir: Path) -> Path:
    """Return the library built with the image; when there is none, compile it into ``run_dir``.

    Raises:
        NoCompilerError: there is no C compiler, or it failed.
    """
    built = SOURCES / f"{name}.so"
    return built if built.is_file() else compile_library(SOURCES / f"{name}.c", run_dir)


def compile_library(source: Path, run_dir: Path) -> Path:
    """Compile one C file into ``run_dir``.

    Raises:
        NoCompilerError: there is no C compiler, or it failed.
    """
    library = run_dir / f"{source.stem}.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"cc could not build {source.name}: install a C compiler (gcc)"
        raise NoCompilerError(message) from error
    return library
