"""Unpack an archive in a child process: a hostile archive can end the child, but not the stage."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, Any

from contracts.errors import ArchiveRefusedError
from contracts.shared.limits import MAX_ARCHIVE_SECONDS
from domain.ports.archives import Header, Member
from runtime.imaging.child_limits import STARTED
from runtime.imaging.sandbox import broken, cpu_seconds_of_children, environment_of_child

WAIT_SECONDS = 3 * MAX_ARCHIVE_SECONDS
"""Longest wait for a child, the time in which the files are stored not counted."""
_PIECE = 1 << 18


class ChildArchives:
    """Runs the module ``unpack`` for each archive; all of them share one limit of time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Processor seconds of all children so far."""

    @contextmanager
    def open(self, body: bytes) -> Iterator["ChildArchive"]:
        """Open an archive; see the Protocol for what it raises."""
        left = int(MAX_ARCHIVE_SECONDS - self.seconds)
        if left < 1:
            raise ArchiveRefusedError(code="archive_too_complex", reason="time")
        before = cpu_seconds_of_children()
        archive = ChildArchive(body, left)
        try:
            archive.read_headers()
            yield archive
        finally:
            archive.close()
            self.seconds += cpu_seconds_of_children() - before


class ChildArchive:
    """One archive that a child unpacks."""

    def __init__(self, body: bytes, seconds: int) -> None:
        command = [sys.executable, "-P", "-m", f"{__package__}.unpack", str(seconds)]
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment_of_child(),
            )
        except OSError as error:
            raise broken(f"{type(error).__name__} {error.errno}") from error
        self._writer = Thread(target=_send, args=(self._child.stdin, body), daemon=True)
        self._writer.start()
        self._waiting = bytearray()
        self._left = float(WAIT_SECONDS)
        self._started = False
        self.headers: tuple[Header, ...] = ()

    def read_headers(self) -> None:
        """Wait until the child has checked every header.

        Raises:
            ArchiveRefusedError: the child refused the archive, or exceeded a limit.
            DecoderBrokenError: the child did not start.
        """
        if self._line() != b"":
            raise self._ending()
        self._started = True
        self.headers = tuple(Header(*header) for header in self._facts()["headers"])

    def members(self) -> Iterator[Member]:
        """Yield the files; see the Protocol for what it raises."""
        for header in self.headers:
            yield Member(header.name, self._bytes(self._facts()["size"]))

    def close(self) -> None:
        """End the child and wait for its end."""
        self._child.kill()
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
        self._child.wait()
        self._writer.join()

    def _facts(self) -> dict[str, Any]:
        """Return the next line's facts."""
        facts: dict[str, Any] = json.loads(self._line())
        if "refused" in facts:
            raise ArchiveRefusedError(**facts["refused"])
        return facts

    def _line(self) -> bytes:
        while STARTED not in self._waiting:
            self._fill()
        line, _, rest = bytes(self._waiting).partition(STARTED)
        self._waiting = bytearray(rest)
        return line

    def _bytes(self, size: int) -> bytes:
        while len(self._waiting) < size:
            self._fill()
        data = bytes(self._waiting[:size])
        del self._waiting[:size]
        return data

    def _fill(self) -> None:
        """Wait for more of the child's output.

        Raises:
            ArchiveRefusedError, DecoderBrokenError: there is none; see ``read_headers``.
        """
        stdout = self._child.stdout
        begin = time.monotonic()
        ready = stdout is not None and select.select([stdout], [], [], max(0.0, self._left))[0]
        self._left -= time.monotonic() - begin
        if stdout is None or not ready:
            raise self._late()
        piece = os.read(stdout.fileno(), _PIECE)
        if not piece:
            raise self._ending()
        self._waiting += piece

    def _late(self) -> Exception:
        if self._started:
            return ArchiveRefusedError(code="archive_too_complex", reason="time")
        return broken(f"it did not start within {WAIT_SECONDS} s")

    def _ending(self) -> Exception:
        """Return what the child's end means."""
        errors = b"" if self._child.stderr is None else self._child.stderr.read()
        status = self._child.wait()
        if self._started and status < 0:  # a signal: a limit killed the child
            return ArchiveRefusedError(code="archive_too_complex", reason="killed")
        return broken(f"it ended with status {status}", b"" if self._started else errors)


def _send(stdin: IO[bytes] | None, body: bytes) -> None:
    """Write the archive to the child, which may end before it has read all of it."""
    if stdin is not None:
        with suppress(OSError):
            stdin.write(body)
        with suppress(OSError):
            stdin.close()
