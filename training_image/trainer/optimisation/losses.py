"""The loss of a batch: predict the noise or the velocity, and weight the squared error.

B examples in a batch: first the photos, then as many class images.
"""

from dataclasses import replace

import torch
from torch import Tensor

from trainer.config.noise import add_noise, min_snr_weights, squared_error, target_of
from trainer.config.recipe import Recipe
from trainer.examples.batches import Batch
from trainer.examples.buckets import Size
from trainer.model.architectures import EncodedPrompts
from trainer.model.base import Base


def example_losses(base: Base, recipe: Recipe, batch: Batch, prompts: EncodedPrompts) -> Tensor:
    """Return each example's weighted loss, (B,) float32; ``prompts`` has one row an example."""
    if batch.class_batch is not None:
        return _losses_of_two_sizes(base, recipe, batch, batch.class_batch, prompts)
    prediction_type, device = base.card.prediction_type, base.device
    latents, noise = batch.latents.to(device), batch.noise.to(device)
    timesteps = batch.timesteps.to(device)
    alphas_cumprod = base.alphas_cumprod[timesteps]
    noisy = add_noise(latents, noise, alphas_cumprod).to(base.dtype)
    time_ids = batch.time_ids
    if time_ids is None:
        size = batch.size or Size(recipe.resolution, recipe.resolution)
        time_ids = size.time_ids(len(latents))
    prediction = predict(base, noisy, timesteps, prompts, time_ids)
    target = target_of(prediction_type, latents, noise, alphas_cumprod)
    weights = None if batch.weights is None else batch.weights.to(device)
    losses = squared_error(prediction, target, weights)
    if recipe.snr_gamma == 0:
        return losses
    return losses * min_snr_weights(prediction_type, alphas_cumprod, recipe.snr_gamma)


def predict(
    base: Base, noisy: Tensor, timesteps: Tensor, prompts: EncodedPrompts, time_ids: Tensor
) -> Tensor:
    """Return the UNet's prediction for noisy latents (B, C, H, W) with time ids (B, 6)."""
    cache_rows = prompts.cache_rows
    prediction: Tensor = base.pipeline.unet(
        noisy,
        timesteps,
        prompts.hidden,
        cross_attention_kwargs=None if cache_rows is None else {"cache_rows": cache_rows},
        **base.architecture.added_conditions(prompts, time_ids),
    ).sample
    return prediction


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
