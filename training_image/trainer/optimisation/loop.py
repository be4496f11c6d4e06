"""The steps: draw a batch, predict, weigh the error, move the adapter, say how it goes.

B examples in a step: first the photos, then as many class images.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from trainer.config import noise as loss
from trainer.config.recipe import Recipe
from trainer.evaluation.validation_images import Sampler
from trainer.examples.buckets import Bucket, Size, choose
from trainer.examples.class_images import ClassImages
from trainer.model import lora
from trainer.model.architectures import Text
from trainer.model.base import Base
from trainer.model.fused_lora import lean
from trainer.optimisation.checkpoint import Progress, State, load_state, save_state
from trainer.optimisation.checkpoint_choice import keep, kept_steps
from trainer.optimisation.metrics import Meter
from trainer.optimisation.progress import ProgressFile
from trainer.optimisation.step import Mover
from trainer.photos.photos import Latents
from trainer.process import memory
from trainer.process.distributed import Crew
from trainer.process.results import InterruptedTrainingError, TrainingError, say
from trainer.process.time_limit import TimeLimit


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
    drawn: ClassImages | None = None
    """The set that the class images are of, where the base drew them."""
    sized: tuple[Bucket, ...] = ()
    """The photos by size, where they have several or come unequally often; else ``photos``."""
    empty_row: int | None = None
    """The place of no words in ``prompts``, where captions are dropped."""
    text: Text | None = None
    """The prompts, encoded by text encoders that do not learn; absent: not yet."""

    def buckets(self, side: int) -> tuple[Bucket, ...]:
        """Return the photos by size; those without buckets are squares of ``side`` pixels."""
        return self.sized or (Bucket(self.photos, self.photo_rows, Size(side, side)),)


@dataclass(frozen=True)
class Batch:
    """One step's examples."""

    latents: Tensor
    noise: Tensor
    timesteps: Tensor
    rows: Tensor
    """(B,) int64: each example's place in ``Examples.prompts``; those ``apart`` come last."""
    size: Size | None = None
    """Pixels of the pictures; absent: squares of the recipe's resolution."""
    weights: Tensor | None = None
    """(B, 1, H, W), how much each place counts; absent: all places of all pictures alike."""
    apart: "Batch | None" = None
    """The class images, when they are of another size than the photos."""


@dataclass(frozen=True)
class Trained:
    """How training went."""

    progress: Progress
    resumed_from: int
    partial: bool
    """Whether the deadline, or a loss that was no number, came before the last step."""
    diverged_at: int | None = None
    """The step whose loss was no number."""


@dataclass(frozen=True)
class Learner:
    """One user's training: what to learn, from what, and where its states lie."""

    recipe: Recipe
    examples: Examples
    folder: Path
    """Of its saved states."""
    fingerprint: str
    """Of all that a saved state depends on."""
    events: Path | None = None
    """Folder for TensorBoard; None: no event files."""
    sampler: Sampler | None = None
    """Draws pictures on the way, where they are wished."""

    def meter(self) -> Meter:
        """Return what tells others how it goes."""
        told = ProgressFile(self.folder.parent, self.recipe.job_id, self.recipe.steps)
        return Meter(self.recipe, told, self.events)

    def look(self, step: int, networks: lora.Networks, meter: Meter) -> None:
        """Draw and show the pictures of a step, if there are to be any."""
        if self.sampler is not None and self.sampler.is_due(step):
            pictures = self.sampler.draw(step, networks)
            meter.show(step, pictures, self.sampler.measure(pictures))

    def is_due(self, step: int) -> bool:
        """Return whether the state after ``step`` steps is to be saved."""
        steps = self.recipe.steps
        return step % self.recipe.checkpoint_every == 0 or step in {*kept_steps(steps), steps}

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
        TrainingError: ``training_diverged``; the loss or the gradient is no longer a number, and
            less than half of the way was gone when a state was last saved.
        InterruptedTrainingError: SIGTERM came; a state was saved.
    """
    crew, recipe = Crew.join(), learner.recipe
    mover = Mover(recipe, lora.parameters(networks), base.dtype, crew)
    state = learner.load()
    if state is not None:
        mover.reinstate(state)
        say(f"resumed from step {state.progress.step} job_id={recipe.job_id}")
    progress = state.progress if state is not None else Progress.none()
    resumed_from, diverged_at = progress.step, None
    frozen = encode_frozen(base, learner.examples) if recipe.text_encoder_lr is None else None

    texts = [] if frozen is None else [frozen]
    with learning(base, networks, recipe, texts) as known, closing(learner.meter()) as meter:
        while progress.step < recipe.steps and not crew.agree(limit.training_is_over):
            started = time.monotonic()
            try:
                error, images = differentiate(base, learner, mover, known, progress.step)
                move = mover.move(progress.step, error)
            except TrainingError as failure:
                diverged_at, progress = progress.step, go_back(learner, mover, failure)
                break
            progress.advance(error.item(), time.monotonic() - started, exploded=move.exploded)
            meter.report(progress, mover.rate, move.norm, images)
            learner.look(progress.step, networks, meter)
            interrupted = crew.agree(limit.interrupted)
            if learner.is_due(progress.step) or interrupted:
                learner.save(mover.capture(progress))
            if interrupted:
                raise InterruptedTrainingError

    crew.check_equal(mover.weights.values())
    partial = progress.step < recipe.steps
    return Trained(progress, resumed_from, partial=partial, diverged_at=diverged_at)


@contextmanager
def learning(
    base: Base, networks: lora.Networks, recipe: Recipe, texts: Sequence[Text] = ()
) -> Iterator[list[Text]]:
    """Have dropout on, activations kept or computed twice, and layers lean, while training.

    Yields the frozen ``texts`` as the lean layers know them.
    """
    unet = base.pipeline.unet
    if recipe.text_encoder_lr is None:
        memory.rest(base.text_encoders().values())
    kept = not unet.is_gradient_checkpointing
    if recipe.gradient_checkpointing and kept:
        unet.enable_gradient_checkpointing()
    unet.train()  # for gradient checkpointing; nothing but adapters drops out
    lora.set_dropout(networks, active=True)
    try:
        with lean(unet, list(texts), frugal=unet.is_gradient_checkpointing) as known:
            yield known
    finally:
        lora.set_dropout(networks, active=False)
        unet.eval()
        if kept:
            unet.disable_gradient_checkpointing()


def differentiate(
    base: Base, learner: Learner, mover: Mover, frozen: list[Text], step: int
) -> tuple[Tensor, int]:
    """Leave one step's gradients; return the loss and the number of images it is of.

    A step is ``gradient_accumulation_steps`` batches of every process.
    """
    recipe, examples, crew = learner.recipe, learner.examples, mover.crew
    often, images = recipe.gradient_accumulation_steps, 0
    error = torch.zeros((), device=base.device)
    for turn in range(often):
        place = (step * often + turn) * crew.size + crew.place
        batch = draw_batch(recipe, examples, place, len(base.alphas_cumprod))
        if recipe.lora_dropout:
            torch.manual_seed(loss.seed_of(recipe.seed, "dropout", place))
        known = frozen[0] if frozen else base.encode(examples.prompts)
        errors = batch_errors(base, recipe, batch, known.rows(batch.rows.to(base.device)))
        part = total(errors, recipe) / often
        mover.scale(part).backward()
        error = error + part.detach()
        images += len(errors) * crew.size
    return crew.average(mover.weights.values(), error), images


def go_back(learner: Learner, mover: Mover, failure: TrainingError) -> Progress:
    """Return to the last saved state, if at least half of the way was gone there."""
    state = last_good(learner) if failure.code == "training_diverged" else None
    if state is None:
        raise failure
    mover.reinstate(state)
    say(f"{failure.message}: back to step {state.progress.step} job_id={learner.recipe.job_id}")
    return state.progress


def last_good(learner: Learner) -> State | None:
    """Return the last saved state, if it is worth an adapter: at least half of the steps."""
    state = learner.load()
    worth = state is not None and 2 * state.progress.step >= learner.recipe.steps
    return state if worth else None


def encode_frozen(base: Base, examples: Examples) -> Text:
    """Encode every prompt once, for text encoders that do not learn."""
    if examples.text is not None:
        return examples.text
    with torch.no_grad():
        if examples.drawn is not None:
            return examples.drawn.encode(base, examples.prompts)
        return base.encode(examples.prompts)


def draw_batch(recipe: Recipe, examples: Examples, place: int, levels: int) -> Batch:
    """Return one of all batches; it depends on the seed and its place only."""
    seed, size, side = recipe.seed, recipe.batch_size, recipe.resolution
    buckets = examples.buckets(side)
    number, chosen = choose(buckets, place, size, seed)
    bucket, latents, rows = buckets[number], [], []
    shape = bucket.photos.mean[0].shape
    for i, photo in enumerate(chosen):
        noise = loss.normal(shape, seed, "posterior", place * size + i)
        latents.append(bucket.photos.draw(photo, noise))
        dropped = loss.happens(recipe.caption_dropout_rate, seed, "no words", place * size + i)
        rows.append(examples.empty_row if dropped else bucket.rows[photo])
    classes = []
    if examples.class_latents is not None:
        for draw in range(place * size, (place + 1) * size):
            picture = loss.pick(len(examples.class_latents), draw, seed, "class")
            classes.append(examples.class_latents[picture])
            rows.append(examples.class_rows[picture])
    timesteps = draw_timesteps(len(rows), size, levels, seed, place)
    apart = None
    if classes and classes[0].shape != shape:
        stacked = torch.stack(classes)
        noise = draw_noise(recipe, stacked.shape, place, "class")
        apart = Batch(stacked, noise, timesteps[size:], torch.empty(0), Size(side, side))
        classes, timesteps = [], timesteps[:size]
    stacked = torch.stack(latents + classes)
    noise = draw_noise(recipe, stacked.shape, place, "noise")
    weights = draw_weights(bucket.photos, chosen, len(stacked))
    return Batch(stacked, noise, timesteps, torch.tensor(rows), bucket.size, weights, apart)


def draw_weights(photos: Latents, chosen: list[int], count: int) -> Tensor | None:
    """Return the weights of a batch of ``count`` pictures: class images, the last, count whole."""
    if photos.weights is None:
        return None
    own = photos.weights[chosen]
    return torch.cat([own, own.new_ones(count - len(own), *own.shape[1:])])


def draw_noise(recipe: Recipe, shape: torch.Size, place: int, purpose: str) -> Tensor:
    """Return the noise of a batch, with a part that is the same all over a channel, if wished."""
    noise = loss.normal(shape, recipe.seed, purpose, place)
    if recipe.noise_offset:
        even = loss.normal((*shape[:2], 1, 1), recipe.seed, f"{purpose}-offset", place)
        noise = noise + recipe.noise_offset * even
    return noise


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
    if batch.apart is not None:
        count = len(batch.latents)
        places = torch.arange(count + len(batch.apart.latents), device=base.device)
        first, second = prompts.rows(places[:count]), prompts.rows(places[count:])
        alone = replace(batch, apart=None)
        parts = [(alone, first), (batch.apart, second)]
        return torch.cat([batch_errors(base, recipe, part, text) for part, text in parts])
    kind, device = base.card.prediction_type, base.device
    latents, noise = batch.latents.to(device), batch.noise.to(device)
    timesteps = batch.timesteps.to(device)
    signal = base.alphas_cumprod[timesteps]
    size = batch.size or Size(recipe.resolution, recipe.resolution)
    predicted = base.pipeline.unet(
        loss.add_noise(latents, noise, signal).to(base.dtype),
        timesteps,
        prompts.hidden,
        cross_attention_kwargs=None if prompts.places is None else {"places": prompts.places},
        **base.family.conditions(prompts, size.height, size.width),
    ).sample
    wanted = loss.target_of(kind, latents, noise, signal)
    weights = None if batch.weights is None else batch.weights.to(device)
    errors = loss.squared_error(predicted, wanted, weights)
    if recipe.snr_gamma == 0:
        return errors
    return errors * loss.min_snr_weights(kind, signal, recipe.snr_gamma)


def total(errors: Tensor, recipe: Recipe) -> Tensor:
    """Return one user's loss: the photos' mean, plus the class images' mean times its weight."""
    photos, classes = errors[: recipe.batch_size], errors[recipe.batch_size :]
    if len(classes) == 0:
        return photos.mean()
    return photos.mean() + recipe.prior_loss_weight * classes.mean()
