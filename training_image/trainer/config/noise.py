"""Noise, training targets and loss weights: tensors in, tensors out, no model and no state.

B is the batch size, T the number of timesteps (1000). Every random value comes from a stream that
is named by a key (seed, purpose, step, ...), so a resumed training draws the same values.
"""

import hashlib

import torch
from torch import Tensor

from contracts.base import PredictionType


def seed_of(*key: int | str) -> int:
    """Return a seed that depends on ``key`` alone."""
    digest = hashlib.blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def make_generator(*key: int | str) -> torch.Generator:
    """Return a generator that depends on ``key`` alone."""
    return torch.Generator().manual_seed(seed_of(*key))


def normal(shape: torch.Size | tuple[int, ...], *key: int | str) -> Tensor:
    """Return float32 normal noise, drawn on the CPU so that every device gets the same values."""
    return torch.randn(tuple(shape), generator=make_generator(*key))


def bernoulli(rate: float, *key: int | str) -> bool:
    """Return True with probability ``rate``; the result depends on ``key`` alone."""
    return rate > 0 and float(torch.rand((), generator=make_generator(*key))) < rate


def shuffled_index(count: int, draw: int, *key: int | str) -> int:
    """Return the index at position ``draw`` of an endless series of shuffles of ``count``."""
    order = torch.randperm(count, generator=make_generator(*key, draw // count))
    return int(order[draw % count])


def add_noise(latents: Tensor, noise: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """Return the noisy latents (B, C, H, W) for the ``alphas_cumprod`` (B,) of their timesteps."""
    share = alphas_cumprod[:, None, None, None]
    return share.sqrt() * latents + (1 - share).sqrt() * noise


def target_of(
    prediction_type: PredictionType, latents: Tensor, noise: Tensor, alphas_cumprod: Tensor
) -> Tensor:
    """Return what the UNet should predict: the noise, or the velocity v."""
    if prediction_type == "epsilon":
        return noise
    share = alphas_cumprod[:, None, None, None]
    return share.sqrt() * noise - (1 - share).sqrt() * latents


def min_snr_weights(
    prediction_type: PredictionType, alphas_cumprod: Tensor, gamma: float
) -> Tensor:
    """Return each example's Min-SNR loss weight.

    Nearly clean images have a very high signal-to-noise ratio and would dominate the loss.

    Args:
        prediction_type: what the model predicts; the weight of v is divided by SNR + 1.
        alphas_cumprod: (B,) float32 in (0, 1), at each example's timestep.
        gamma: the SNR above which the weight decreases; a ratio, no unit.

    Returns:
        (B,) float32 in (0, 1].

    Source: Hang et al. 2023, arXiv 2303.09556, section 3.4.
    """
    snr = alphas_cumprod / (1 - alphas_cumprod)
    if prediction_type == "epsilon":
        return (gamma / snr).clamp(max=1.0)  # min(snr, gamma) / snr, but safe at snr = 0
    return snr.clamp(max=gamma) / (snr + 1)


def squared_error(prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return each example's mean squared error, (B,) float32.

    Args:
        prediction: (B, C, H, W).
        target: (B, C, H, W) float32.
        weights: (B, 1, H, W) in 0 to 1, the weight of each latent pixel; None for equal weights.
            The mean is divided by the sum of weights, so a mask does not change the loss's size.
    """
    errors = (prediction.float() - target).square()
    if weights is None:
        return errors.mean(dim=(1, 2, 3))
    share = weights / weights.mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-6)
    return (errors * share).mean(dim=(1, 2, 3))
