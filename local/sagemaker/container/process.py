"""A program in its own process tree, as SageMaker runs a container: `supervise.py` holds it."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from local.sagemaker.container.images import Program

SUPERVISOR = Path(__file__).with_name("supervise.py")


class Container:
    """Starts at once; output goes to a file. Nothing of it outlives this process.

    ``news`` is set when the program has ended.
    """

    def __init__(
        self,
        program: Program,
        environment: Mapping[str, str],
        folder: Path,
        log_file: Path,
        news: threading.Event | None = None,
    ) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), *program.argv],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=container_environment(program, environment, folder),
                cwd=folder,
                start_new_session=True,
            )
        self._lock = threading.Lock()
        self._news = news or threading.Event()
        threading.Thread(target=self._await_end, daemon=True, name="container").start()

    def terminate(self) -> None:
        """Send SIGTERM to the program alone, as a container's runtime does."""
        self._say(b"T")

    def kill(self) -> None:
        """Kill the program with everything it started, and wait until that is done."""
        self._say(b"K")
        self._process.wait()

    def stop(self, grace: float) -> None:
        """Ask, wait, then kill."""
        self.terminate()
        if self.wait(grace) is None:
            self.kill()

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None when it still runs after so long."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def status(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    def _await_end(self) -> None:
        """Tell that the program has ended."""
        self._process.wait()
        with self._lock, suppress(BrokenPipeError):
            self._pipe.close()
        self._news.set()

    def _say(self, command: bytes) -> None:
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
    """Return all that the program sees: nothing of this process's own environment."""
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
