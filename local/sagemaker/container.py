"""A program in its own process tree, as SageMaker runs a container: `supervise.py` holds it."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from local.sagemaker.images import Program

SUPERVISOR = Path(__file__).with_name("supervise.py")


class Container:
    """Starts at once; output goes to a file. Nothing of it outlives this process."""

    def __init__(
        self, program: Program, environment: Mapping[str, str], folder: Path, log_file: Path
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

    def terminate(self) -> None:
        """Send SIGTERM to the program alone, as a container's runtime does."""
        self._say(b"T")

    def kill(self) -> None:
        """Kill the program with everything it started, and wait until that is done."""
        self._say(b"K")
        self._process.wait()
        self._hang_up()

    def stop(self, grace: float) -> None:
        """Ask, wait, then kill."""
        self.terminate()
        if self.wait(grace) is None:
            self.kill()

    def wait(self, seconds: float) -> int | None:
        """Return the exit status, or None when it still runs after so long."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._hang_up()
        return status

    def tell_end(self, news: threading.Event) -> None:
        """Set the event when the program has ended."""

        def watch() -> None:
            self._process.wait()
            news.set()

        threading.Thread(target=watch, daemon=True, name="container-end").start()

    def status(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        return self._process.pid

    def _say(self, command: bytes) -> None:
        pipe = self._process.stdin
        if pipe is None or pipe.closed or self._process.poll() is not None:
            return
        try:
            pipe.write(command)
            pipe.flush()
        except BrokenPipeError:
            return

    def _hang_up(self) -> None:
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                return


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
        **environment,
    }
