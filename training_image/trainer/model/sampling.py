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
from trainer.process.results import say
from trainer.process.time_limit import TimeLimit

MOST_AT_ONCE, PIXELS_AT_ONCE = 8, 1024 * 1024
"""Pictures in one batch: as many as memory holds beside a base that is being trained."""

Pictures: TypeAlias = npt.NDArray[np.float32]
"""(N, S, S, 3), 0 to 1."""


def at_once(side: int) -> int:
    """Return how many pictures of ``side`` pixels go into one batch.

    >>> at_once(64), at_once(512), at_once(1024), at_once(2048)
    (8, 4, 1, 1)
    """
    return max(1, min(MOST_AT_ONCE, PIXELS_AT_ONCE // side**2))


@dataclass(frozen=True)
class Shot:
    """One picture to make: the same prompt and seed give the same picture."""

    prompt: str
    seed: int


def remember(base: Base, shots: list[Shot], side: int) -> None:
    """Encode the prompts of pictures to come, for text encoders that do not learn.

    What was remembered before is forgotten.
    """
    base.words.clear()
    for prompts in _batches(shots, side):
        base.words[prompts] = base.describe(prompts)


def _batches(shots: list[Shot], side: int) -> list[tuple[str, ...]]:
    size = at_once(side)
    batches = (shots[first : first + size] for first in range(0, len(shots), size))
    return [tuple(shot.prompt for shot in batch) for batch in batches]


def make_latents(
    base: Base, shots: list[Shot], side: int, limit: TimeLimit, purpose: str
) -> Tensor:
    """Return the latents of pictures of ``side`` pixels, (N, C, H, W) float32 on the CPU, scaled.

    As the serving image does it: the base's own scheduler, steps and guidance, a generator for
    each seed, no negative prompt. ``purpose`` is for the log, which says how far it is.
    """
    made = []

    def stop_if_interrupted(*_: object) -> dict[str, object]:
        limit.check()
        return {}

    for first in range(0, len(shots), at_once(side)):
        batch = shots[first : first + at_once(side)]
        words = base.describe(tuple(shot.prompt for shot in batch))
        with torch.no_grad():
            answer = base.pipeline(
                **words,
                num_inference_steps=base.card.inference.num_inference_steps,
                guidance_scale=base.card.inference.guidance_scale,
                height=side,
                width=side,
                generator=[torch.Generator().manual_seed(shot.seed) for shot in batch],
                output_type="latent",
                callback_on_step_end=stop_if_interrupted,
            )
        made.append(answer.images.float().cpu())
        say(f"{purpose}: {first + len(batch)} of {len(shots)}")
    return torch.cat(made)


def decode(base: Base, latents: Tensor) -> Pictures:
    """Return pictures (N, S, S, 3) float32 in 0 to 1; NaN where the latents are not finite."""
    vae = base.pipeline.vae
    made = []
    for batch in latents.split(at_once(latents.shape[-1] * base.pipeline.vae_scale_factor)):
        with torch.no_grad():
            pixels = vae.decode(batch.to(base.device) / vae.config.scaling_factor).sample
        made.append((pixels / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy())
    pictures: Pictures = np.concatenate(made)
    return pictures


def make_pictures(
    base: Base, shots: list[Shot], side: int, limit: TimeLimit, purpose: str
) -> Pictures:
    """Return pictures (N, S, S, 3) float32 in 0 to 1."""
    return decode(base, make_latents(base, shots, side, limit, purpose))


def to_images(pictures: Pictures) -> list[Image.Image]:
    """Return RGB images; what is not a number becomes black."""
    pixels = (np.nan_to_num(pictures) * 255).round().astype(np.uint8)
    return [Image.fromarray(picture) for picture in pixels]


def to_png(image: Image.Image) -> bytes:
    """Return a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()
