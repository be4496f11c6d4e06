"""The training job's log as CloudWatch has it: its new lines, and how far they say it is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

GROUP = "/aws/sagemaker/TrainingJobs"
STEP = re.compile(r"step=(?P<done>\d+) loss=(?P<loss>\S+) .*?\bsteps=(?P<total>\d+)")
PICTURES = re.compile(r"(?P<what>[a-z][a-z0-9 ]+): (?P<done>\d+) of (?P<total>\d+)\b")
TRAINING = "training"


@dataclass(frozen=True)
class Progress:
    """How far one part of the work is."""

    what: str
    """``training`` for its steps; else what is drawn."""
    done: int
    total: int
    loss: float | None = None

    @property
    def percent(self) -> int:
        """Percent of this part, rounded down."""
        return 100 * self.done // max(1, self.total)

    def __str__(self) -> str:
        words = "step" if self.what == TRAINING else ""
        loss = "" if self.loss is None else f"  loss {self.loss:.4f}"
        return f"{words} {self.done}/{self.total}{loss}".strip()


def parse(lines: Iterable[str]) -> Progress | None:
    """Return the last progress that these lines tell of.

    >>> parse(["step=3 loss=0.1 lr=1e-3 steps=9", "class images: 8 of 200 job_id=0", "bye"])
    Progress(what='class images', done=8, total=200, loss=None)
    """
    found = None
    for line in lines:
        if step := STEP.search(line):
            found = Progress(TRAINING, int(step["done"]), int(step["total"]), float(step["loss"]))
        elif drawn := PICTURES.match(line):
            found = Progress(drawn["what"], int(drawn["done"]), int(drawn["total"]))
    return found


class TrainingLog:
    """The newest stream of the group; another stream is read from its beginning."""

    def __init__(self, logs: Any) -> None:
        self._logs = logs
        self._stream: str | None = None
        self._token: str | None = None
        self.lines_read = 0

    def read(self) -> list[str]:
        """Return the lines that came since the last time."""
        stream = self._newest()
        if stream is None:
            return []
        if stream != self._stream:
            self._stream, self._token = stream, None
        lines: list[str] = []
        while page := self._page():
            lines += page
        self.lines_read += len(lines)
        return lines

    def _newest(self) -> str | None:
        try:
            found = self._logs.describe_log_streams(logGroupName=GROUP)["logStreams"]
        except self._logs.exceptions.ResourceNotFoundException:
            return None
        newest = max(found, key=lambda stream: stream["creationTime"], default=None)
        return None if newest is None else str(newest["logStreamName"])

    def _page(self) -> list[str]:
        token = {} if self._token is None else {"nextToken": self._token}
        answer = self._logs.get_log_events(
            logGroupName=GROUP, logStreamName=self._stream, startFromHead=True, **token
        )
        self._token = answer["nextForwardToken"]
        return [event["message"] for event in answer["events"]]
