"""Sampling images from fixed seeds, for class images, validation and the gate."""

import io
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from trainer.model.base import Base
from trainer.process.results import log
from trainer.process.time_limit import TimeLimit

MAX_BATCH, MAX_BATCH_PIXELS = 8, 1024 * 1024
"""The largest batch in images and in pixels that fits beside a base in training."""

Pictures: TypeAlias = npt.NDArray[np.float32]
"""(N, S, S, 3), 0 to 1."""


def images_per_batch(side: int) -> int:
    """Return how many images of ``side`` pixels one batch has.

    >>> images_per_batch(64), images_per_batch(512), images_per_batch(1024), images_per_batch(2048)
    (8, 4, 1, 1)
    """
    return max(1, min(MAX_BATCH, MAX_BATCH_PIXELS // side**2))


@dataclass(frozen=True)
class SamplingRequest:
    """One image to sample: the same prompt and seed always give the same image."""

    prompt: str
    seed: int


def cache_prompts(base: Base, requests: list[SamplingRequest], side: int) -> None:
    """Cache the embeddings of the prompts that will be sampled, and drop the earlier ones.

    Only for text encoders that are not trained.
    """
    base.prompt_cache.clear()
    for prompts in _batches(requests, side):
        base.prompt_cache[prompts] = base.prompt_embeds(prompts)


def _batches(requests: list[SamplingRequest], side: int) -> list[tuple[str, ...]]:
    return [tuple(request.prompt for request in batch) for batch in in_batches(requests, side)]


def in_batches(requests: list[SamplingRequest], side: int) -> list[list[SamplingRequest]]:
    """Return the requests in batches of ``images_per_batch``; the last one may be smaller."""
    size = images_per_batch(side)
    return [requests[first : first + size] for first in range(0, len(requests), size)]


def make_latents(
    base: Base, requests: list[SamplingRequest], side: int, limit: TimeLimit, purpose: str
) -> Tensor:
    """Return the latents of images of ``side`` pixels, (N, C, H, W) float32 on the CPU, scaled.

    Sampling is that of the serving image: the base's scheduler, steps and guidance scale, one
    generator for each seed, no negative prompt. ``purpose`` names the images in the log.
    """
    parts = []
    for batch in in_batches(requests, side):
        parts.append(sample_batch(base, batch, side, limit))
        log(f"{purpose}: {sum(map(len, parts))} of {len(requests)}")
    return torch.cat(parts)


def sample_batch(base: Base, batch: list[SamplingRequest], side: int, limit: TimeLimit) -> Tensor:
    """Return the latents of one batch, as ``make_latents`` does.

    Raises:
        PreemptedError: SIGTERM has come.
    """

    def stop_if_preempted(*_: object) -> dict[str, object]:
        limit.raise_if_preempted()
        return {}

    embeds = base.prompt_embeds(tuple(request.prompt for request in batch))
    with torch.no_grad():
        answer = base.pipeline(
            **embeds,
            num_inference_steps=base.card.inference.num_inference_steps,
            guidance_scale=base.card.inference.guidance_scale,
            height=side,
            width=side,
            generator=[torch.Generator().manual_seed(request.seed) for request in batch],
            output_type="latent",
            callback_on_step_end=stop_if_preempted,
        )
    latents: Tensor = answer.images.float().cpu()
    return latents


def decode(base: Base, latents: Tensor) -> Pictures:
    """Return images (N, S, S, 3) float32 in 0 to 1; NaN where the latents are not finite."""
    vae = base.pipeline.vae
    parts = []
    for batch in latents.split(
        images_per_batch(latents.shape[-1] * base.pipeline.vae_scale_factor)
    ):
        with torch.no_grad():
            pixels = vae.decode(base.latents.to_autoencoder(batch.to(base.device))).sample
        parts.append((pixels / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())
    pictures: Pictures = np.concatenate(parts)
    return pictures


def make_pictures(
    base: Base, requests: list[SamplingRequest], side: int, limit: TimeLimit, purpose: str
) -> Pictures:
    """Return sampled images (N, S, S, 3) float32 in 0 to 1."""
    return decode(base, make_latents(base, requests, side, limit, purpose))


def to_images(pictures: Pictures) -> list[Image.Image]:
    """Return RGB images; values that are not finite become black."""
    pixels = (np.nan_to_num(pictures) * 255).round().astype(np.uint8)
    return [Image.fromarray(picture) for picture in pixels]


def to_png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
