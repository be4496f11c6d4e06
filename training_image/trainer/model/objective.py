"""What a network learns to predict, from which noise, and how much each example counts.

B examples, latents of C channels and H x W. An objective has T equally likely levels of noise; a
batch draws levels by their numbers, from 0 on, so that all objectives share one way of drawing.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import diffusers
import torch
from torch import Tensor

from contracts.base import BaseCard, PredictionType
from contracts.shared.weights.families import FLOW_SCHEDULER
from trainer.config.noise import add_noise, min_snr_weights, target_of
from trainer.process.results import TrainingError


class Objective(Protocol):
    """Noising, target, weights and times of a training."""

    @property
    def timestep_count(self) -> int:
        """The number T of levels."""
        ...

    def times(self, timesteps: Tensor) -> Tensor:
        """Return what the network is told of the levels (B,) of its examples."""
        ...

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return the noisy latents (B, C, H, W)."""
        ...

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return what the network should predict, (B, C, H, W)."""
        ...

    def weights(self, timesteps: Tensor, snr_gamma: float) -> Tensor | None:
        """Return each example's loss weight (B,); None for equal weights."""
        ...


@dataclass(frozen=True)
class Diffusion:
    """A noise schedule (DDPM): the network predicts the noise or the velocity v."""

    prediction_type: PredictionType
    alphas_cumprod: Tensor
    """(T,) float32, decreasing: the scheduler's ``alphas_cumprod`` at each timestep."""

    @property
    def timestep_count(self) -> int:
        """The number of timesteps."""
        return len(self.alphas_cumprod)

    def times(self, timesteps: Tensor) -> Tensor:
        """Return the timesteps themselves."""
        return timesteps

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return the mixture whose variance is that of the latents."""
        return add_noise(latents, noise, self.alphas_cumprod[timesteps])

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return the noise or the velocity."""
        return target_of(self.prediction_type, latents, noise, self.alphas_cumprod[timesteps])

    def weights(self, timesteps: Tensor, snr_gamma: float) -> Tensor | None:
        """Return the Min-SNR weights; None for a gamma of 0."""
        if snr_gamma == 0:
            return None
        return min_snr_weights(self.prediction_type, self.alphas_cumprod[timesteps], snr_gamma)


@dataclass(frozen=True)
class FlowMatching:
    """Straight lines from pictures to pure noise: the network predicts their direction."""

    sigmas: Tensor
    """(T,) float32, increasing: the noise's share at each level, 0 to 1."""

    @property
    def timestep_count(self) -> int:
        """The number of levels."""
        return len(self.sigmas)

    def times(self, timesteps: Tensor) -> Tensor:
        """Return sigma times 1000, the scale of diffusers' schedulers."""
        return self.sigmas[timesteps] * 1000

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return the point of each line at its sigma."""
        sigma = self.sigmas[timesteps][:, None, None, None]
        return (1 - sigma) * latents + sigma * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:  # noqa: ARG002
        """Return the direction, which is the same along a line."""
        return noise - latents

    def weights(self, timesteps: Tensor, snr_gamma: float) -> Tensor | None:  # noqa: ARG002
        """Return None: the levels are drawn as often as they count."""
        return None


def logit_normal_sigmas(count: int, shift: float) -> Tensor:
    """Return ``count`` equally likely sigmas, (count,) float32, increasing.

    They are the quantiles of a logit-normal distribution (mean 0, deviation 1), moved towards the
    noise by the scheduler's shift, as diffusers' DreamBooth scripts of SD3, FLUX and Z-Image draw
    them.

    Source: Esser et al. 2024, arXiv 2403.03206, section 3.1, and equation 23 for the shift.

    >>> [round(float(sigma), 3) for sigma in logit_normal_sigmas(3, shift=1.0)]
    [0.275, 0.5, 0.725]
    >>> [round(float(sigma), 3) for sigma in logit_normal_sigmas(3, shift=3.0)]
    [0.533, 0.75, 0.888]
    """
    places = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    drawn = torch.special.ndtri(places).sigmoid()
    return (shift * drawn / (1 + (shift - 1) * drawn)).float()


def make_objective(card: BaseCard, scheduler: Any, device: torch.device) -> Objective:  # noqa: ANN401
    """Return the objective that a base was trained with.

    Args:
        card: the base's card.
        scheduler: the scheduler in the base's folder.
        device: of the training.

    Raises:
        TrainingError: ``base_mismatch``; the scheduler says another thing than the card, or has a
            shift that depends on the size of the picture.
    """
    is_flow = type(scheduler).__name__ == FLOW_SCHEDULER
    if is_flow is not (card.prediction_type == "flow_prediction"):
        raise TrainingError("base_mismatch", f"{card.prediction_type} is not the scheduler's")
    if is_flow:
        if scheduler.config.use_dynamic_shifting:
            raise TrainingError("base_mismatch", "use_dynamic_shifting cannot be trained")
        count = scheduler.config.num_train_timesteps
        return FlowMatching(logit_normal_sigmas(count, scheduler.config.shift).to(device))
    ddpm = diffusers.DDPMScheduler.from_config(scheduler.config)
    if ddpm.config.prediction_type != card.prediction_type:
        raise TrainingError(
            "base_mismatch", "base.json and the scheduler have different prediction types"
        )
    return Diffusion(card.prediction_type, ddpm.alphas_cumprod.to(device, torch.float32))
