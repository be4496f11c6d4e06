"""How far a task is, for whoever waits: a small file that SageMaker mirrors to S3 with the rest."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from contracts.documents.status import TrainingProgress
from contracts.shared.layout import PROGRESS_FILE
from trainer.process.results import write_atomically

WRITE_EVERY_SECONDS = 10.0
"""Each write becomes an upload, an event and a row in a table."""


class ProgressFile:
    """``progress.json`` of one task; its ETA is this run's own pace."""

    def __init__(
        self, folder: Path, job_id: str, total_steps: int, clock: Callable[[], float] | None = None
    ) -> None:
        self._path = folder / PROGRESS_FILE
        self._job_id, self._total = job_id, total_steps
        self._clock = clock or time.monotonic
        self._first: tuple[int, float] | None = None
        self._written = float("-inf")

    def update(self, step: int) -> None:
        """Write how far it is, unless that was done just now."""
        now = self._clock()
        first_step, since = self._first = self._first or (step, now)
        if now - self._written < WRITE_EVERY_SECONDS or step == first_step:
            return
        pace = (now - since) / (step - first_step)
        progress = TrainingProgress(
            job_id=self._job_id,
            training_job_name=os.environ.get("TRAINING_JOB_NAME"),
            step=step,
            total_steps=self._total,
            eta_seconds=round(pace * (self._total - step)),
        )
        write_atomically(self._path, progress.model_dump_json().encode())
        self._written = now
