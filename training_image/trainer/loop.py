"""The steps: draw a batch, predict, weigh the error, move the adapter, say how it goes.

B examples in a step: first the photos, then as many class images.
"""

import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from trainer import lora, loss
from trainer.base import Base
from trainer.best import keep, kept_steps
from trainer.checkpoint import Progress, State, capture, load_state, reinstate, save_state
from trainer.families import Text
from trainer.interrupt import TimeLimit
from trainer.outcome import TrainingError, say
from trainer.photos import Latents
from trainer.plan import Recipe

LINES_PER_RUN = 100
"""How many metric lines one training prints, about."""


@dataclass(frozen=True)
class Examples:
    """What there is to learn from, encoded."""

    photos: Latents
    prompts: list[str]
    """Every caption and class prompt once."""
    photo_rows: list[int]
    """Each photo's place in ``prompts``."""
    class_latents: Tensor | None
    """(M, C, H, W), scaled; absent without prior preservation."""
    class_rows: list[int]
    """Each class image's place in ``prompts``."""


@dataclass(frozen=True)
class Batch:
    """One step's examples."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    rows: Tensor
    """(B,) int64: each example's place in ``Examples.prompts``."""


@dataclass(frozen=True)
class Trained:
    """How training went."""

    progress: Progress
    resumed_from: int
    partial: bool
    """Whether the deadline came before the last step."""


@dataclass(frozen=True)
class Learner:
    """One user's training: what to learn, from what, and where its states lie."""

    recipe: Recipe
    examples: Examples
    folder: Path
    """Of its saved states."""
    fingerprint: str
    """Of all that a saved state depends on."""

    def is_due(self, step: int) -> bool:
        """Return whether the state after ``step`` steps is to be saved."""
        return step % self.recipe.checkpoint_every == 0 or step in kept_steps(self.recipe.steps)

    def load(self) -> State | None:
        """Return the state to go on from."""
        return load_state(self.folder, self.fingerprint)

    def save(self, state: State) -> None:
        """Save a state; at some steps also the weights, to choose from at the end."""
        save_state(self.folder, self.fingerprint, state)
        if state.progress.step in kept_steps(self.recipe.steps):
            keep(self.folder, self.fingerprint, state)


def train(base: Base, learner: Learner, networks: lora.Networks, limit: TimeLimit) -> Trained:
    """Train the adapters in ``networks``, from the newest state on.

    Raises:
        TrainingError: ``training_diverged``; the loss or the gradient is no longer a number.
        InterruptedTrainingError: SIGTERM came; a state was saved.
    """
    accelerator = Accelerator()
    recipe, examples = learner.recipe, learner.examples
    weights = lora.parameters(networks)
    optimizer = make_optimizer(recipe, weights)
    state = learner.load()
    if state is not None:
        reinstate(state, weights, optimizer)
    progress = state.progress if state is not None else Progress.none()
    resumed_from = progress.step
    text = None if recipe.text_encoder_lr is not None else encode_frozen(base, examples)
    meter = Meter(recipe)
    base.pipeline.unet.train()  # for gradient checkpointing; nothing in it drops out

    while progress.step < recipe.steps and not limit.training_is_over:
        started = time.monotonic()
        batch = draw_batch(recipe, examples, progress.step, len(base.alphas_cumprod))
        known = text or base.encode(examples.prompts)
        errors = batch_errors(base, recipe, batch, known.rows(batch.rows.to(base.device)))
        error = total(errors, recipe)
        accelerator.backward(error)
        norm = nn.utils.clip_grad_norm_(list(weights.values()), recipe.max_grad_norm)
        require_finite(error, norm, progress.step)
        set_rate(optimizer, recipe, progress.step)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

        progress.advance(error.item(), time.monotonic() - started)
        meter.report(progress, rate_of(optimizer), norm.item(), len(batch.latents))
        if learner.is_due(progress.step) or limit.interrupted:
            learner.save(State(progress, capture(weights, optimizer)))
        limit.check()

    base.pipeline.unet.eval()
    return Trained(progress, resumed_from, partial=progress.step < recipe.steps)


def make_optimizer(recipe: Recipe, weights: dict[str, nn.Parameter]) -> torch.optim.Optimizer:
    """Return AdamW with the UNet's and the text encoders' own peak rates."""
    unet = [weight for name, weight in weights.items() if name.startswith("unet.")]
    encoders = [weight for name, weight in weights.items() if not name.startswith("unet.")]
    groups = [{"params": unet, "peak": recipe.learning_rate}]
    if encoders:
        groups.append({"params": encoders, "peak": recipe.text_encoder_lr})
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=1e-4, foreach=True)


def set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, step: int) -> None:
    """Warm up, then fall along a cosine to nothing."""
    warmth = min(1.0, (step + 1) / max(1, recipe.warm_up_steps))
    fall = 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * warmth * fall


def encode_frozen(base: Base, examples: Examples) -> Text:
    """Encode every prompt once, for text encoders that do not learn."""
    with torch.no_grad():
        return base.encode(examples.prompts)


def draw_batch(recipe: Recipe, examples: Examples, step: int, levels: int) -> Batch:
    """Return the batch of one step; it depends on seed and step only."""
    seed, size = recipe.seed, recipe.batch_size
    shape, latents, rows = examples.photos.mean[0].shape, [], []
    for draw in range(step * size, (step + 1) * size):
        chosen = loss.pick(len(examples.photos.mean), draw, seed, "photo")
        latents.append(examples.photos.draw(chosen, loss.normal(shape, seed, "posterior", draw)))
        rows.append(examples.photo_rows[chosen])
    if examples.class_latents is not None:
        for draw in range(step * size, (step + 1) * size):
            chosen = loss.pick(len(examples.class_latents), draw, seed, "class")
            latents.append(examples.class_latents[chosen])
            rows.append(examples.class_rows[chosen])
    stacked = torch.stack(latents)
    return Batch(
        stacked,
        loss.normal(stacked.shape, seed, "noise", step),
        draw_timesteps(len(stacked), size, levels, seed, step),
        torch.tensor(rows),
    )


def draw_timesteps(count: int, size: int, levels: int, seed: int, step: int) -> Tensor:
    """Return (count,) int64: each uniform over the levels, spread evenly within ``size`` examples.

    Spreading takes variance out of a small batch's gradient and leaves its mean alone.
    """
    offsets = torch.rand(math.ceil(count / size), generator=loss.chance(seed, "level", step))
    places = torch.arange(count)
    spread = (offsets[places // size] + (places % size) / size) % 1
    return (spread * levels).long().clamp(max=levels - 1)


def batch_errors(base: Base, recipe: Recipe, batch: Batch, prompts: Text) -> Tensor:
    """Return each example's weighted error, (B,) float32; ``prompts`` has a row for each."""
    kind, device = base.card.prediction_type, base.device
    latents, noise = batch.latents.to(device), batch.noise.to(device)
    timesteps = batch.timesteps.to(device)
    signal = base.alphas_cumprod[timesteps]
    predicted = base.pipeline.unet(
        loss.add_noise(latents, noise, signal).to(base.dtype),
        timesteps,
        prompts.hidden,
        **base.family.conditions(prompts, recipe.resolution),
    ).sample
    wanted = loss.target_of(kind, latents, noise, signal)
    weights = loss.min_snr_weights(kind, signal, recipe.snr_gamma)
    return loss.squared_error(predicted, wanted) * weights


def total(errors: Tensor, recipe: Recipe) -> Tensor:
    """Return one user's loss: the photos' mean, plus the class images' mean times its weight."""
    photos, classes = errors[: recipe.batch_size], errors[recipe.batch_size :]
    if len(classes) == 0:
        return photos.mean()
    return photos.mean() + recipe.prior_loss_weight * classes.mean()


def require_finite(error: Tensor, norm: Tensor, step: int) -> None:
    """Stop before a step that would destroy the weights."""
    if not bool(torch.isfinite(error) & torch.isfinite(norm)):
        raise TrainingError("training_diverged", f"the loss was not a number at step {step}")


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """Return the UNet's learning rate."""
    rate: float = optimizer.param_groups[0]["lr"]
    return rate


class Meter:
    """Prints the metric lines that MetricDefinitions and the progress bar read."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._every = max(1, recipe.steps // LINES_PER_RUN)
        self._since = time.monotonic()
        self._images = 0

    def report(self, progress: Progress, rate: float, norm: float, images: int) -> None:
        """Count one step of so many images; print a line every few steps and at the end."""
        self._images += images
        if progress.step % self._every and progress.step != self._recipe.steps:
            return
        speed = self._images / max(1e-9, time.monotonic() - self._since)
        say(
            f"step={progress.step} loss={progress.losses[-1]:.4f} lr={rate:.1e} "
            f"grad_norm={norm:.4f} images_per_second={speed:.1f} "
            f"steps={self._recipe.steps} job_id={self._recipe.job_id}"
        )
        self._since, self._images = time.monotonic(), 0
