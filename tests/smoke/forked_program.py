"""The trainer's program in a process that has its imports already.

Nine tenths of the program's start are imports of torch, transformers and diffusers: four seconds of
a core, each time. A fork server has done them once. Each run is a fork of it, with a command line,
an environment and an output of its own, and the image's program from its first line. Its start by
the interpreter itself is what test_training_limits.py, the workers of test_training_processes.py
and the end-to-end tests run.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from subprocess import TimeoutExpired
from types import TracebackType
from typing import Self

IMPORTED = ("pytest", "trainer.job")
AT_IMPORT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DIFFUSERS_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "OMP_NUM_THREADS": "1",
}
"""What the libraries read when they are imported; train.py sets all but the last."""

HOUR_LATER = "an-hour-later"
"""A file in a run's folder: while it is there, the program's clock is an hour ahead."""

_context = multiprocessing.get_context("forkserver")


class ForkedProgram:
    """A run of a Python program, with the part of subprocess.Popen that the tests use.

    Args:
        program: the file that runs as ``__main__``.
        environment: all its variables.
        folder: where ``stdout`` and ``stderr`` are written.
    """

    def __init__(self, program: Path, environment: dict[str, str], folder: Path) -> None:
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        self.stdout.write_bytes(b"")
        self._hour_later = folder / HOUR_LATER
        self._hour_later.unlink(missing_ok=True)  # of an earlier run
        order = ([str(program), "train"], environment, str(folder))
        _start_server()
        self._process = _context.Process(target=_run, args=order)
        self._process.start()

    def lines(self) -> Iterator[str]:
        """Yield each line of the program's output when it is written, until its end."""
        with self.stdout.open() as output:
            line = ""
            while True:
                ended = not self._process.is_alive()
                line += output.readline()
                if line.endswith("\n"):
                    yield line
                    line = ""
                elif ended:
                    return
                else:
                    time.sleep(0.005)

    def let_an_hour_pass(self) -> None:
        """Put the program's ``time.monotonic`` forward, whatever the machine's speed."""
        self._hour_later.touch()

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self._process.pid or 0, number)

    def wait(self, timeout: float) -> int:
        """Return the exit status; a program that is not over in time is killed.

        Raises:
            subprocess.TimeoutExpired: it was killed.
        """
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            self.kill()
            raise TimeoutExpired("train.py", timeout)
        return status

    def kill(self) -> None:
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _start_server() -> None:
    """Start the server if it does not run; it imports when it starts, with what we give it then."""
    _context.set_forkserver_preload(list(IMPORTED))
    path = os.pathsep.join(sys.path)
    with _variables({**AT_IMPORT, "PYTHONPATH": path}):
        forkserver.ensure_running()


def _run(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Become the program; its SystemExit is this process's end."""
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(Path(folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    now, hour_later = time.monotonic, Path(folder, HOUR_LATER)
    time.monotonic = lambda: now() + (3600 if hour_later.exists() else 0)
    sys.argv = arguments
    runpy.run_path(arguments[0], run_name="__main__")
