"""Sends a container's output to CloudWatch Logs, with its role's permissions."""

import re
import time
from collections.abc import Callable
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.cloud.typing_aliases import Json, Stock
from local.sagemaker import store

MAX_LINE = 200_000  # characters; CloudWatch accepts 256 KiB
MAX_BATCH = 500


class LogShipper:
    """Follows one file; call `ship` repeatedly, and once more after the end."""

    def __init__(  # noqa: PLR0913, PLR0917 - where from, where to, and what is measured
        self,
        logs: Stock,
        group: str,
        stream: str,
        file: Path,
        metrics: Json = (),
        measured: Callable[[str, float], None] = lambda _name, _value: None,
    ) -> None:
        self._logs = logs
        self._group = group
        self._stream = stream
        self._file = file
        self._offset = file.stat().st_size if file.exists() else 0
        self._unfinished = b""
        self._refused = not self._create()
        self._metrics = [(item["Name"], re.compile(item["Regex"])) for item in metrics]
        self._values: dict[str, Json] = {}
        self._measured = measured

    def ship(self, *, last: bool = False) -> None:
        """Send the new lines; with `last` also a line without an end."""
        lines = self._new_lines(last=last)
        for start in range(0, len(lines), MAX_BATCH):
            self._send(lines[start : start + MAX_BATCH])
        for line in lines:
            self._measure(line)

    def final_metrics(self) -> list[Json]:
        """Return FinalMetricDataList: the last value of each metric in the output."""
        return list(self._values.values())

    def _new_lines(self, *, last: bool) -> list[str]:
        if not self._file.exists():
            return []
        with self._file.open("rb") as file:
            file.seek(self._offset)
            content = file.read()
        self._offset += len(content)
        *lines, self._unfinished = (self._unfinished + content).split(b"\n")
        if last and self._unfinished:
            lines.append(self._unfinished)
            self._unfinished = b""
        # A progress bar overwrites its line, so only the text after the last CR is sent.
        texts = (
            line.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", "replace") for line in lines
        )
        return [text[:MAX_LINE] for text in texts if text.strip()]

    def _create(self) -> bool:
        try:
            for create, names in (
                (self._logs.create_log_group, {"logGroupName": self._group}),
                (
                    self._logs.create_log_stream,
                    {"logGroupName": self._group, "logStreamName": self._stream},
                ),
            ):
                try:
                    create(**names)
                except self._logs.exceptions.ResourceAlreadyExistsException:
                    continue
        except (ClientError, BotoCoreError):
            return False  # as on AWS, a role without the permission writes no logs
        return True

    def _send(self, lines: list[str]) -> None:
        if self._refused or not lines:
            return
        moment = int(time.time() * 1000)
        try:
            self._logs.put_log_events(
                logGroupName=self._group,
                logStreamName=self._stream,
                logEvents=[{"timestamp": moment, "message": line} for line in lines],
            )
        except (ClientError, BotoCoreError):
            self._refused = True  # the file still holds the complete output

    def _measure(self, line: str) -> None:
        for name, pattern in self._metrics:
            found = pattern.search(line)
            if found is None or not found.groups():
                continue
            try:
                value = float(found[1])
            except ValueError:
                continue
            self._values[name] = {"MetricName": name, "Value": value, "Timestamp": store.now()}
            self._measured(name, value)
