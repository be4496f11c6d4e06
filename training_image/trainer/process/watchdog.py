"""Says when nothing gets done: a job that hangs costs as much as one that works.

It looks at the time limit, which is asked after every step and every step of a picture, and names
the line that the main thread is at. It ends nothing; SageMaker's own limits do.
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

CHECKS_PER_PERIOD = 4
"""How often it looks within the time that it waits."""


@contextmanager
def watchdog(limit: TimeLimit, seconds: float) -> Iterator[None]:
    """Say ``watchdog`` whenever so many seconds went by without a step; 0 never does."""
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
        idle = now - max(limit.checked_at, logged_at)
        if idle >= seconds:
            idle_seconds = round(now - limit.checked_at)
            log(f"watchdog: no step for {idle_seconds} s; {location_of(owner)}")
            logged_at = now


def location_of(thread: int) -> str:
    """Return where a thread is: the innermost line, and the innermost one of the trainer."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 (its documented use)
    if frame is None:
        return "the work has ended"
    lines = traceback.extract_stack(frame)
    own = [line for line in lines if Path(line.filename).parent.name == "trainer"]
    locations = dict.fromkeys(
        f"{Path(line.filename).name}:{line.lineno}" for line in own[-1:] + lines[-1:]
    )
    return "at " + ", in ".join(locations)
