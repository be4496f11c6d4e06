"""The loss of a batch: predict the objective's target, and weight the squared error.

B examples in a batch: first the photos, then as many class images.
"""

from dataclasses import replace

import torch
from torch import Tensor

from trainer.config.noise import squared_error
from trainer.config.recipe import Recipe
from trainer.examples.batches import Batch
from trainer.examples.buckets import Size
from trainer.model.base import Base
from trainer.model.text import EncodedPrompts


def example_losses(base: Base, recipe: Recipe, batch: Batch, prompts: EncodedPrompts) -> Tensor:
    """Return each example's weighted loss, (B,) float32; ``prompts`` has one row an example."""
    if batch.class_batch is not None:
        return _losses_of_two_sizes(base, recipe, batch, batch.class_batch, prompts)
    objective, device = base.objective, base.device
    latents, noise = batch.latents.to(device), batch.noise.to(device)
    timesteps = batch.timesteps.to(device)
    noisy = objective.add_noise(latents, noise, timesteps).to(base.dtype)
    time_ids = batch.time_ids
    if time_ids is None:
        size = batch.size or Size(recipe.resolution, recipe.resolution)
        time_ids = size.time_ids(len(latents))
    times = objective.times(timesteps)
    prediction = base.denoiser.predict(base.network, noisy, times, prompts, time_ids)
    target = objective.target(latents, noise, timesteps)
    weights = None if batch.weights is None else batch.weights.to(device)
    losses = squared_error(prediction, target, weights)
    of_levels = objective.weights(timesteps, recipe.snr_gamma)
    return losses if of_levels is None else losses * of_levels


def _losses_of_two_sizes(
    base: Base, recipe: Recipe, photos: Batch, class_batch: Batch, prompts: EncodedPrompts
) -> Tensor:
    """Return the losses of photos and class images whose sizes differ: one pass for each."""
    count = len(photos.latents)
    rows = torch.arange(count + len(class_batch.latents), device=base.device)
    of_photos = replace(photos, class_batch=None)
    return torch.cat(
        [
            example_losses(base, recipe, of_photos, prompts.rows(rows[:count])),
            example_losses(base, recipe, class_batch, prompts.rows(rows[count:])),
        ]
    )


def user_loss(losses: Tensor, recipe: Recipe) -> Tensor:
    """Return one user's loss: the photos' mean plus the weighted mean of the class images."""
    photos, class_images = losses[: recipe.batch_size], losses[recipe.batch_size :]
    if len(class_images) == 0:
        return photos.mean()
    return photos.mean() + recipe.prior_loss_weight * class_images.mean()
