"""Class images: what the base draws for the class prompt, made once and shared by every user.

They are kept as latents (nothing decodes, compresses and encodes them again) in a folder that
outlives the job in a warm pool. They come from the base alone, so no user's photo can be in them.
"""

import hashlib
import json
import os
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from trainer.base import Base
from trainer.interrupt import TimeLimit
from trainer.outcome import say, write_atomically
from trainer.sampling import Shot, make_latents

GENERATION = 1
"""Part of every set's name: count it up when sets must be made anew."""

WARM_POOL_CACHE = Path("sagemaker") / "warmpoolcache"


def prior_folder(root: Path) -> Path:
    """Return where sets are kept: SageMaker's cache of a warm pool, unless the job says."""
    chosen = os.environ.get("LIKENESS_PRIOR_CACHE")
    return Path(chosen) if chosen else root / WARM_POOL_CACHE


def class_latents(
    base: Base, prompts: list[str], count: int, side: int, *, folder: Path, limit: TimeLimit
) -> Tensor:
    """Return the latents (count, C, H, W) of the class, from the cache or made now.

    The prompts take turns: picture i shows ``prompts[i % len(prompts)]``.
    """
    path = folder / f"prior-{_name(base, prompts, count, side)}.safetensors"
    cached = _read(path)
    if cached is not None:
        say(f"class images: {count} found ready")
        return cached
    shots = [Shot(prompts[seed % len(prompts)], seed) for seed in range(count)]
    latents = make_latents(base, shots, side, limit, "class images").contiguous()
    write_atomically(path, save({"latents": latents}))
    return latents


def _name(base: Base, prompts: list[str], count: int, side: int) -> str:
    settings = base.card.inference.model_dump(mode="json")
    key = [GENERATION, base.card.sha256, str(base.dtype), prompts, count, side, settings]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


def _read(path: Path) -> Tensor | None:
    if not path.is_file():
        return None
    try:
        latents: Tensor = load_file(path)["latents"]
    except (SafetensorError, KeyError):  # torn by an earlier job's end: made anew
        return None
    return latents
