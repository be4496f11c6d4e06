"""How training goes, while it goes: log lines, progress.json, TensorBoard's event files.

Every number is read by something else: the lines by MetricDefinitions (METRICS in domain),
the progress by the job's status, the events by TensorBoard.
"""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch.utils.tensorboard import SummaryWriter

from trainer.config.recipe import Recipe
from trainer.optimisation.checkpoint import Progress
from trainer.optimisation.progress import ProgressFile
from trainer.process.results import log

LINES_PER_RUN = 100
"""How many metric lines one training prints, about."""

TENSORBOARD_FOLDER = Path("output") / "tensorboard"
"""SageMaker's TensorBoardOutputConfig mirrors it to S3 while the job runs."""


class MetricsLogger:
    """Tells of one training, from its first step to ``close``."""

    def __init__(self, recipe: Recipe, progress_file: ProgressFile, events: Path | None) -> None:
        """Take the folder of the event files; None: there are none."""
        self._recipe = recipe
        self._progress_file = progress_file
        self._folder = events
        self._every = max(1, recipe.steps // LINES_PER_RUN)
        self._since = time.monotonic()
        self._images = 0
        self._writer: SummaryWriter | None = None

    def record_step(self, progress: Progress, rate: float, norm: float, images: int) -> None:
        """Count one step of so many images; print a line every few steps and at the end."""
        self._images += images
        self._record(progress.step, "train", loss=progress.losses[-1], lr=rate, grad_norm=norm)
        if progress.step % self._every and progress.step != self._recipe.steps:
            return
        speed = self._images / max(1e-9, time.monotonic() - self._since)
        log(
            f"step={progress.step} loss={progress.losses[-1]:.4f} lr={rate:.1e} "
            f"grad_norm={norm:.4f} images_per_second={speed:.1f} "
            f"steps={self._recipe.steps} job_id={self._recipe.job_id}"
        )
        self._record(progress.step, "train", images_per_second=speed)
        self._progress_file.update(progress.step)
        self._since, self._images = time.monotonic(), 0

    def record_images(
        self, step: int, pictures: npt.NDArray[np.float32], measured: Mapping[str, float]
    ) -> None:
        """Add pictures (N, S, S, 3), 0 to 1, to the events; say what was measured on them."""
        if self._folder is not None:
            self._events(step).add_images("samples", pictures, step, dataformats="NHWC")
        self._record(step, "samples", **measured)
        if measured:
            figures = " ".join(f"sample_{name}={value:.4f}" for name, value in measured.items())
            log(f"step={step} {figures} job_id={self._recipe.job_id}")

    def close(self) -> None:
        """Finish the event file."""
        if self._writer is not None:
            self._writer.close()

    def _record(self, step: int, group: str, **figures: float) -> None:
        if self._folder is None:
            return
        for name, value in figures.items():
            self._events(step).add_scalar(f"{group}/{name}", value, step)

    def _events(self, step: int) -> SummaryWriter:
        if self._writer is None:
            # What an earlier attempt wrote beyond its last saved state is struck out.
            self._writer = SummaryWriter(str(self._folder), purge_step=step, flush_secs=10)
        return self._writer
