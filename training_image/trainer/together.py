"""K users in one forward pass: each sample goes through its own user's adapter.

The base's weights are read once for everybody. Gradients equal those of K separate runs, because
no sample meets another: the loss is a sum over users, and clipping is by user. What one user has
that others have not (a seed, photos, prompts, alpha) stays; what a step is made of must be equal.

K users, B examples each, user after user, so a batch has K x B.
"""

import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from trainer import loop, lora
from trainer.base import Base
from trainer.checkpoint import Progress, State
from trainer.families import Text
from trainer.interrupt import TimeLimit
from trainer.outcome import TrainingError
from trainer.plan import Recipe


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
        grouped = rows.reshape(len(self.down), -1, rows.shape[-1])
        low = torch.bmm(grouped, self.down.to(rows.dtype).mT)
        added = torch.bmm(low, (self.up * self.scales).to(rows.dtype).mT)
        answer: Tensor = self.layer(rows)
        return answer + added.reshape(answer.shape)


@dataclass(frozen=True)
class Group:
    """The stacked adapters, by the names that a single run gives each user's own."""

    weights: dict[str, nn.Parameter]
    """Each (K, ...)."""

    optimizer: torch.optim.Optimizer

    def capture(self, user: int, progress: Progress) -> State:
        """Return one user's state, which a single run could go on from as well."""
        tensors = {}
        for name, weight in self.weights.items():
            moments = self.optimizer.state[weight]
            tensors[f"weight/{name}"] = weight.detach()[user]
            if moments:
                tensors[f"first/{name}"] = moments["exp_avg"][user]
                tensors[f"second/{name}"] = moments["exp_avg_sq"][user]
        return State(progress, tensors)

    def reinstate(self, states: list[State]) -> None:
        """Put every user's state back."""
        step = torch.tensor(float(states[0].progress.step))
        for name, weight in self.weights.items():
            stacks = {
                kind: torch.stack([state.tensors[f"{kind}/{name}"] for state in states])
                for kind in ("weight", "first", "second")
            }
            with torch.no_grad():
                weight.copy_(stacks["weight"])
            self.optimizer.state[weight] = {
                "step": step.clone(),
                "exp_avg": stacks["first"].to(weight.device),
                "exp_avg_sq": stacks["second"].to(weight.device),
            }

    def adapter(self, user: int) -> dict[str, Tensor]:
        """Return one user's weights, named as ``lora.weights`` names them."""
        return {
            name.replace(f".{lora.ADAPTER}.", "."): weight.detach()[user].float().cpu().clone()
            for name, weight in self.weights.items()
        }


def can_share(one: Recipe, other: Recipe) -> bool:
    """Return whether two users' steps have the same shape and the same rates."""
    return _shape(one) == _shape(other) and one.text_encoder_lr is None


def _shape(recipe: Recipe) -> tuple[object, ...]:
    return (
        recipe.resolution,
        recipe.steps,
        recipe.batch_size,
        recipe.rank,
        recipe.learning_rate,
        recipe.text_encoder_lr,
        recipe.target_modules,
        recipe.class_images > 0,
        recipe.snr_gamma,
        recipe.max_grad_norm,
    )


def train_together(
    base: Base, learners: list[loop.Learner], limit: TimeLimit
) -> list[tuple[loop.Trained, dict[str, Tensor]] | TrainingError]:
    """Train users whose recipes can share; for each, how it went and its weights, or its failure.

    Raises:
        InterruptedTrainingError: SIGTERM came; every user's state was saved.
    """
    unet, recipe = base.pipeline.unet, learners[0].recipe
    weights = attach(unet, [learner.recipe for learner in learners])
    try:
        group = Group(weights, loop.make_optimizer(recipe, weights))
        return _run(base, learners, group, limit)
    finally:
        detach(unet)


def _run(
    base: Base, learners: list[loop.Learner], group: Group, limit: TimeLimit
) -> list[tuple[loop.Trained, dict[str, Tensor]] | TrainingError]:
    recipe, count = learners[0].recipe, len(learners)
    progresses = go_on(learners, group)
    resumed_from = progresses[0].step
    texts = [loop.encode_frozen(base, learner.examples) for learner in learners]
    meters = [loop.Meter(learner.recipe) for learner in learners]
    lost: dict[int, TrainingError] = {}

    for step in range(resumed_from, recipe.steps):
        if limit.training_is_over or len(lost) == count:
            break
        started = time.monotonic()
        batch, prompts = draw(base, learners, texts, step)
        errors = loop.batch_errors(base, recipe, batch, prompts).view(count, -1)
        losses = [
            loop.total(own, learner.recipe) for own, learner in zip(errors, learners, strict=True)
        ]
        torch.stack(losses).sum().backward()
        norms = clip_each(group.weights, recipe.max_grad_norm)
        loop.set_rate(group.optimizer, recipe, step)
        group.optimizer.step()
        group.optimizer.zero_grad(set_to_none=True)

        seconds = (time.monotonic() - started) / count
        for user, (learner, progress) in enumerate(zip(learners, progresses, strict=True)):
            if user in lost:
                continue
            try:
                loop.require_finite(losses[user], norms[user], step)
            except TrainingError as error:
                lost[user] = error
                continue
            progress.advance(losses[user].item(), seconds)
            rate = loop.rate_of(group.optimizer)
            meters[user].report(progress, rate, norms[user].item(), errors.shape[1])
            if learner.is_due(progress.step) or limit.interrupted:
                learner.save(group.capture(user, progress))
        limit.check()

    return [
        lost.get(user)
        or (
            loop.Trained(progress, resumed_from, partial=progress.step < recipe.steps),
            group.adapter(user),
        )
        for user, progress in enumerate(progresses)
    ]


def go_on(learners: list[loop.Learner], group: Group) -> list[Progress]:
    """Reinstate the users' states when all stand at one step; else all begin anew."""
    states = [learner.load() for learner in learners]
    found = [state for state in states if state is not None]
    steps = {state.progress.step for state in found}
    if len(found) < len(learners) or len(steps) > 1:
        return [Progress.none() for _ in learners]
    group.reinstate(found)
    return [state.progress for state in found]


def draw(
    base: Base, learners: list[loop.Learner], texts: list[Text], step: int
) -> tuple[loop.Batch, Text]:
    """Return the users' batches one after the other, and a row of text for each example."""
    levels, device = len(base.alphas_cumprod), base.device
    batches = [loop.draw_batch(own.recipe, own.examples, step, levels) for own in learners]
    rows = [text.rows(b.rows.to(device)) for text, b in zip(texts, batches, strict=True)]
    pooled = [row.pooled for row in rows if row.pooled is not None]
    prompts = Text(torch.cat([row.hidden for row in rows]), torch.cat(pooled) if pooled else None)
    batch = loop.Batch(
        torch.cat([b.latents for b in batches]),
        torch.cat([b.noise for b in batches]),
        torch.cat([b.timesteps for b in batches]),
        torch.cat([b.rows for b in batches]),
    )
    return batch, prompts


def clip_each(weights: dict[str, nn.Parameter], most: float) -> Tensor:
    """Clip every user's gradient on its own; return the norms before, (K,).

    A gradient that is not a number becomes zero: its user is lost, the others never see it.
    """
    gradients = [weight.grad for weight in weights.values() if weight.grad is not None]
    norms = torch.stack([gradient.square().sum(dim=(1, 2)) for gradient in gradients]).sum(0).sqrt()
    factors = (most / (norms + 1e-6)).clamp(max=1.0)[:, None, None]
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
        down = torch.stack([lora.initial_a(keys[0], shape, rank, r.seed) for r in recipes])
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
