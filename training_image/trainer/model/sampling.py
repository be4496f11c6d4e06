"""Sampling images from fixed seeds, for class images, validation and the gate."""

import io
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from contracts.shared.words.prompt_weights import READERS, Syntax, WeightedPrompt
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
    syntax: Syntax | None = None
    """How the endpoint reads the prompt. None: it is read as captions are, as text whose end is
    cut off where the text encoder reads no further."""

    @property
    def weighted(self) -> WeightedPrompt | None:
        """The prompt as the endpoint reads it; None: it is read as captions are."""
        return None if self.syntax is None else READERS[self.syntax](self.prompt)

    @property
    def words(self) -> str:
        """The prompt without what is no word: brackets, weights and tags."""
        weighted = self.weighted
        return self.prompt if weighted is None else weighted.words


def cache_prompts(base: Base, requests: list[SamplingRequest], side: int) -> None:
    """Cache the embeddings of the prompts that will be sampled, and drop the earlier ones.

    Only for text encoders that are not trained.
    """
    base.prompt_cache.clear()
    for batch in in_batches(requests, side):
        for rows in rows_of_one_length(base, batch):
            prompts = prompts_of([batch[row] for row in rows])
            if prompts is not None:
                base.prompt_cache[prompts] = base.prompt_embeds(prompts)


def prompts_of(requests: list[SamplingRequest]) -> tuple[WeightedPrompt, ...] | None:
    """Return the prompts of requests that are read alike; None: they are read as captions are."""
    found = tuple(one.weighted for one in requests)
    prompts = tuple(one for one in found if one is not None)
    return prompts if len(prompts) == len(found) else None


def rows_of_one_length(base: Base, batch: list[SamplingRequest]) -> list[list[int]]:
    """Return the rows of a batch, those together whose prompts can share a pass.

    A shorter prompt beside a longer one would get empty chunks, which change its picture.
    """
    by_length: dict[int, list[int]] = {}
    for row, request in enumerate(batch):
        prompt = request.weighted
        chunks = 0 if prompt is None else base.count_chunks(prompt)
        by_length.setdefault(chunks, []).append(row)
    return list(by_length.values())


def in_batches(requests: list[SamplingRequest], side: int) -> list[list[SamplingRequest]]:
    """Return the requests in batches of ``images_per_batch``; the last one may be smaller."""
    size = images_per_batch(side)
    return [requests[first : first + size] for first in range(0, len(requests), size)]


def make_latents(
    base: Base, requests: list[SamplingRequest], side: int, limit: TimeLimit, purpose: str
) -> Tensor:
    """Return the latents of images of ``side`` pixels, (N, C, H, W) float32 on the CPU, scaled.

    Sampling is that of the serving image: the base's scheduler, steps and guidance scale, one
    generator for each seed, no negative prompt; prompts are read as each request says. ``purpose``
    names the images in the log.
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
    drawn: dict[int, Tensor] = {}
    for rows in rows_of_one_length(base, batch):
        latents = sample_together(base, [batch[row] for row in rows], side, limit)
        drawn |= zip(rows, latents, strict=True)
    return torch.stack([drawn[row] for row in range(len(batch))])


def sample_together(
    base: Base, requests: list[SamplingRequest], side: int, limit: TimeLimit
) -> Tensor:
    """Return the latents of requests whose prompts share a pass, as ``sample_batch`` does."""

    def stop_if_preempted(*_: object) -> dict[str, object]:
        limit.raise_if_preempted()
        return {}

    prompts = prompts_of(requests)
    if prompts is None:
        embeds = base.caption_embeds([request.prompt for request in requests])
    else:
        embeds = base.prompt_embeds(prompts)
    with torch.no_grad():
        answer = base.pipeline(
            **embeds,
            num_inference_steps=base.card.inference.num_inference_steps,
            guidance_scale=base.card.inference.guidance_scale,
            height=side,
            width=side,
            generator=[torch.Generator().manual_seed(request.seed) for request in requests],
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
