"""progress.json: how far a task is; SageMaker mirrors the file to S3."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from contracts.documents.status import TrainingProgress
from contracts.shared.layout.container import PROGRESS_FILE
from trainer.process.results import write_atomically

WRITE_EVERY_SECONDS = 10.0
"""The shortest time between two writes: each one becomes an upload, an event and a row."""


class ProgressFile:
    """``progress.json`` of one task; the ETA is computed from this attempt's own speed."""

    def __init__(
        self, folder: Path, job_id: str, total_steps: int, clock: Callable[[], float] | None = None
    ) -> None:
        self._path = folder / PROGRESS_FILE
        self._job_id, self._total = job_id, total_steps
        self._clock = clock or time.monotonic
        self._first: tuple[int, float] | None = None
        self._written = float("-inf")

    def update(self, step: int) -> None:
        """Write the progress, unless it was written less than WRITE_EVERY_SECONDS ago."""
        now = self._clock()
        first_step, since = self._first = self._first or (step, now)
        if now - self._written < WRITE_EVERY_SECONDS or step == first_step:
            return
        seconds_per_step = (now - since) / (step - first_step)
        progress = TrainingProgress(
            job_id=self._job_id,
            training_job_name=os.environ.get("TRAINING_JOB_NAME"),
            step=step,
            total_steps=self._total,
            eta_seconds=round(seconds_per_step * (self._total - step)),
        )
        write_atomically(self._path, progress.model_dump_json().encode())
        self._written = now
