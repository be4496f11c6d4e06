"""Writes down, once a day, with which models this server has answered: unused ones are erased.

The engine's process leaves a file for each model in a folder of its run; ``serve`` stores the day
of new ones in S3.
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

USED = "used"
"""Folder in LIKENESS_RUN_DIR with a file for each model that was answered with."""

_JOB_ID = re.compile("[0-9a-f]{32}")


def record_use(run_dir: Path, job_ids: frozenset[str]) -> None:
    """Leave a file for each model, or make it of now."""
    folder = run_dir / USED
    for job_id in job_ids:
        if _JOB_ID.fullmatch(job_id):
            folder.mkdir(exist_ok=True)
            (folder / job_id).touch()


class UseReporter:
    """Stores the days in S3; each server stores a day of a model once."""

    def __init__(self, s3: Any, bucket: str, prefix: str) -> None:  # noqa: ANN401 - a boto3 client
        self._s3, self._bucket, self._prefix = s3, bucket, prefix
        self._stored: dict[str, date] = {}

    def report(self, run_dir: Path, erased: set[str]) -> None:
        """Store what is new, and nothing of erased models."""
        for job_id, day in days_of(run_dir).items():
            if job_id not in erased and self._stored.get(job_id) != day:
                body = day.isoformat().encode()
                self._s3.put_object(Bucket=self._bucket, Key=self._prefix + job_id, Body=body)
                self._stored[job_id] = day


def days_of(run_dir: Path) -> dict[str, date]:
    """Return the day in UTC on which each model was answered with last."""
    try:
        entries = list((run_dir / USED).iterdir())
    except FileNotFoundError:
        return {}
    return {one.name: datetime.fromtimestamp(one.stat().st_mtime, UTC).date() for one in entries}
