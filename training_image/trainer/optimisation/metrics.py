"""The metrics of a training: log lines, progress.json, TensorBoard's event files and the curve.

SageMaker's MetricDefinitions parse the log lines (METRICS in domain). The job's status is read from
progress.json.
"""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch.utils.tensorboard import SummaryWriter

from contracts.documents.training import CurvePoint
from trainer.config.recipe import Recipe
from trainer.optimisation.checkpoint import Progress
from trainer.optimisation.progress import ProgressFile
from trainer.process.results import log

LINES_PER_RUN = 100
"""The approximate number of metric lines of one training."""

TENSORBOARD_FOLDER = Path("output") / "tensorboard"
"""SageMaker's TensorBoardOutputConfig mirrors this folder to S3 during the job."""


class MetricsLogger:
    """The metrics of one training, from its first step to ``close``."""

    def __init__(
        self,
        recipe: Recipe,
        progress_file: ProgressFile,
        events: Path | None,
        last_step: int | None = None,
    ) -> None:
        """Take the folder of the event files, None to write none; and the last step of this run."""
        self._last_step = last_step or recipe.steps
        self._recipe = recipe
        self._progress_file = progress_file
        self._folder = events
        self._every = max(1, recipe.steps // LINES_PER_RUN)
        self._since = time.monotonic()
        self._images = 0
        self._writer: SummaryWriter | None = None
        self._points: dict[int, dict[str, float]] = {}

    def record_step(self, progress: Progress, rate: float, norm: float, images: int) -> None:
        """Record one step of ``images`` images; log a line every few steps and at the end."""
        self._images += images
        self._record(progress.step, "train", loss=progress.losses[-1], lr=rate, grad_norm=norm)
        if progress.step % self._every and progress.step != self._last_step:
            return
        speed = self._images / max(1e-9, time.monotonic() - self._since)
        log(
            f"step={progress.step} loss={progress.losses[-1]:.4f} lr={rate:.1e} "
            f"grad_norm={norm:.4f} images_per_second={speed:.1f} "
            f"steps={self._recipe.steps} job_id={self._recipe.job_id}"
        )
        self._record(progress.step, "train", images_per_second=speed)
        self._add_point(
            progress.step,
            loss=progress.losses[-1],
            learning_rate=rate,
            grad_norm=norm,
            images_per_second=speed,
        )
        self._progress_file.update(progress.step)
        self._since, self._images = time.monotonic(), 0

    def record_images(
        self, step: int, pictures: npt.NDArray[np.float32], measured: Mapping[str, float]
    ) -> None:
        """Add images (N, S, S, 3), 0 to 1, to the event file, and log their metrics."""
        if self._folder is not None:
            self._events(step).add_images("samples", pictures, step, dataformats="NHWC")
        self._record(step, "samples", **measured)
        self._add_point(step, **{f"sample_{name}": value for name, value in measured.items()})
        if measured:
            figures = " ".join(f"sample_{name}={value:.4f}" for name, value in measured.items())
            log(f"step={step} {figures} job_id={self._recipe.job_id}")

    def curve(self, losses: Sequence[float]) -> tuple[CurvePoint, ...]:
        """Return what was logged; of steps before this attempt, the loss every few steps.

        Args:
            losses: the loss of each step done, of earlier attempts too.
        """
        first = min(self._points, default=len(losses) + 1)
        earlier = range(self._every, min(first, len(losses) + 1), self._every)
        points = {step: {"loss": losses[step - 1]} for step in earlier} | self._points
        return tuple(
            CurvePoint(step=step, values={n: v for n, v in values.items() if math.isfinite(v)})
            for step, values in sorted(points.items())
        )

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()

    def _add_point(self, step: int, **values: float) -> None:
        self._points[step] = self._points.get(step, {}) | values

    def _record(self, step: int, group: str, **figures: float) -> None:
        if self._folder is None:
            return
        for name, value in figures.items():
            self._events(step).add_scalar(f"{group}/{name}", value, step)

    def _events(self, step: int) -> SummaryWriter:
        if self._writer is None:
            # TensorBoard ignores what an earlier attempt wrote after its last checkpoint.
            self._writer = SummaryWriter(str(self._folder), purge_step=step, flush_secs=10)
        return self._writer
