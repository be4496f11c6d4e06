"""A child process that loads networks once and answers for each photo with one line of JSON.

Its limits, or a hostile photo, end the child but not the stage. The modules ``face_child`` and
``classifier_child`` run in one.
"""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO

from contracts.errors import DecoderBrokenError
from runtime.imaging.child_limits import STARTED
from runtime.imaging.sandbox import cpu_seconds_of_children, environment_of_child

START_SECONDS, WALL_SECONDS = 60, 60
TICKS = os.sysconf("SC_CLK_TCK")
"""Units in which Linux counts a process's time, in a second."""

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer: a face has 3 kB."""


class PhotoChild:
    """Starts a module of this package when it is needed first, and again after it has ended."""

    def __init__(self, module: str, arguments: Sequence[str] = ()) -> None:
        """Remember what to start.

        Args:
            module: name of the module; it also stands in the error of one that does not start.
            arguments: its command line.
        """
        self._module, self._arguments = module, list(arguments)
        self._before = cpu_seconds_of_children()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ready = False

    @property
    def seconds(self) -> float:
        """Processor seconds of all children that have ended, and of the one that runs."""
        return cpu_seconds_of_children() - self._before + self._running()

    def begin(self) -> None:
        """Start the child, which loads its networks while the photo is decoded."""
        self._begun()

    def ask(self, body: bytes) -> bytes:
        """Return the child's line about a photo; empty when a limit ended the child.

        Raises:
            DecoderBrokenError: the child does not start.
        """
        child = self._started()
        try:
            _pipe(child.stdin).write(len(body).to_bytes(4) + body)
            _pipe(child.stdin).flush()
            line = _line(_pipe(child.stdout), WALL_SECONDS)
        except (BrokenPipeError, TimeoutError):
            line = b""
        if not line:
            self.close()
        return line

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def close_after(self, seconds: float) -> None:
        """End the child if it has used ``seconds`` processor seconds: its own limit is near."""
        if self._running() > seconds:
            self.close()

    def _begun(self) -> subprocess.Popen[bytes]:
        """Return the child, which may still load its networks."""
        if self._child is None:
            self._is_ready = False
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.{self._module}", *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment_of_child() | {"OPENBLAS_NUM_THREADS": "1"},
            )
        return self._child

    def _started(self) -> subprocess.Popen[bytes]:
        """Return the child with its networks loaded.

        Raises:
            DecoderBrokenError: it does not start.
        """
        child = self._begun()
        if self._is_ready:
            return child
        try:
            started = _line(_pipe(child.stdout), START_SECONDS)
        except TimeoutError:
            started = b""
        if started != STARTED:
            self.close()
            raise DecoderBrokenError(reason=f"{self._module} ended with {child.returncode}")
        self._is_ready = True
        return child

    def _running(self) -> float:
        """Return the processor seconds of the running child, as Linux counts them."""
        if self._child is None:
            return 0.0
        try:
            with open(f"/proc/{self._child.pid}/stat") as file:  # noqa: PTH123 - no path of a user
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / TICKS


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a stream of the child, which has all of them."""
    if stream is None:
        raise BrokenPipeError
    return stream


def _line(stream: IO[bytes], seconds: float) -> bytes:
    """Return the next line; empty when the child has ended.

    Raises:
        TimeoutError: no whole line came in time.
    """
    until, line = time.monotonic() + seconds, b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while not line.endswith(b"\n") and len(line) < MAX_ANSWER:
            if not selector.select(max(0.0, until - time.monotonic())):
                raise TimeoutError
            part = stream.read1(65536)  # type: ignore[attr-defined] # a BufferedReader
            if not part:
                return b""
            line += part
    return line
