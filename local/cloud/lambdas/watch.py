"""Waits for a process's answer, within the function's time and memory."""

import queue
import time
from typing import Any

from local.cloud.lambdas import memory
from local.cloud.lambdas.process import RuntimeProcess

POLL_SECONDS = 0.02
"""How often the memory of the tree is measured; the peak of one process is always known."""


class TooSlowError(Exception):
    """The process has not answered in time."""


class OutOfMemoryError(Exception):
    """The process and its descendants have had more memory than the function's MemorySize."""


class EndedError(Exception):
    """The process has ended without an answer; `status` is its exit status or -signal."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Watch:
    """Waits for the answers of one process.

    Attributes:
        used_bytes: the most memory that was seen.
    """

    def __init__(self, process: RuntimeProcess, limit_bytes: int) -> None:
        self._process = process
        self._limit = limit_bytes
        self.used_bytes = 0

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            TooSlowError: there was none within this time.
            OutOfMemoryError: the limit was exceeded, also when it was only for a moment.
            EndedError: the process has ended.
        """
        end = time.monotonic() + seconds
        while True:
            left = end - time.monotonic()
            try:
                answer = self._process.answer(min(POLL_SECONDS, max(0.0, left)))
            except queue.Empty:
                self._see(memory.used_bytes(self._process.pid, self._limit))
                if left <= 0:
                    raise TooSlowError from None
                continue
            if answer is None:
                raise EndedError(self._process.wait())
            self._see(memory.peak_bytes(self._process.pid))
            self._see(int(answer["peak_of_children"]) * memory.KIB)
            return answer

    def _see(self, used: int) -> None:
        self.used_bytes = max(self.used_bytes, used)
        if used > self._limit:
            raise OutOfMemoryError
