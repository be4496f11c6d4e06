"""Starts the engine's process, and starts it again when it dies."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from serving.forwarding import SOCKET

MAX_FAILED_STARTS = 3
"""Starts in a row after which the engine did not become ready; then the container ends, and
SageMaker replaces it."""

EXIT_SECONDS = 10

MARKS_FILE = "LIKENESS_MARKS_FILE"
"""Variable that names the file with the marks' secret; ``serve`` sets it."""

ROOMS = (Path(__file__).resolve().parents[1], Path(__file__).resolve().parents[2] / "functions")


def engine_command() -> list[str]:
    """Return the engine's command line."""
    return [sys.executable, "-m", "serving.engine_process"]


class Found(NamedTuple):
    """What ``serve`` found besides the base."""

    checker: Path | None = None
    """Folder of the safety checker."""
    marks: Path | None = None
    """File with the marks' secret."""


def engine_environment(base: Path, run_dir: Path, found: Found | None = None) -> dict[str, str]:
    """Return the environment of the engine's process."""
    checker, marks = found or Found()
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, ROOMS))
    environment["LIKENESS_BASE_DIR"] = str(base.resolve())
    environment["LIKENESS_RUN_DIR"] = str(run_dir)
    if checker is not None:
        environment["LIKENESS_SAFETY_DIR"] = str(checker.resolve())
    if marks is not None:
        environment[MARKS_FILE] = str(marks.resolve())
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    # Two spinning threads on two busy cores are 12 times slower than one.
    environment.setdefault("OMP_NUM_THREADS", "1")
    return environment


class EngineProcess:
    """The engine's process; ``look`` is called about once a second."""

    def __init__(
        self,
        command: Sequence[str],
        environment: dict[str, str],
        socket: Path,
        before_start: Callable[[], None],
    ) -> None:
        """Start the engine.

        Args:
            command: starts it.
            environment: its environment.
            socket: exists when the engine is ready.
            before_start: runs in the new process before its program.
        """
        self.command, self.environment, self.socket = list(command), environment, socket
        self.before_start = before_start
        self.failed_starts = 0
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the process."""
        return subprocess.Popen(
            self.command,
            env=self.environment,
            preexec_fn=self.before_start,  # noqa: PLW1509 (it only asks the kernel for a signal)
        )

    def look(self) -> str | None:
        """Start a dead engine again; return why the container must end, if it must."""
        if self.process.poll() is None:
            if self.socket.exists():
                self.failed_starts = 0
            return None
        self.failed_starts = 0 if self.socket.exists() else self.failed_starts + 1
        self.socket.unlink(missing_ok=True)
        if self.process.returncode == STARTUP_ERROR:
            return "the engine cannot start with this base or these settings"
        if self.failed_starts >= MAX_FAILED_STARTS:
            return f"the engine did not start {MAX_FAILED_STARTS} times in a row"
        sys.stderr.write(f"serve: the engine died ({self.process.returncode}); starting it again\n")
        self.process = self.start()
        return None

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


STARTUP_ERROR = 2
"""Exit status of an engine that names what is wrong; another start would say the same."""


def start_engine(
    base: Path, run_dir: Path, found: Found, before_start: Callable[[], None]
) -> EngineProcess:
    """Start the engine that ``serve`` needs."""
    environment = engine_environment(base, run_dir, found)
    return EngineProcess(engine_command(), environment, run_dir / SOCKET, before_start)
