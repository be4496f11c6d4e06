"""Pictures from fixed seeds: for class images, for the gate, for the user."""

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
"""Pictures in one batch: as many as memory holds beside a base that is being trained."""

Pictures: TypeAlias = npt.NDArray[np.float32]
"""(N, S, S, 3), 0 to 1."""


def images_per_batch(side: int) -> int:
    """Return how many pictures of ``side`` pixels go into one batch.

    >>> images_per_batch(64), images_per_batch(512), images_per_batch(1024), images_per_batch(2048)
    (8, 4, 1, 1)
    """
    return max(1, min(MAX_BATCH, MAX_BATCH_PIXELS // side**2))


@dataclass(frozen=True)
class SamplingRequest:
    """One picture to make: the same prompt and seed give the same picture."""

    prompt: str
    seed: int


def cache_prompts(base: Base, requests: list[SamplingRequest], side: int) -> None:
    """Encode the prompts of pictures to come, for text encoders that do not learn.

    What was remembered before is forgotten.
    """
    base.prompt_cache.clear()
    for prompts in _batches(requests, side):
        base.prompt_cache[prompts] = base.prompt_embeds(prompts)


def _batches(requests: list[SamplingRequest], side: int) -> list[tuple[str, ...]]:
    size = images_per_batch(side)
    batches = (requests[first : first + size] for first in range(0, len(requests), size))
    return [tuple(request.prompt for request in batch) for batch in batches]


def make_latents(
    base: Base, requests: list[SamplingRequest], side: int, limit: TimeLimit, purpose: str
) -> Tensor:
    """Return the latents of pictures of ``side`` pixels, (N, C, H, W) float32 on the CPU, scaled.

    As the serving image does it: the base's own scheduler, steps and guidance, a generator for
    each seed, no negative prompt. ``purpose`` is for the log, which says how far it is.
    """
    made = []

    def stop_if_preempted(*_: object) -> dict[str, object]:
        limit.raise_if_preempted()
        return {}

    for first in range(0, len(requests), images_per_batch(side)):
        batch = requests[first : first + images_per_batch(side)]
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
        made.append(answer.images.float().cpu())
        log(f"{purpose}: {first + len(batch)} of {len(requests)}")
    return torch.cat(made)


def decode(base: Base, latents: Tensor) -> Pictures:
    """Return pictures (N, S, S, 3) float32 in 0 to 1; NaN where the latents are not finite."""
    vae = base.pipeline.vae
    made = []
    for batch in latents.split(
        images_per_batch(latents.shape[-1] * base.pipeline.vae_scale_factor)
    ):
        with torch.no_grad():
            pixels = vae.decode(batch.to(base.device) / vae.config.scaling_factor).sample
        made.append((pixels / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())
    pictures: Pictures = np.concatenate(made)
    return pictures


def make_pictures(
    base: Base, requests: list[SamplingRequest], side: int, limit: TimeLimit, purpose: str
) -> Pictures:
    """Return pictures (N, S, S, 3) float32 in 0 to 1."""
    return decode(base, make_latents(base, requests, side, limit, purpose))


def to_images(pictures: Pictures) -> list[Image.Image]:
    """Return RGB images; what is not a number becomes black."""
    pixels = (np.nan_to_num(pictures) * 255).round().astype(np.uint8)
    return [Image.fromarray(picture) for picture in pixels]


def to_png(image: Image.Image) -> bytes:
    """Return a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
