"""Trains one person with traits that the base has never seen, and measures the likeness.

    python -m local.embedded_base.reference_training --people 1 \
        --base local/embedded_base/portraits-sdxl --out .local/reference_training

A short reference for the trainer's default settings, with plain diffusers and peft. A contact sheet
shows photos, pictures before and after, and pictures of the class prompt.
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
from torch import Tensor, nn

from local.embedded_base.contact_sheet import contact_sheet
from local.embedded_base.judge import PortraitJudge
from local.embedded_base.pretrain.measure import following, generate
from local.embedded_base.pretrain.unet import encode
from local.portraits import album

ALBUMS_FROM = 5000
PRIOR_SEEDS = (500, 501, 502)
CIRCUMSTANCES = ("expression", "shirt", "background")
UNET = ("to_k", "to_q", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj")
SNR_CEILING = 5.0


@dataclass(frozen=True)
class Settings:
    """Training settings; each batch has `batch` photos and as many class images."""

    steps: int
    rate: float
    text_rate: float
    rank: int
    batch: int


@dataclass(frozen=True)
class Examples:
    """Latents, and the token ids of their captions."""

    latents: Tensor
    tokens: Tensor


def main() -> None:
    """Train people, print their figures, and draw a contact sheet for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--first", type=int, default=ALBUMS_FROM)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--text-rate", type=float, default=4e-3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    judge = PortraitJudge.load(options.base / "likeness")
    settings = Settings(options.steps, options.rate, options.text_rate, options.rank, options.batch)
    for number in range(options.first, options.first + options.people):
        figures = train_person(options.base, judge, number, settings, options.out)
        print(json.dumps({"album": number, **figures}), flush=True)


def train_person(
    base: Path, judge: PortraitJudge, number: int, settings: Settings, out: Path
) -> dict[str, Any]:
    """Train one person; return figures before and after the training."""
    pipeline = StableDiffusionXLPipeline.from_pretrained(base)
    pipeline.set_progress_bar_config(disable=True)
    inference = json.loads((base / "base.json").read_text())["inference"]
    photos = [photo.image.resize((64, 64), Image.Resampling.BOX) for photo in album(number)]
    asked = [text.partition(", ")[2] for text in judge.settings["prompts"]]
    of_class = [f"a photo of a person, {words}" for words in asked]
    mine = [f"a photo of sks person, {words}" for words in asked]
    prior = [
        image for seed in PRIOR_SEEDS for image in generate(pipeline, of_class, inference, seed)
    ]
    examples = (
        encode_examples(pipeline, photos, captions(judge, photos)),
        encode_examples(pipeline, prior, of_class * len(PRIOR_SEEDS)),
    )
    before = [generate(pipeline, prompts, inference) for prompts in (mine, of_class)]
    started = time.process_time()
    train(pipeline, examples, settings)
    seconds = time.process_time() - started
    after = [generate(pipeline, prompts, inference) for prompts in (mine, of_class)]
    rows = [photos[:8], before[0], after[0], before[1], after[1]]
    contact_sheet(rows).save(out / f"{number}.png")
    return {
        "processor_seconds": round(seconds),
        "photos": likeness(judge, photos, photos),
        "before": likeness(judge, photos, before[0]),
        "after": likeness(judge, photos, after[0]),
        "following_before": following(judge, mine, before[0])["overall"],
        "following_after": following(judge, mine, after[0])["overall"],
        "class_likeness_before": likeness(judge, photos, before[1]),
        "class_likeness_after": likeness(judge, photos, after[1]),
        "class_following_before": following(judge, of_class, before[1])["overall"],
        "class_following_after": following(judge, of_class, after[1])["overall"],
    }


def captions(judge: PortraitJudge, photos: list[Image.Image]) -> list[str]:
    """Return captions of the circumstances, so that the trigger word stands for the person only."""
    found = []
    for reading in judge.readings(photos):
        expression, shirt, background = (reading[name] for name in CIRCUMSTANCES)
        found.append(f"a photo of sks person, {expression}, {shirt} shirt, {background} background")
    return found


def encode_examples(
    pipeline: StableDiffusionXLPipeline, images: list[Image.Image], prompts: list[str]
) -> Examples:
    """Return the latents and token ids of captioned pictures."""
    tokens = pipeline.tokenizer(prompts, padding="max_length", return_tensors="pt")
    return Examples(latents(pipeline, images), tokens.input_ids)


def likeness(judge: PortraitJudge, photos: list[Image.Image], made: list[Image.Image]) -> float:
    """Return the mean cosine of pictures to photos; a photo is not compared with itself."""
    cosine = (judge.identities(made) @ judge.identities(photos).T).numpy()
    if made is photos:
        return round(float(cosine[~np.eye(len(photos), dtype=bool)].mean()), 3)
    return round(float(cosine.mean()), 3)


def train(
    pipeline: StableDiffusionXLPipeline, examples: tuple[Examples, Examples], settings: Settings
) -> None:
    """Train a LoRA of the UNet and both text encoders on precomputed latents."""
    encoders = (pipeline.text_encoder, pipeline.text_encoder_2)
    groups: list[dict[str, Any]] = [
        {"params": adapt(pipeline.unet, UNET, settings.rank), "lr": settings.rate},
        *({"params": adapt(e, TEXT, settings.rank), "lr": settings.text_rate} for e in encoders),
    ]
    weights = [weight for group in groups for weight in group["params"]]
    optimiser = torch.optim.AdamW(groups, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps)
    alphas_cumprod = DDPMScheduler.from_config(pipeline.scheduler.config).alphas_cumprod
    for step in range(settings.steps):
        step_loss(pipeline, examples, alphas_cumprod, settings.batch, step).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()


def adapt(network: nn.Module, modules: tuple[str, ...], rank: int) -> list[nn.Parameter]:
    """Add a LoRA to a network; return its trainable weights."""
    network.requires_grad_(requires_grad=False)
    config = LoraConfig(
        r=rank, lora_alpha=rank, target_modules=list(modules), init_lora_weights="gaussian"
    )
    network.add_adapter(config)
    return [weight for weight in network.parameters() if weight.requires_grad]


def step_loss(
    pipeline: StableDiffusionXLPipeline,
    examples: tuple[Examples, Examples],
    alphas_cumprod: Tensor,
    half: int,
    step: int,
) -> Tensor:
    """Return the Min-SNR loss of `half` photos and as many class images."""
    chance = torch.Generator().manual_seed(step)
    rows = [torch.randint(0, len(each.latents), (half,), generator=chance) for each in examples]
    clean = torch.cat([each.latents[row] for each, row in zip(examples, rows, strict=True)])
    tokens = torch.cat([each.tokens[row] for each, row in zip(examples, rows, strict=True)])
    noise = torch.randn(clean.shape, generator=chance)
    times = torch.randint(0, len(alphas_cumprod), (len(clean),), generator=chance)
    alpha_prod = alphas_cumprod[times][:, None, None, None]
    text, pooled = encode((pipeline.text_encoder, pipeline.text_encoder_2), tokens)
    sizes = torch.tensor([[64, 64, 0, 0, 64, 64]] * len(clean))
    guess = pipeline.unet(
        alpha_prod.sqrt() * clean + (1 - alpha_prod).sqrt() * noise,
        times,
        encoder_hidden_states=text,
        added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
    ).sample
    snr = alphas_cumprod[times] / (1 - alphas_cumprod[times])
    error = (guess - noise).square().mean((1, 2, 3)) * (SNR_CEILING / snr).clamp(max=1)
    return error[:half].mean() + error[half:].mean()


def latents(pipeline: StableDiffusionXLPipeline, images: list[Image.Image]) -> Tensor:
    """Return scaled latents, (N, 4, 16, 16)."""
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    with torch.no_grad():
        code = pipeline.vae.encode(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
    scaled: Tensor = code.latent_dist.mean * pipeline.vae.config.scaling_factor
    return scaled


if __name__ == "__main__":
    main()
