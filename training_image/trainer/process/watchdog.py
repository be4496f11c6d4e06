"""The watchdog logs where a job hangs: a hanging job costs as much as a working one.

It reads the time limit, which is checked after every step and every sampling step. It ends nothing;
SageMaker's own limits do.
"""

import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.process.results import log
from trainer.process.time_limit import TimeLimit

PACKAGE = Path(__file__).resolve().parents[1]

CHECKS_PER_PERIOD = 4
"""How often the watchdog checks within its period."""


@contextmanager
def watchdog(limit: TimeLimit, seconds: float) -> Iterator[None]:
    """Log a ``watchdog`` line when there was no step for ``seconds``; 0 turns the watchdog off."""
    if seconds == 0:
        yield
        return
    ended = threading.Event()
    owner = threading.get_ident()
    watcher = threading.Thread(target=_watch, args=(limit, seconds, owner, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(limit: TimeLimit, seconds: float, owner: int, ended: threading.Event) -> None:
    logged_at = 0.0
    while not ended.wait(seconds / CHECKS_PER_PERIOD):
        now = time.monotonic()
        if is_due(limit.checked_at, logged_at, now, seconds):
            idle_seconds = round(now - limit.checked_at)
            log(f"watchdog: no step for {idle_seconds} s; {location_of(owner)}")
            logged_at = now


def is_due(checked_at: float, logged_at: float, now: float, seconds: float) -> bool:
    """Return whether neither a step nor a line of the log came within the last ``seconds``."""
    return now - max(checked_at, logged_at) >= seconds


def location_of(thread: int) -> str:
    """Return where a thread is: its innermost line in the trainer, and its innermost line."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 (its documented use)
    if frame is None:
        return "the main thread has ended"
    lines = traceback.extract_stack(frame)
    own = [line for line in lines if Path(line.filename).is_relative_to(PACKAGE)]
    locations = dict.fromkeys(
        f"{Path(line.filename).name}:{line.lineno}" for line in own[-1:] + lines[-1:]
    )
    return "at " + ", in ".join(locations)
