"""The optimizer step of both training loops: scale, clip, check, step.

K users are trained in one step; K is 1 in the single-user loop. A user whose loss or gradient is
not finite has diverged: a step moves no weights when every user has diverged.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from trainer.config.recipe import Recipe
from trainer.optimisation.checkpoint import Progress, TrainingState, load_state, state_dict
from trainer.optimisation.optimizers import make_optimizer, make_schedule, rate_of, set_rate
from trainer.process.results import TrainingError

SPIKE_FACTOR = 10
"""A gradient norm above this many times ``max_grad_norm`` is counted as a spike."""

MIN_LOSS_SCALE = 1.0
"""A float16 gradient that overflows even at this loss scale has diverged."""

Weights: TypeAlias = dict[str, nn.Parameter]
"""The trained weights by the names of ``lora.parameters``."""

Clip: TypeAlias = Callable[[Weights, float], Tensor]
"""Clips gradients to a maximum norm, and returns each user's norm before clipping, (K,)."""


@dataclass(frozen=True)
class StepStats:
    """What one optimizer step reports of one user."""

    loss: float
    grad_norm: float
    """The gradient's norm before clipping."""
    is_spike: bool
    diverged: bool
    """Whether the loss or the gradient is not finite."""


def clip_jointly(weights: Weights, max_norm: float) -> Tensor:
    """Clip the gradient of all weights as one vector: a step of one user."""
    norm = nn.utils.get_total_norm([w.grad for w in weights.values() if w.grad is not None])
    if norm > max_norm:  # a factor of 1 would cost a pass over every gradient and change nothing
        nn.utils.clip_grads_with_norm_(weights.values(), max_norm, norm)
    return norm.reshape(1)


def clip_per_user(weights: Weights, max_norm: float) -> Tensor:
    """Clip each user's gradient separately; every weight is (K, ...).

    A value that is not finite becomes zero: its user has diverged, and the others are unaffected.
    """
    gradients = [weight.grad for weight in weights.values() if weight.grad is not None]
    parts = [torch.linalg.vector_norm(gradient, dim=(1, 2)) for gradient in gradients]
    norms = torch.linalg.vector_norm(torch.stack(parts), dim=0)
    factors = (max_norm / (norms + 1e-6)).clamp(max=1.0)[:, None, None]
    if bool((factors == 1).all()):  # nothing to clip, and every value is finite
        return norms
    for gradient in gradients:
        gradient.mul_(factors).nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
    return norms


class OptimizerStep:
    """The optimizer, the learning rate schedule and the loss scaler of one training."""

    def __init__(
        self, recipe: Recipe, weights: Weights, dtype: torch.dtype, clip: Clip = clip_jointly
    ) -> None:
        self.weights = weights
        self._clip = clip
        self._max_norm = recipe.max_grad_norm
        self._optimizer = make_optimizer(recipe, weights)
        self._schedule = make_schedule(recipe)
        device = next(iter(weights.values())).device.type
        # float16 rounds small gradients to zero, so the loss is scaled up before the backward pass.
        self._scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)
        self._average: EMAModel | None = None
        if recipe.use_ema:
            self._average = EMAModel(weights.values(), decay=recipe.ema_decay)

    @property
    def learning_rate(self) -> float:
        """Return the UNet's learning rate at the last step."""
        return rate_of(self._optimizer)

    def scale(self, loss: Tensor) -> Tensor:
        """Return the loss to call ``backward`` on."""
        scaled: Tensor = self._scaler.scale(loss)
        return scaled

    def apply(self, step: int, losses: Tensor) -> list[StepStats]:
        """Update the weights with their gradients, and clear the gradients.

        Args:
            step: the number of steps that are done; it determines the learning rate.
            losses: (K,), the loss of each user.

        Returns:
            The figures of each user. No weight has changed when all of them have diverged.
        """
        self._scaler.unscale_(self._optimizer)
        norms = self._clip(self.weights, self._max_norm)
        figures = torch.stack([losses, norms.to(losses)]).T.tolist()  # one wait for the device
        stats = [self._stats_of(loss, norm) for loss, norm in figures]
        if not all(user.diverged for user in stats):
            set_rate(self._optimizer, self._schedule(step))
            self._scaler.step(self._optimizer)
            self._scaler.update()
            if self._average is not None:
                self._average.step(self.weights.values())
        self._optimizer.zero_grad(set_to_none=True)
        return stats

    def _stats_of(self, loss: float, norm: float) -> StepStats:
        # The scaler skips a step that overflows, and lowers its scale: that is no divergence.
        may_overflow = self._scaler.is_enabled() and self._scaler.get_scale() > MIN_LOSS_SCALE
        is_finite = math.isfinite(loss) and (may_overflow or math.isfinite(norm))
        is_spike = norm > SPIKE_FACTOR * self._max_norm
        return StepStats(loss, norm, is_spike=is_spike, diverged=not is_finite)

    def state_dict(self, progress: Progress) -> TrainingState:
        """Return all that a resumed training needs."""
        state = state_dict(progress, self.weights, self._optimizer)
        own: dict[str, Any] = self._scaler.state_dict()
        numbers = {f"scaler/{key}": value for key, value in own.items()}
        tensors = state.tensors
        if self._average is not None:
            averages = zip(self.weights, self._average.shadow_params, strict=True)
            tensors = tensors | {f"ema/{name}": tensor for name, tensor in averages}
            numbers["ema/optimization_step"] = self._average.optimization_step
        return TrainingState(progress, tensors, state.numbers | numbers)

    def load_state(self, state: TrainingState) -> None:
        """Restore what ``state_dict`` returned."""
        load_state(state, self.weights, self._optimizer)
        own = {
            key.removeprefix("scaler/"): value
            for key, value in state.numbers.items()
            if key.startswith("scaler/")
        }
        if own and self._scaler.is_enabled():
            self._scaler.load_state_dict(own)
        if self._average is not None:
            averages = zip(self.weights, self._average.shadow_params, strict=True)
            for name, tensor in averages:
                tensor.copy_(state.tensors[f"ema/{name}"])
            self._average.optimization_step = int(state.numbers["ema/optimization_step"])

    def use_average(self) -> None:
        """Replace the weights by their average, if the training keeps one: it is over."""
        if self._average is not None:
            self._average.copy_to(self.weights.values())

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Draw with the averaged weights inside the block, if the training keeps an average."""
        if self._average is None:
            yield
            return
        own = [weight.detach().clone() for weight in self.weights.values()]
        self._average.copy_to(self.weights.values())
        try:
            yield
        finally:
            with torch.no_grad():
                for weight, saved in zip(self.weights.values(), own, strict=True):
                    weight.copy_(saved)


def divergence_at(step: int) -> TrainingError:
    """Return the failure of a user whose loss or gradient is not finite after ``step`` steps."""
    return TrainingError(
        "training_diverged", f"the loss or the gradient was not finite at step {step}"
    )
