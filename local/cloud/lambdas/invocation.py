"""One invocation in one process: from its event to its outcome."""

import time
from typing import Any

from local.cloud.lambdas import limits, memory
from local.cloud.lambdas.outcome import Outcome, exited, out_of_memory, timed_out
from local.cloud.lambdas.process import Line, RuntimeProcess
from local.cloud.lambdas.watch import EndedError, OutOfMemoryError, TooSlowError, Watch
from local.cloud.typing_aliases import Json, Stock

INIT_SECONDS = 300.0
"""Time limit of a start. Lambda's is 10 s, but a busy laptop needs longer for the same work."""


class Invocation:
    """Sends an event to a process, and waits for what becomes of it."""

    def __init__(self, process: RuntimeProcess, config: Stock, request_id: str) -> None:
        self._process = process
        self._request_id = request_id
        self._arn = config.get("FunctionArn", "")
        self._seconds = float(config.get("Timeout", 3))
        self._limit_bytes = int(config.get("MemorySize", 128)) * memory.MIB
        self._watch = Watch(process, self._limit_bytes)
        self._early_lines: list[Line] = []
        self._init_ms: float | None = None

    def run(self, event: Json, trace_id: str | None, *, cold: bool) -> Outcome:
        """Return the outcome. A cold process is waited for first: its start is no function time."""
        began = time.monotonic()
        try:
            if cold:
                self._wait_for_start()
                began = time.monotonic()
            about = {"request_id": self._request_id, "trace_id": trace_id, "arn": self._arn}
            self._process.send({"event": event, "invocation": about})
            outcome = self._answered(self._watch.answer(self._seconds))
        except (TooSlowError, OutOfMemoryError, EndedError) as end:
            outcome = self._ended(end)
        outcome.lines = self._early_lines + self._process.log()
        outcome.used_bytes = outcome.used_bytes or self._watch.used_bytes
        outcome.init_ms, outcome.duration_ms = self._init_ms, (time.monotonic() - began) * 1000
        return outcome

    def _wait_for_start(self) -> None:
        began = time.monotonic()
        self._watch.answer(INIT_SECONDS)
        self._init_ms = (time.monotonic() - began) * 1000
        self._early_lines = self._process.log()

    def _answered(self, answer: dict[str, Any]) -> Outcome:
        if "error" in answer:
            return Outcome({**answer["error"], "requestId": self._request_id}, failed=True)
        too_large = limits.answer_error(answer["result"])
        return Outcome(answer["result"]) if too_large is None else Outcome(too_large, failed=True)

    def _ended(self, end: Exception) -> Outcome:
        """End the process and its descendants, as Lambda ends an environment then."""
        self._process.kill()
        if isinstance(end, TooSlowError):
            return timed_out(self._request_id, self._seconds)
        if isinstance(end, EndedError):
            return exited(self._request_id, end.status)
        return out_of_memory(self._request_id, self._limit_bytes)
