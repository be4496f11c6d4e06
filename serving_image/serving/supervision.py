"""Starts the processes beside tritonserver, and starts them again when they die."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from serving.devices import Device, device_environment
from serving.front.settings import HOPELESS
from serving.front.settings import READY as FRONT_READY

MAX_FAILED_STARTS = 3
"""Starts in a row after which a process did not become ready; then the container ends, and
SageMaker replaces it."""

EXIT_SECONDS = 10

MARKS_FILE = "LIKENESS_MARKS_FILE"
"""Variable that names the file with the marks' secret; ``serve`` sets it."""

NAMES_FILE = "LIKENESS_NAMES_FILE"
"""Variable that names the file with names that nobody may draw; ``serve`` sets it."""

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
    names: Path | None = None
    """File with names that nobody may draw."""
    filter: Path | None = None
    """Folder of the content filter."""


def engine_environment(base: Path, run_dir: Path, found: Found | None = None) -> dict[str, str]:
    """Return the environment that the processes of all engines have."""
    checker, marks, names, content = found or Found()
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, ROOMS))
    environment["LIKENESS_BASE_DIR"] = str(base.resolve())
    environment["LIKENESS_RUN_DIR"] = str(run_dir)
    if checker is not None:
        environment["LIKENESS_SAFETY_DIR"] = str(checker.resolve())
    if content is not None:
        environment["LIKENESS_FILTER_DIR"] = str(content.resolve())
    if marks is not None:
        environment[MARKS_FILE] = str(marks.resolve())
    if names is not None:
        environment[NAMES_FILE] = str(names.resolve())
    environment.setdefault("MALLOC_ARENA_MAX", "2")
    # Two spinning threads on two busy cores are 12 times slower than one.
    environment.setdefault("OMP_NUM_THREADS", "1")
    return environment


class Process:
    """A process beside tritonserver; ``look`` is called about once a second."""

    def __init__(
        self,
        what: str,
        command: Sequence[str],
        environment: dict[str, str],
        ready: Path,
        before_start: Callable[[], None],
    ) -> None:
        """Start the process.

        Args:
            what: its name in the log.
            command: starts it.
            environment: its environment.
            ready: a file or socket that exists when it is ready.
            before_start: runs in the new process before its program.
        """
        self.what, self.command, self.environment = what, list(command), environment
        self.ready, self.before_start = ready, before_start
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
        """Start a dead process again; return why the container must end, if it must."""
        if self.process.poll() is None:
            if self.ready.exists():
                self.failed_starts = 0
            return None
        self.failed_starts = 0 if self.ready.exists() else self.failed_starts + 1
        self.ready.unlink(missing_ok=True)
        if self.process.returncode == STARTUP_ERROR:
            return f"{self.what} cannot start with this base or these settings"
        if self.process.returncode == HOPELESS:
            return "a model's process died with requests, so Triton can never unload it"
        if self.failed_starts >= MAX_FAILED_STARTS:
            return f"{self.what} did not start {MAX_FAILED_STARTS} times in a row"
        status = self.process.returncode
        sys.stderr.write(f"serve: {self.what} died ({status}); starting it again\n")
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
"""Exit status of a process that names what is wrong; another start would say the same."""


def start_engine(
    device: Device, environment: dict[str, str], run_dir: Path, before_start: Callable[[], None]
) -> Process:
    """Start the engine of one device."""
    own = environment | device_environment(device, environment)
    ready = run_dir / device.socket
    return Process(device.what, engine_command(), own, ready, before_start)


def start_front(
    ports: tuple[int, int], host: str, run_dir: Path, before_start: Callable[[], None]
) -> Process:
    """Start the front on the first port, before Triton on the second."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, ROOMS))
    environment["LIKENESS_RUN_DIR"] = str(run_dir)
    command = [sys.executable, "-m", "serving.front", *map(str, ports), host]
    return Process("the front", command, environment, run_dir / FRONT_READY, before_start)
