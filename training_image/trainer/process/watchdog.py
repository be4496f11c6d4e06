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

from trainer.process.results import say
from trainer.process.time_limit import TimeLimit

TRAINER = Path(__file__).resolve().parents[1]
LOOKS = 4
"""How often it looks within the time that it waits."""


@contextmanager
def watching(limit: TimeLimit, seconds: float) -> Iterator[None]:
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
    said_at = 0.0
    while not ended.wait(seconds / LOOKS):
        now = time.monotonic()
        quiet = now - max(limit.asked_at, said_at)
        if quiet >= seconds:
            so_long = round(now - limit.asked_at)
            say(f"watchdog: no step for {so_long} s; {place_of(owner)}")
            said_at = now


def place_of(thread: int) -> str:
    """Return where a thread is: the innermost line, and the innermost one of the trainer."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 (its documented use)
    if frame is None:
        return "the work has ended"
    lines = traceback.extract_stack(frame)
    own = [line for line in lines if Path(line.filename).is_relative_to(TRAINER)]
    places = dict.fromkeys(
        f"{Path(line.filename).name}:{line.lineno}" for line in own[-1:] + lines[-1:]
    )
    return "at " + ", in ".join(places)
