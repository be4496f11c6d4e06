"""The training loop of one user: draw a batch, compute the loss, step, report, save, validate."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from contracts.codes import CODES
from trainer.config.noise import seed_of
from trainer.config.recipe import Recipe
from trainer.examples.batches import Examples, draw_batch
from trainer.model import lora
from trainer.model.base import Base
from trainer.model.fused_lora import fused_lora_layers
from trainer.model.text import EncodedPrompts
from trainer.optimisation.checkpoint import Progress
from trainer.optimisation.losses import example_losses, user_loss
from trainer.optimisation.step import OptimizerStep, divergence_at
from trainer.optimisation.training_run import RunTracker, TrainingOutcome, TrainingRun
from trainer.process import memory
from trainer.process.distributed import ProcessGroup
from trainer.process.results import PreemptedError, TrainingError, log
from trainer.process.time_limit import TimeLimit


def train(
    base: Base, run: TrainingRun, networks: lora.Networks, limit: TimeLimit
) -> TrainingOutcome:
    """Train the adapters in ``networks``, from the newest checkpoint on.

    Raises:
        TrainingError: ``training_diverged``; the loss or the gradient is not finite, and the newest
            checkpoint has less than half of the steps. ``deadline_exceeded``; no step was done.
        PreemptedError: SIGTERM has come, and a checkpoint was saved.
    """
    process_group, recipe = ProcessGroup.join(), run.recipe
    stepper = OptimizerStep(recipe, lora.parameters(networks), base.dtype)
    tracker = RunTracker(run, resume(run, stepper))
    texts = [run.examples.encode_frozen(base)] if recipe.text_encoder_lr is None else []
    with training_mode(base, networks, recipe, texts) as frozen, closing(tracker):
        user_step = UserStep(base, run, stepper, process_group, frozen)
        while tracker.progress.step < run.last_step:
            if process_group.any_rank(limit.training_is_over):
                break
            if not user_step.take(tracker):
                roll_back(tracker, stepper)
                break
            _save_if_due(tracker, stepper, preempted=process_group.any_rank(limit.preempted))
            if run.validation_is_due(tracker.progress.step):
                with stepper.averaged():
                    tracker.validate(networks)

    raise_if_untrained(tracker.progress)
    if run.rung_end is not None and tracker.progress.step < run.last_step:
        run.save(stepper.state_dict(tracker.progress))  # the next rung goes on from here
    stepper.use_average()
    process_group.check_equal(stepper.weights.values())
    return tracker.outcome()


def raise_if_untrained(progress: Progress) -> None:
    """Check that a training has done a step: the gate would only say that it has no effect.

    Raises:
        TrainingError: ``deadline_exceeded``; the time ended before the first step.
    """
    if progress.step == 0:
        raise TrainingError("deadline_exceeded", CODES["deadline_exceeded"].text)


@dataclass(frozen=True)
class UserStep:
    """What every step of one user's training needs."""

    base: Base
    run: TrainingRun
    stepper: OptimizerStep
    process_group: ProcessGroup
    frozen: list[EncodedPrompts]
    """The prompts encoded once; empty when the text encoders are trained."""

    def take(self, tracker: RunTracker) -> bool:
        """Do and report one step; return False when it diverged and changed no weight."""
        started, step = time.monotonic(), tracker.progress.step
        loss, images = self.accumulate_gradients(step)
        (stats,) = self.stepper.apply(step, loss.reshape(1))
        if stats.diverged:
            return False
        tracker.record(stats, time.monotonic() - started, images, self.stepper.learning_rate)
        return True

    def accumulate_gradients(self, step: int) -> tuple[Tensor, int]:
        """Compute one step's gradients; return its loss and its number of images.

        A step has ``gradient_accumulation_steps`` batches on every rank.
        """
        count, group = self.run.recipe.gradient_accumulation_steps, self.process_group
        loss, images = torch.zeros((), device=self.base.device), 0
        for turn in range(count):
            index = (step * count + turn) * group.world_size + group.rank
            losses = self.batch_losses(index)
            part = user_loss(losses, self.run.recipe) / count
            self.stepper.scale(part).backward()
            loss = loss + part.detach()
            images += len(losses) * group.world_size
        return group.all_reduce_mean(self.stepper.weights.values(), loss), images

    def batch_losses(self, index: int) -> Tensor:
        """Return the loss of each example of the batch with number ``index``."""
        base, recipe, examples = self.base, self.run.recipe, self.run.examples
        batch = draw_batch(recipe, examples, index, base.objective.timestep_count)
        if recipe.lora_dropout:
            torch.manual_seed(seed_of(recipe.seed, "dropout", index))
        texts = texts_of(base, examples, self.frozen, batch.rows)
        return example_losses(base, recipe, batch, texts)


def texts_of(
    base: Base, examples: Examples, frozen: list[EncodedPrompts], rows: Tensor
) -> EncodedPrompts:
    """Return the encoded prompt of each example of a batch; each prompt is encoded once.

    Args:
        base: the base with its text encoders.
        examples: the examples with all their prompts.
        frozen: all prompts, encoded; empty when the text encoders are trained.
        rows: (B,), the index of each example's prompt.
    """
    if frozen:
        return frozen[0].rows(rows.to(base.device))
    used, places = rows.unique(return_inverse=True)
    encoded = base.encode([examples.prompts[row] for row in used.tolist()])
    return encoded.rows(places.to(base.device))


def resume(run: TrainingRun, stepper: OptimizerStep) -> Progress:
    """Restore the newest checkpoint, and return its progress; step 0 without a checkpoint."""
    state = run.load()
    if state is None:
        return Progress.none()
    stepper.load_state(state)
    log(f"resumed from step {state.progress.step} job_id={run.recipe.job_id}")
    return state.progress


def _save_if_due(tracker: RunTracker, stepper: OptimizerStep, *, preempted: bool) -> None:
    """Save a checkpoint if one is due or the job is preempted.

    Raises:
        PreemptedError: the job is preempted; the checkpoint is saved.
    """
    if tracker.run.checkpoint_is_due(tracker.progress.step) or preempted:
        tracker.run.save(stepper.state_dict(tracker.progress))
    if preempted:
        raise PreemptedError


def roll_back(tracker: RunTracker, stepper: OptimizerStep) -> None:
    """Return to the newest checkpoint after a divergence.

    Raises:
        TrainingError: ``training_diverged``; no checkpoint has at least half of the steps.
    """
    tracker.diverged_at = tracker.progress.step
    failure = divergence_at(tracker.diverged_at)
    state = tracker.run.load_worthwhile()
    if state is None:
        raise failure
    stepper.load_state(state)
    tracker.progress = state.progress
    job_id = tracker.run.recipe.job_id
    log(
        f"{failure.message}; exporting the checkpoint of step {state.progress.step} job_id={job_id}"
    )


def trained_encoders(base: Base, recipe: Recipe) -> list[nn.Module]:
    """Return the text encoders that are trained; CLIP's own layers have no dropout."""
    return [] if recipe.text_encoder_lr is None else list(base.text_encoders().values())


@contextmanager
def training_mode(
    base: Base, networks: lora.Networks, recipe: Recipe, texts: Sequence[EncodedPrompts] = ()
) -> Iterator[list[EncodedPrompts]]:
    """Switch on dropout, gradient checkpointing and the fused LoRA layers; undo it at the end.

    Frozen text encoders are offloaded. Yields ``texts`` with their rows in the fused layers' cache.
    """
    network = base.network
    if recipe.text_encoder_lr is None:
        memory.offload(base.text_encoders().values())
    had_checkpointing = network.is_gradient_checkpointing
    if recipe.gradient_checkpointing and not had_checkpointing:
        network.enable_gradient_checkpointing()
    network.train()  # gradient checkpointing needs it; no layer but the adapters has dropout
    checkpointing = network.is_gradient_checkpointing
    encoders = trained_encoders(base, recipe) if checkpointing else []
    for encoder in encoders:
        encoder.gradient_checkpointing_enable({"use_reentrant": False})
        encoder.train()
    lora.set_dropout(networks, active=True)
    try:
        with fused_lora_layers(network, list(texts), checkpointing=checkpointing) as frozen:
            yield frozen
    finally:
        lora.set_dropout(networks, active=False)
        network.eval()
        for encoder in encoders:
            encoder.gradient_checkpointing_disable()
            encoder.eval()
        if not had_checkpointing:
            network.disable_gradient_checkpointing()
