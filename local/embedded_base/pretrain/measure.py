"""Measures the base in a folder with its judge, and draws a contact sheet.

    python -m local.embedded_base.pretrain.measure --base local/embedded_base/portraits-sdxl \
        --out .local/pretrain

The prompts are captions of people that pretraining has not seen.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from local.embedded_base.contact_sheet import contact_sheet
from local.embedded_base.judge import PortraitJudge, expected
from local.embedded_base.pretrain.dataset import UNSEEN_FROM, example, pictures
from local.portraits import caption, draw

BATCH = 16


def main() -> None:
    """Measure; print and write the figures, and write the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--prompts", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    card = json.loads((options.base / "base.json").read_text())
    pipeline = StableDiffusionXLPipeline.from_pretrained(options.base)
    pipeline.set_progress_bar_config(disable=True)
    judge = PortraitJudge.load(options.judge or options.base / "likeness")
    numbers = range(UNSEEN_FROM, UNSEEN_FROM + options.prompts)
    prompts = [caption(*example(number)) for number in numbers]
    made = generate(pipeline, prompts, card["inference"])
    drawings = [draw(*example(number)) for number in numbers]
    figures: dict[str, Any] = {
        "psnr": psnr(pipeline.vae, 200),
        "prompt_following": following(judge, prompts, made),
        "prompt_following_of_drawings": following(judge, prompts, drawings),
    }
    print(json.dumps(figures, indent=2))
    (options.out / "measured.json").write_text(json.dumps(figures, indent=1) + "\n")
    plain = generate(pipeline, ["a photo of a person"] * 8, card["inference"])
    rows = [drawings[:8], made[:8], drawings[8:16], made[8:16], plain]
    contact_sheet(rows).save(options.out / "measured.png")


def generate(
    pipeline: StableDiffusionXLPipeline,
    prompts: list[str],
    inference: dict[str, Any],
    seed: int = 0,
) -> list[Image.Image]:
    """Return one picture for each prompt, with the base's default settings."""
    made: list[Image.Image] = []
    for first in range(0, len(prompts), BATCH):
        made += pipeline(
            prompts[first : first + BATCH],
            num_inference_steps=inference["num_inference_steps"],
            guidance_scale=inference["guidance_scale"],
            generator=torch.Generator().manual_seed(seed + first),
        ).images
    return made


def following(
    judge: PortraitJudge, prompts: list[str], images: list[Image.Image]
) -> dict[str, float]:
    """Return the share of a prompt's attributes that pictures show, overall and by attribute."""
    hits: dict[str, list[bool]] = {}
    for prompt, reading in zip(prompts, judge.readings(images), strict=True):
        for name, label in expected(judge.settings, prompt).items():
            hits.setdefault(name, []).append(reading[name] == label)
    shares = {name: float(np.mean(found)) for name, found in hits.items()}
    return {"overall": float(np.mean([hit for found in hits.values() for hit in found])), **shares}


def psnr(vae: torch.nn.Module, count: int) -> float:
    """Return the mean PSNR in dB of unseen portraits that the autoencoder reconstructs."""
    real = torch.from_numpy(pictures(UNSEEN_FROM, count)).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        made = vae.decode(vae.encode(real).latent_dist.mean).sample.clamp(-1, 1)
    error = ((made - real) / 2).square().mean((1, 2, 3))
    return float((-10 * error.log10()).mean())


if __name__ == "__main__":
    main()
