"""Teach the base one person whose traits it has never seen, and measure the likeness.

    python -m local.embedded_base.dream --base local/embedded_base/portraits-sdxl --people 1 \
        --out .local/dream

A reference for the trainer's default settings, short enough to read: plain diffusers and peft.
Photos, pictures before and after, and the class prompt are drawn on one sheet.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler, StableDiffusionXLPipeline
from peft import LoraConfig
from PIL import Image
from torch import Tensor

from local.embedded_base.judge import PortraitJudge
from local.embedded_base.pretrain.measure import following, generate
from local.embedded_base.sheets import sheet
from local.portraits import album

INSTANCE, CLASS = "a photo of sks person", "a photo of a person"
ALBUMS_FROM = 5000
CLASS_IMAGES = 24


@dataclass(frozen=True)
class Settings:
    """What is tried."""

    steps: int
    rate: float
    rank: int
    batch: int
    prior_weight: float
    modules: tuple[str, ...]
    seed: int = 0


def main() -> None:
    """Train so many people, print figures, write them and a sheet for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--first", type=int, default=ALBUMS_FROM)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--prior-weight", type=float, default=1.0)
    parser.add_argument("--modules", default="to_q,to_k,to_v,to_out.0")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    judge = PortraitJudge.load(options.judge or options.base / "likeness")
    settings = Settings(
        options.steps,
        options.rate,
        options.rank,
        options.batch,
        options.prior_weight,
        tuple(options.modules.split(",")),
    )
    for number in range(options.first, options.first + options.people):
        figures = dream(options.base, judge, number, settings, options.out)
        print(json.dumps({"album": number, **figures}), flush=True)


def dream(
    base: Path, judge: PortraitJudge, number: int, settings: Settings, out: Path
) -> dict[str, Any]:
    """Train one person; return figures before and after."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(base)
    pipeline.set_progress_bar_config(disable=True)
    inference = json.loads((base / "base.json").read_text())["inference"]
    photos = [photo.image.resize((64, 64), Image.Resampling.BOX) for photo in album(number)]
    prompts = [text.format(subject="person") for text in judge.settings["prompts"]]
    mine = [text.format(subject="sks person") for text in judge.settings["prompts"]]
    mine = [text.replace("a sks", "sks") for text in mine]
    before = generate(pipeline, mine, inference)
    classes = generate(pipeline, prompts, inference)
    prior = generate(pipeline, [CLASS] * CLASS_IMAGES, inference, seed=77)
    started = time.monotonic()
    train(pipeline, photos, prior, settings)
    seconds = time.monotonic() - started
    after = generate(pipeline, mine, inference)
    classes_after = generate(pipeline, prompts, inference)
    rows = [photos[:8], before, after, classes, classes_after]
    sheet(rows).save(out / f"dream-{number}.png")
    return {
        "seconds": round(seconds),
        "photos": likeness(judge, photos, photos),
        "before": likeness(judge, photos, before),
        "after": likeness(judge, photos, after),
        "following_before": following(judge, mine, before)["overall"],
        "following_after": following(judge, mine, after)["overall"],
        "class_following_after": following(judge, prompts, classes_after)["overall"],
        "class_likeness_before": likeness(judge, photos, classes),
        "class_likeness_after": likeness(judge, photos, classes_after),
    }


def likeness(judge: PortraitJudge, photos: list[Image.Image], made: list[Image.Image]) -> float:
    """Return the mean cosine of pictures to photos; of photos to one another, not to themselves."""
    cosine = (judge.identities(made) @ judge.identities(photos).T).numpy()
    if made is photos:
        return round(float(cosine[~np.eye(len(photos), dtype=bool)].mean()), 3)
    return round(float(cosine.mean()), 3)


def train(
    pipeline: StableDiffusionXLPipeline,
    photos: list[Image.Image],
    prior: list[Image.Image],
    settings: Settings,
) -> None:
    """Train a LoRA of the UNet on latents and text embeddings made once."""
    unet, half = pipeline.unet, settings.batch
    unet.requires_grad_(requires_grad=False)
    unet.add_adapter(
        LoraConfig(r=settings.rank, lora_alpha=settings.rank, target_modules=list(settings.modules))
    )
    trained = [weight for weight in unet.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(trained, settings.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    mine, others = latents(pipeline, photos), latents(pipeline, prior)
    text, pooled = embeddings(pipeline, [INSTANCE] * half + [CLASS] * half)
    times_of = torch.tensor([[64, 64, 0, 0, 64, 64]] * (2 * half))
    alphas = DDPMScheduler.from_config(pipeline.scheduler.config).alphas_cumprod
    for step in range(settings.steps):
        chance = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        rows = [torch.randint(0, len(z), (half,), generator=chance) for z in (mine, others)]
        clean = torch.cat([mine[rows[0]], others[rows[1]]])
        noise = torch.randn(clean.shape, generator=chance)
        times = torch.randint(0, len(alphas), (len(clean),), generator=chance)
        signal = alphas[times][:, None, None, None]
        guess = unet(
            signal.sqrt() * clean + (1 - signal).sqrt() * noise,
            times,
            encoder_hidden_states=text,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": times_of},
        ).sample
        error = (guess - noise).square().mean((1, 2, 3))
        error = error * (5 * (1 - alphas[times]) / alphas[times]).clamp(max=1)
        (error[:half].mean() + settings.prior_weight * error[half:].mean()).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()


def latents(pipeline: StableDiffusionXLPipeline, images: list[Image.Image]) -> Tensor:
    """Return scaled latents, (N, 4, 16, 16)."""
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    with torch.no_grad():
        code = pipeline.vae.encode(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
    scaled: Tensor = code.latent_dist.mean * pipeline.vae.config.scaling_factor
    return scaled


def embeddings(pipeline: StableDiffusionXLPipeline, prompts: list[str]) -> tuple[Tensor, Tensor]:
    """Return text and pooled embeddings."""
    with torch.no_grad():
        text, _, pooled, _ = pipeline.encode_prompt(prompts, do_classifier_free_guidance=False)
    return text, pooled


if __name__ == "__main__":
    main()
