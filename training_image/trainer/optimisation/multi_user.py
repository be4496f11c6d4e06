"""K users in one forward pass: each sample goes through its own user's adapter.

The base's weights are read once for everybody. Gradients equal those of K separate runs, because
no sample meets another: the loss is a sum over users, and clipping is by user. What one user has
that others have not (a seed, photos, prompts, alpha) stays; what a step is made of must be equal.

K users, B examples each, user after user, so a batch has K x B.
"""

import time
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from trainer.config.recipe import Recipe
from trainer.model import fused_lora, lora
from trainer.model.architectures import EncodedPrompts
from trainer.model.base import Base
from trainer.optimisation import loop
from trainer.optimisation.checkpoint import Progress, TrainingState, load_state, state_dict
from trainer.optimisation.optimizers import make_optimizer, make_schedule, rate_of, set_rate
from trainer.optimisation.step import SPIKE_FACTOR, require_finite
from trainer.process.results import TrainingError
from trainer.process.time_limit import TimeLimit


class GroupedLinear(nn.Module):  # type: ignore[misc] # torch is not there to be checked
    """A frozen linear layer with K adapters beside it; row block k goes through adapter k."""

    def __init__(self, layer: nn.Linear, down: Tensor, scales: Tensor) -> None:
        """Take A's first values ``down`` (K, rank, in) and alpha / rank (K,)."""
        super().__init__()
        self.layer = layer
        self.down = nn.Parameter(down)
        self.up = nn.Parameter(down.new_zeros(len(down), layer.out_features, down.shape[1]))
        self.register_buffer("scales", scales[:, None, None])

    def forward(self, rows: Tensor) -> Tensor:
        """Return (K x B, ..., out)."""
        return fused_lora.fused_linear(rows, [self])

    def lora_parts(self) -> tuple[nn.Linear, Tensor, Tensor, Tensor]:
        """Return the layer, A, B and the scales, as ``lean`` wants them."""
        return self.layer, self.down, self.up, self.scales


@dataclass(frozen=True)
class UserGroup:
    """The stacked adapters, by the names that a single run gives each user's own."""

    weights: dict[str, nn.Parameter]
    """Each (K, ...)."""

    optimizer: torch.optim.Optimizer

    def state_dict(self, user: int, progress: Progress) -> TrainingState:
        """Return one user's state, which a single run could go on from as well."""
        state = state_dict(progress, self.weights, self.optimizer)
        own = {
            place: tensor[user] if tensor.ndim else tensor
            for place, tensor in state.tensors.items()
        }
        return TrainingState(progress, own, state.numbers)

    def load_state(self, states: list[TrainingState]) -> None:
        """Put every user's state back."""
        first = states[0]
        tensors = {
            place: torch.stack([state.tensors[place] for state in states]) if own.ndim else own
            for place, own in first.tensors.items()
        }
        together = TrainingState(first.progress, tensors, first.numbers)
        load_state(together, self.weights, self.optimizer)

    def adapter(self, user: int) -> dict[str, Tensor]:
        """Return one user's weights, named as ``lora.weights`` names them."""
        return {
            name.replace(f".{lora.ADAPTER}.", "."): weight.detach()[user].float().cpu().clone()
            for name, weight in self.weights.items()
        }


PER_USER_FIELDS = {
    "job_id",
    "seed",
    "alpha",
    "instance_prompt",
    "class_prompt",
    "class_images",
    "trigger_word",
    "prior_loss_weight",
    "checkpointing_steps",
    "text_encoder_rank",
    "text_encoder_alpha",
    "resolutions",
}
"""What of a recipe may differ from user to user; all else makes a step what it is."""


def can_share_step(one: Recipe, other: Recipe) -> bool:
    """Return whether two users' steps have the same shape and the same rates."""
    return is_groupable(one) and is_groupable(other) and _shape(one) == _shape(other)


def is_groupable(recipe: Recipe) -> bool:
    """Return whether a step is one that a group can take; other users are trained alone.

    Text encoders, dropout and 8-bit moments would need an own grouping, optimisers that look at
    all weights would couple the users, and batches of several sizes do not line up.
    """
    return (
        recipe.text_encoder_lr is None
        and recipe.optimizer == "adamw"
        and not recipe.use_8bit_adam
        and recipe.lora_dropout == 0
        and recipe.gradient_accumulation_steps == 1
        and recipe.mixed_precision != "fp16"
        and not recipe.enable_bucket
        and not recipe.resolutions
        and recipe.validation_steps is None
    )


def _shape(recipe: Recipe) -> dict[str, object]:
    kept = {key: value for key, value in asdict(recipe).items() if key not in PER_USER_FIELDS}
    return kept | {"with classes": recipe.class_images > 0}


def train_users(
    base: Base, runs: list[loop.TrainingRun], limit: TimeLimit
) -> list[tuple[loop.TrainingOutcome, dict[str, Tensor]] | TrainingError]:
    """Train users whose recipes can share; for each, how it went and its weights, or its failure.

    Raises:
        PreemptedError: SIGTERM came; every user's state was saved.
    """
    unet, recipe = base.pipeline.unet, runs[0].recipe
    weights = attach(unet, [run.recipe for run in runs])
    try:
        group = UserGroup(weights, make_optimizer(recipe, weights))
        texts = [loop.encode_frozen_prompts(base, run.examples) for run in runs]
        with loop.training_mode(base, {}, recipe, texts) as known:
            return _run(base, runs, known, group, limit)
    finally:
        detach(unet)


def _run(
    base: Base,
    runs: list[loop.TrainingRun],
    texts: list[EncodedPrompts],
    group: UserGroup,
    limit: TimeLimit,
) -> list[tuple[loop.TrainingOutcome, dict[str, Tensor]] | TrainingError]:
    recipe, count = runs[0].recipe, len(runs)
    progresses = resume(runs, group)
    resumed_from = progresses[0].step
    metrics = [run.open_metrics() for run in runs]
    failed: dict[int, TrainingError] = {}
    schedule = make_schedule(recipe)

    for step in range(resumed_from, recipe.steps):
        if limit.training_is_over or len(failed) == count:
            break
        started = time.monotonic()
        batch, prompts = draw_group_batch(base, runs, texts, step)
        errors = loop.example_losses(base, recipe, batch, prompts).view(count, -1)
        losses = [loop.user_loss(own, run.recipe) for own, run in zip(errors, runs, strict=True)]
        torch.stack(losses).sum().backward()
        norms = clip_per_user(group.weights, recipe.max_grad_norm)
        set_rate(group.optimizer, schedule(step))
        group.optimizer.step()
        group.optimizer.zero_grad(set_to_none=True)

        seconds = (time.monotonic() - started) / count
        for user, (run, progress) in enumerate(zip(runs, progresses, strict=True)):
            if user in failed:
                continue
            try:
                require_finite(losses[user], norms[user], step)
            except TrainingError as error:
                failed[user] = error
                continue
            norm = norms[user].item()
            is_spike = norm > SPIKE_FACTOR * recipe.max_grad_norm
            progress.advance(losses[user].item(), seconds, is_spike=is_spike)
            metrics[user].record_step(progress, rate_of(group.optimizer), norm, errors.shape[1])
            if run.is_due(progress.step) or limit.preempted:
                run.save(group.state_dict(user, progress))
        limit.raise_if_preempted()

    for own in metrics:
        own.close()
    return [
        recover(run, failed[user], resumed_from, progress.step)
        if user in failed
        else (
            loop.TrainingOutcome(progress, resumed_from, partial=progress.step < recipe.steps),
            group.adapter(user),
        )
        for user, (run, progress) in enumerate(zip(runs, progresses, strict=True))
    ]


def recover(
    run: loop.TrainingRun, failure: TrainingError, resumed_from: int, step: int
) -> tuple[loop.TrainingOutcome, dict[str, Tensor]] | TrainingError:
    """Return what a user whose loss was no number at ``step`` had saved, if it is half or more."""
    state = loop.last_good_state(run)
    if state is None:
        return failure
    kept = {
        place.removeprefix("weight/").replace(f".{lora.ADAPTER}.", "."): tensor.float()
        for place, tensor in state.tensors.items()
        if place.startswith("weight/")
    }
    return loop.TrainingOutcome(state.progress, resumed_from, partial=True, diverged_at=step), kept


def resume(runs: list[loop.TrainingRun], group: UserGroup) -> list[Progress]:
    """Reinstate the users' states when all stand at one step; else all begin anew."""
    states = [run.load() for run in runs]
    found = [state for state in states if state is not None]
    steps = {state.progress.step for state in found}
    if len(found) < len(runs) or len(steps) > 1:
        return [Progress.none() for _ in runs]
    group.load_state(found)
    return [state.progress for state in found]


def draw_group_batch(
    base: Base, runs: list[loop.TrainingRun], texts: list[EncodedPrompts], step: int
) -> tuple[loop.Batch, EncodedPrompts]:
    """Return the users' batches one after the other, and a row of text for each example."""
    timestep_count, device = len(base.alphas_cumprod), base.device
    batches = [loop.draw_batch(own.recipe, own.examples, step, timestep_count) for own in runs]
    rows = [text.rows(b.rows.to(device)) for text, b in zip(texts, batches, strict=True)]
    pooled = [row.pooled for row in rows if row.pooled is not None]
    cache_rows = [row.cache_rows for row in rows if row.cache_rows is not None]
    prompts = EncodedPrompts(
        torch.cat([row.hidden for row in rows]),
        torch.cat(pooled) if pooled else None,
        torch.cat(cache_rows) if cache_rows else None,
    )
    batch = loop.Batch(
        torch.cat([b.latents for b in batches]),
        torch.cat([b.noise for b in batches]),
        torch.cat([b.timesteps for b in batches]),
        torch.cat([b.rows for b in batches]),
        weights=group_weights(batches),
    )
    return batch, prompts


def group_weights(batches: list[loop.Batch]) -> Tensor | None:
    """Return how much each place counts for all users; None where all places count alike."""
    if all(batch.weights is None for batch in batches):
        return None
    return torch.cat(
        [
            batch.latents.new_ones(len(batch.latents), 1, *batch.latents.shape[2:])
            if batch.weights is None
            else batch.weights
            for batch in batches
        ]
    )


def clip_per_user(weights: dict[str, nn.Parameter], most: float) -> Tensor:
    """Clip every user's gradient on its own; return the norms before, (K,).

    A gradient that is not a number becomes zero: its user is lost, the others never see it.
    """
    gradients = [weight.grad for weight in weights.values() if weight.grad is not None]
    parts = [torch.linalg.vector_norm(gradient, dim=(1, 2)) for gradient in gradients]
    norms = torch.linalg.vector_norm(torch.stack(parts), dim=0)
    factors = (most / (norms + 1e-6)).clamp(max=1.0)[:, None, None]
    if bool((factors == 1).all()):  # nothing to cut, and all are numbers
        return norms
    for gradient in gradients:
        gradient.mul_(factors).nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    return norms


def attach(network: nn.Module, recipes: list[Recipe]) -> dict[str, nn.Parameter]:
    """Put K adapters beside every target layer; return them stacked, named as in a single run."""
    rank, targets = recipes[0].rank, recipes[0].target_modules
    weights: dict[str, nn.Parameter] = {}
    for name, layer in list(network.named_modules()):
        if not any(name == target or name.endswith(f".{target}") for target in targets):
            continue
        keys = [f"unet.{name}.lora_{part}.{lora.ADAPTER}.weight" for part in "AB"]
        shape = (rank, layer.in_features)
        down = torch.stack([lora.initial_lora_a(keys[0], shape, rank, r.seed) for r in recipes])
        scales = torch.tensor([r.alpha / rank for r in recipes])
        grouped = GroupedLinear(layer, down, scales).to(layer.weight.device)
        _put(network, name, grouped)
        weights |= {keys[0]: grouped.down, keys[1]: grouped.up}
    return weights


def detach(network: nn.Module) -> None:
    """Give the network its own layers back."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, GroupedLinear):
            _put(network, name, layer.layer)


def _put(network: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, layer)
