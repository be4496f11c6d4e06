"""One user's training: what it learns from, where its checkpoints are, and how far it is."""

from dataclasses import dataclass
from pathlib import Path

from contracts.documents.training import CurvePoint
from trainer.config.recipe import Recipe
from trainer.evaluation.validation_images import ValidationSampler
from trainer.examples.batches import Examples
from trainer.model import lora
from trainer.optimisation.checkpoint import (
    Progress,
    TrainingState,
    load_checkpoint,
    save_checkpoint,
)
from trainer.optimisation.checkpoint_choice import (
    Candidates,
    candidate_steps,
    read_candidates,
    save_candidate,
)
from trainer.optimisation.metrics import MetricsLogger
from trainer.optimisation.progress import ProgressFile
from trainer.optimisation.step import StepStats


@dataclass(frozen=True)
class TrainingOutcome:
    """What a training ended with."""

    progress: Progress
    resumed_from: int
    partial: bool
    """Whether the deadline or a divergence ended the training before its last step."""
    diverged_at: int | None = None
    """The step whose loss or gradient was not finite; None when there was none."""
    curve: tuple[CurvePoint, ...] = ()
    """What was logged on the way."""


@dataclass(frozen=True)
class TrainingRun:
    """The recipe, the examples and the folders of one user's training."""

    recipe: Recipe
    examples: Examples
    folder: Path
    """The folder of the checkpoints."""
    fingerprint: str
    """The hash of all that a checkpoint depends on."""
    events: Path | None = None
    """The folder of TensorBoard's event files; None to write none."""
    sampler: ValidationSampler | None = None
    """The validation images of the request; None to draw none."""
    rung_end: int | None = None
    """The step after which a sweep's rung ends; None to do all steps."""
    earlier: Path | None = None
    """The folder of the checkpoints of the rung before; None without one."""

    @property
    def last_step(self) -> int:
        """Return the number of steps after which this run ends."""
        return min(self.recipe.steps, self.rung_end or self.recipe.steps)

    def validation_is_due(self, step: int) -> bool:
        """Return whether validation images are drawn after ``step`` steps."""
        return self.sampler is not None and self.sampler.is_due(step)

    def checkpoint_is_due(self, step: int) -> bool:
        """Return whether a checkpoint is saved after ``step`` steps.

        A checkpoint is saved before validation images are drawn, because drawing takes long and
        SIGTERM interrupts it.
        """
        steps = self.recipe.steps
        is_due = step % self.recipe.checkpoint_every == 0 or self.validation_is_due(step)
        return is_due or step in {*candidate_steps(steps), self.last_step}

    def load(self) -> TrainingState | None:
        """Return the newest checkpoint; None to begin at step 0."""
        own = load_checkpoint(self.folder, self.fingerprint)
        if own is not None or self.earlier is None:
            return own
        state = load_checkpoint(self.earlier, self.fingerprint)
        if state is not None:
            state.progress.begun_at = state.progress.step
        return state

    def candidates(self) -> Candidates:
        """Return the weights that were kept for the export, of earlier rungs too."""
        kept = {} if self.earlier is None else read_candidates(self.earlier, self.fingerprint)
        return kept | read_candidates(self.folder, self.fingerprint)

    def load_worthwhile(self) -> TrainingState | None:
        """Return the newest checkpoint if at least half of the steps are done in it."""
        state = self.load()
        is_worthwhile = state is not None and 2 * state.progress.step >= self.recipe.steps
        return state if is_worthwhile else None

    def save(self, state: TrainingState) -> None:
        """Save a checkpoint; at some steps, save the weights as a candidate for the export too."""
        save_checkpoint(self.folder, self.fingerprint, state)
        if state.progress.step in candidate_steps(self.recipe.steps):
            save_candidate(self.folder, self.fingerprint, state)


class RunTracker:
    """The progress of one run while it is trained, and the metrics that report it."""

    def __init__(self, run: TrainingRun, progress: Progress) -> None:
        self.run = run
        self.progress = progress
        self.resumed_from = progress.step
        self.diverged_at: int | None = None
        progress_file = ProgressFile(run.folder.parent, run.recipe.job_id, run.last_step)
        self._metrics = MetricsLogger(run.recipe, progress_file, run.events, run.last_step)

    def record(self, stats: StepStats, seconds: float, images: int, learning_rate: float) -> None:
        """Count one step of ``images`` images that took ``seconds``, and report it."""
        self.progress.advance(stats.loss, seconds, is_spike=stats.is_spike)
        self._metrics.record_step(self.progress, learning_rate, stats.grad_norm, images)

    def validate(self, networks: lora.Networks) -> None:
        """Draw and measure the validation images, if they are due."""
        step, sampler = self.progress.step, self.run.sampler
        if sampler is not None and sampler.is_due(step):
            drawn = sampler.draw(step, networks)
            self._metrics.record_images(step, drawn.shown, sampler.measure(drawn.pictures))

    def outcome(self) -> TrainingOutcome:
        """Return how the training ended."""
        is_partial = self.progress.step < self.run.recipe.steps
        return TrainingOutcome(
            self.progress,
            self.resumed_from,
            partial=is_partial,
            diverged_at=self.diverged_at,
            curve=self._metrics.curve(self.progress.losses),
        )

    def close(self) -> None:
        """Finish the event file."""
        self._metrics.close()
