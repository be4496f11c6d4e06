"""One bash for all pages: what a block exports or defines is there for the next, as for a reader.

A trap notices every command that fails, also where the block goes on after it.
"""

import os
import secrets
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PASSED_ON = ("HOME", "PATH", "LANG", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Variables that are passed on: the basics, and those of pip, uv and proxies; none of AWS."""
PREFIXES = ("PIP_", "UV_", "NPM_", "HTTP_", "HTTPS_", "NO_PROXY", "http_", "https_", "no_proxy")
_QUIET_SECONDS = 5.0
_START = "set -E -o pipefail; trap 'failed=$?' ERR\n"


class ShellEndedError(Exception):
    """A block ended the shell, so that no later block can be run."""


@dataclass(frozen=True)
class Outcome:
    """How a block went."""

    printed: str
    status: int | None
    """Status of the last command that failed; 0 when none did, None when it took too long."""
    seconds: float


class Shell:
    """A bash without a terminal, in its own process group.

    Args:
        folder: where it starts.
        settings: variables that it has beside PASSED_ON.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if name in PASSED_ON or name.startswith(PREFIXES)
        }
        self._end = f"walkthrough-{secrets.token_hex(8)}"
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            bufsize=0,
        )
        self._send(_START)

    def run(self, script: Path, limit_seconds: float) -> Outcome:
        """Run a file's commands in the shell itself, without a keyboard.

        Raises:
            ShellEndedError: they ended it.
        """
        began = time.monotonic()
        self._send(f"failed=0; {{ . '{script}'; }} </dev/null; echo; echo {self._end} $failed\n")
        printed, status = self._read(began + limit_seconds)
        return Outcome(printed, status, time.monotonic() - began)

    def close(self) -> None:
        """End the shell and what it still runs in its process group."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(_QUIET_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, words: str) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            raise ShellEndedError
        try:
            self._process.stdin.write(words.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ShellEndedError from None

    def _read(self, deadline: float) -> tuple[str, int | None]:
        """Return what is printed until the end mark, and the status that stands behind it."""
        out = self._process.stdout
        if out is None:
            raise ShellEndedError
        output = b""
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while self._end.encode() not in output or not output.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return output.decode(errors="replace"), None
                some = os.read(out.fileno(), 65536)
                if not some:
                    raise ShellEndedError
                output += some
        printed, _, status = output.decode(errors="replace").rpartition(self._end)
        return printed.removesuffix("\n"), int(status)
