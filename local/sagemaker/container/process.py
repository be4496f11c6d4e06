"""A program in its own process tree, started through `supervise.py`, in place of a container."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from local.sagemaker.container.images import Program
from local.sagemaker.container.supervise import ISOLATED

SUPERVISOR = Path(__file__).with_name("supervise.py")


class Container:
    """Starts a program whose output goes to a file; it ends with this process.

    The event ``ended`` is set when the program has ended. An ``isolated`` program has no network.
    """

    def __init__(  # noqa: PLR0913 - what runs, and where
        self,
        program: Program,
        environment: Mapping[str, str],
        folder: Path,
        log_file: Path,
        ended: threading.Event | None = None,
        *,
        isolated: bool = False,
    ) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        argv = (ISOLATED, *program.argv) if isolated else program.argv
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), *argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=container_environment(program, environment, folder),
                cwd=folder,
                start_new_session=True,
            )
        self._lock = threading.Lock()
        self._ended = ended or threading.Event()
        threading.Thread(target=self._await_end, daemon=True, name="container").start()

    def terminate(self) -> None:
        """Send SIGTERM to the program only, as a container runtime does."""
        self._send(b"T")

    def kill(self) -> None:
        """Kill the program and all its descendants, and wait for their end."""
        self._send(b"K")
        self._process.wait()

    def stop(self, grace: float) -> None:
        """Send SIGTERM, wait, then kill."""
        self.terminate()
        if self.wait(grace) is None:
            self.kill()

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None when the program still runs after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def status(self) -> int | None:
        """Return the exit status, or None while the program runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        return self._process.pid

    def _await_end(self) -> None:
        """Wait for the program's end, then set the event."""
        self._process.wait()
        with self._lock, suppress(BrokenPipeError):
            self._pipe.close()
        self._ended.set()

    def _send(self, command: bytes) -> None:
        with self._lock, suppress(BrokenPipeError):
            if not self._pipe.closed:
                self._pipe.write(command)
                self._pipe.flush()

    @property
    def _pipe(self) -> IO[bytes]:
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 - opened above
        return pipe


def container_environment(
    program: Program, environment: Mapping[str, str], folder: Path
) -> dict[str, str]:
    """Return the program's environment, which inherits nothing from this process."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{Path(program.argv[0]).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        **program.environment,
        **program.at_start(),
        **environment,
    }
