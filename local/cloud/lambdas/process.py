"""The process of an execution environment, with the pipes to the program inside it."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from local.cloud import children
from local.cloud.lambdas import memory
from local.cloud.lambdas.runtime import END_OF_LOG
from local.cloud.typing_aliases import Json

Line = tuple[int, str]
"""A line of a function's log: milliseconds since 1970, text."""

LOG_SECONDS = 2.0
"""Time limit for the last lines of a log, when the process has ended."""


class RuntimeProcess:
    """A running program; ministack ends it through the methods of subprocess.Popen that it uses."""

    def __init__(self, args: list[str], folder: Path, variables: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self._child = children.popen(
            args, cwd=folder, env=variables, stdin=pipe, stdout=pipe, stderr=pipe
        )
        self.pid = self._child.pid
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._log: queue.SimpleQueue[Line | None] = queue.SimpleQueue()
        _start(self._read_answers, self._child.stdout)
        _start(self._read_log, self._child.stderr)

    def send(self, message: Json) -> None:
        """Send one message; a process that has ended is noticed when its answer is read."""
        assert self._child.stdin is not None  # noqa: S101 - it was asked for
        with suppress(OSError, ValueError):
            self._child.stdin.write(json.dumps(message).encode() + b"\n")
            self._child.stdin.flush()

    def answer(self, seconds: float) -> dict[str, Any] | None:
        """Return the next answer; None when the process has ended without one.

        Raises:
            queue.Empty: neither happened within this time.
        """
        return self._answers.get(timeout=seconds)

    def log(self) -> list[Line]:
        """Return the lines that were printed until the end of the invocation or of the process."""
        lines, end = [], time.monotonic() + LOG_SECONDS
        with suppress(queue.Empty):
            while (line := self._log.get(timeout=max(0.0, end - time.monotonic()))) is not None:
                lines.append(line)
        return lines

    def poll(self) -> int | None:
        """Return the exit status; None while the process runs."""
        return self._child.poll()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; return the exit status."""
        return self._child.wait(timeout)

    def kill(self) -> None:
        """End the process and all its descendants at once, as Lambda does."""
        for pid in memory.tree_of(self.pid) if self.poll() is None else ():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    terminate = kill

    def close(self) -> None:
        """End the process; its readers close their pipes when they have read the last line."""
        self.kill()
        self.wait()
        assert self._child.stdin is not None  # noqa: S101 - it was asked for
        with suppress(OSError):  # of a message that nobody has read
            self._child.stdin.close()

    def _read_answers(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError), pipe:
            for line in pipe:
                self._answers.put(json.loads(line))
        self._answers.put(None)

    def _read_log(self, pipe: IO[bytes]) -> None:
        with suppress(OSError, ValueError), pipe:
            for raw in pipe:
                text, marker, _ = raw.decode("utf-8", "replace").rstrip("\n").partition(END_OF_LOG)
                if text or not marker:
                    self._log.put((time.time_ns() // 1_000_000, text))
                if marker:
                    self._log.put(None)
        self._log.put(None)


def _start(work: Callable[[IO[bytes]], None], pipe: IO[bytes] | None) -> None:
    threading.Thread(target=work, args=(pipe,), daemon=True, name="function-pipe").start()
