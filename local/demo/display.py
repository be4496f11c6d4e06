"""What a person sees of a running workflow: a bar in a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from local.demo.training_log import Progress as Reading

LINE_SECONDS = 20.0
"""Between two lines where there is no terminal."""


class Display:
    """Shows how far the training is; a context, so that the bar goes away."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._clock = console, clock
        self._bar = Progress(
            TextColumn("  {task.description}"), BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"), TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._remaining = RemainingTime(clock)
        self._printed = clock()
        self._part = ""

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, reading: Reading) -> None:
        """Show how far a part is."""
        left = self._remaining.left(reading)
        if self._console.is_terminal:
            self._draw(reading)
        elif reading.what != self._part or self._clock() - self._printed >= LINE_SECONDS:
            self._print(f"{reading.what}  {reading.percent:3d} %  {reading}{left}")
        self._part = reading.what

    def still(self, what: str, silence: float) -> None:
        """Say that a part goes on although it says nothing; only where there is no terminal."""
        if not self._console.is_terminal and self._clock() - self._printed >= 3 * LINE_SECONDS:
            self._print(f"{what}  no news for {silence:.0f} s, waiting")

    def _print(self, words: str) -> None:
        self._printed = self._clock()
        self._console.print(f"  {words}", soft_wrap=True)

    def _draw(self, reading: Reading) -> None:
        if self._task is None or reading.what != self._part:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(reading.what, total=reading.total, words="")
        self._bar.update(self._task, completed=reading.done, words=str(reading))


class RemainingTime:
    """How long the rest of a part takes, at the pace that was seen of it so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: tuple[Reading, float] | None = None

    def left(self, reading: Reading) -> str:
        """Return the words for what is left; empty while that is not known."""
        now = self._clock()
        if self._first is None or self._first[0].what != reading.what:
            self._first = (reading, now)
        first, since = self._first
        if reading.done <= first.done:
            return ""
        seconds = (now - since) / (reading.done - first.done) * (reading.total - reading.done)
        return f", about {minutes(seconds)} left"


def minutes(seconds: float) -> str:
    """Return a duration as a person says it.

    >>> minutes(42), minutes(200)
    ('42 s', '3 min 20 s')
    """
    whole, rest = divmod(round(seconds), 60)
    return f"{whole} min {rest} s" if whole else f"{rest} s"


@contextmanager
def doing(console: Console, words: str) -> Iterator[None]:
    """Show that something is being done: a spinner, or a line where there is no terminal."""
    if console.is_terminal:
        with console.status(words):
            yield
    else:
        console.print(f"  {words}", soft_wrap=True)
        yield
