"""From gradients to moved weights: scale, clip, watch, step. One for each training."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config.recipe import Recipe
from trainer.optimisation.checkpoint import Progress, TrainingState, load_state, state_dict
from trainer.optimisation.optimizers import make_optimizer, make_schedule, rate_of, set_rate
from trainer.process.distributed import ProcessGroup
from trainer.process.results import TrainingError

SPIKE_FACTOR = 10
"""Times ``max_grad_norm``: a gradient longer than this is counted."""

MIN_LOSS_SCALE = 1.0
"""Of a loss in float16: what overflows even here is no matter of precision."""


@dataclass(frozen=True)
class StepStats:
    """One step's figures."""

    norm: float
    """Of the gradient before it was cut."""
    is_spike: bool


class OptimizerStep:
    """The optimiser with all that it keeps from step to step."""

    def __init__(
        self,
        recipe: Recipe,
        weights: dict[str, nn.Parameter],
        dtype: torch.dtype,
        process_group: ProcessGroup,
    ) -> None:
        self.weights = weights
        self.process_group = process_group
        self._most = recipe.max_grad_norm
        self._optimizer = make_optimizer(recipe, weights)
        self._schedule = make_schedule(recipe)
        device = next(iter(weights.values())).device.type
        # float16 loses small gradients, unless the loss is a large number while they are computed.
        self._scaler = torch.amp.GradScaler(device, enabled=dtype == torch.float16)

    def scale(self, error: Tensor) -> Tensor:
        """Return the error as it is to be differentiated."""
        scaled: Tensor = self._scaler.scale(error)
        return scaled

    def apply(self, step: int, error: Tensor) -> StepStats:
        """Move the weights by their gradients, and forget these.

        Raises:
            TrainingError: ``training_diverged``; the error or the gradient is no longer a number.
        """
        self._scaler.unscale_(self._optimizer)
        gradients = [w.grad for w in self.weights.values() if w.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        overflowed = self._scaler.is_enabled() and self._scaler.get_scale() > MIN_LOSS_SCALE
        require_finite(error, torch.zeros(()) if overflowed else norm, step)
        if norm > self._most:  # a factor of one would be a pass over every gradient for nothing
            nn.utils.clip_grads_with_norm_(self.weights.values(), self._most, norm)
        set_rate(self._optimizer, self._schedule(step))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        length = norm.item()
        return StepStats(length, is_spike=length > SPIKE_FACTOR * self._most)

    @property
    def rate(self) -> float:
        """Return the UNet's learning rate at the last step."""
        return rate_of(self._optimizer)

    def state_dict(self, progress: Progress) -> TrainingState:
        """Return all that the step left behind."""
        state = state_dict(progress, self.weights, self._optimizer)
        own: dict[str, Any] = self._scaler.state_dict()
        scaler = {f"scaler/{key}": value for key, value in own.items()}
        return TrainingState(progress, state.tensors, state.numbers | scaler)

    def load_state(self, state: TrainingState) -> None:
        """Put back what ``capture`` returned."""
        load_state(state, self.weights, self._optimizer)
        own = {
            place.removeprefix("scaler/"): value
            for place, value in state.numbers.items()
            if place.startswith("scaler/")
        }
        if own and self._scaler.is_enabled():
            self._scaler.load_state_dict(own)


def require_finite(error: Tensor, norm: Tensor, step: int) -> None:
    """Stop before a step that would destroy the weights."""
    if not bool(torch.isfinite(error) & torch.isfinite(norm).to(error.device)):
        raise TrainingError("training_diverged", f"the loss was not a number at step {step}")
