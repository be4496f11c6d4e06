"""A server writes down the day of a model's use once, and nothing of erased models."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from serving.used import USED, UseReporter, record_use

JOB, OTHER = "a" * 32, "b" * 32
TODAY = datetime.now(UTC).date().isoformat().encode()


class MemoryS3:
    def __init__(self) -> None:
        self.puts: list[tuple[str, bytes]] = []

    def put_object(self, **given: Any) -> None:
        assert given["Bucket"] == "models"
        self.puts.append((given["Key"], given["Body"]))


def test_each_day_of_a_model_is_stored_once(tmp_path: Path) -> None:
    s3 = MemoryS3()
    reporter = UseReporter(s3, "models", "used/")
    reporter.report(tmp_path, set())
    record_use(tmp_path, frozenset({JOB, "job-1", "../x"}))
    for _ in range(2):
        record_use(tmp_path, frozenset({JOB}))
        reporter.report(tmp_path, set())
    assert s3.puts == [(f"used/{JOB}", TODAY)]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    os.utime(tmp_path / USED / JOB, (yesterday.timestamp(),) * 2)
    reporter.report(tmp_path, set())
    assert s3.puts[1:] == [(f"used/{JOB}", yesterday.date().isoformat().encode())]


def test_nothing_is_written_down_of_an_erased_model(tmp_path: Path) -> None:
    s3 = MemoryS3()
    record_use(tmp_path, frozenset({JOB, OTHER}))
    UseReporter(s3, "models", "used/").report(tmp_path, {JOB})
    assert s3.puts == [(f"used/{OTHER}", TODAY)]
