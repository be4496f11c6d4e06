"""Builds a base with random weights, for tests that need no trained model.

python -m local.embedded_base.untrained FOLDER
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from contracts.base import Architecture, BaseCard, GateFloors
from local.embedded_base.architecture import (
    TOKENS,
    make_scheduler,
    make_sd2_unet,
    make_text_encoders,
    make_unet,
    make_vae,
)
from local.embedded_base.card import write_card
from local.embedded_base.tokenizer import make_tokenizer


def build(folder: Path, seed: int = 0, family: Architecture = "sdxl") -> BaseCard:
    """Write an untrained pipeline and its card to `folder`; equal seeds give equal files."""
    torch.manual_seed(seed)
    if family == "sdxl":
        save_pipeline(folder, make_unet((32, 64, 64)), make_vae(), make_text_encoders())
    else:
        save_sd2_pipeline(folder, make_sd2_unet(), make_vae(), make_text_encoders()[0])
    return write_card(
        folder,
        f"untrained-{family}",
        family=family,
        revision=f"seed-{seed}",
        prediction_type="epsilon" if family == "sdxl" else "v_prediction",
        gate=GateFloors(min_effect=0.0),
    )


def save_sd2_pipeline(
    folder: Path, unet: UNet2DConditionModel, vae: AutoencoderKL, encoder: CLIPTextModel
) -> None:
    """Write a Stable Diffusion 2 folder in float16: one text encoder, v-prediction."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=make_tokenizer(TOKENS),
        unet=unet,
        scheduler=make_scheduler("v_prediction"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)
    load_in_float32(folder / "text_encoder" / "config.json")


def save_pipeline(
    folder: Path,
    unet: UNet2DConditionModel,
    vae: AutoencoderKL,
    encoders: tuple[CLIPTextModel, CLIPTextModelWithProjection],
) -> None:
    """Write a Stable Diffusion XL folder in float16."""
    pipeline = StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=encoders[0],
        text_encoder_2=encoders[1],
        tokenizer=make_tokenizer(TOKENS),
        tokenizer_2=make_tokenizer(TOKENS),
        unet=unet,
        scheduler=make_scheduler(),
        force_zeros_for_empty_prompt=False,
        add_watermarker=False,
    )
    pipeline.to(dtype=torch.float16).save_pretrained(folder, safe_serialization=True)
    for name in ("text_encoder", "text_encoder_2"):
        load_in_float32(folder / name / "config.json")


def load_in_float32(config: Path) -> None:
    """Set float32 as the dtype to load in, independent of the file's dtype.

    transformers loads in the saved dtype and diffusers in float32, so a plain `from_pretrained`
    would mix both and fail.
    """
    settings = json.loads(config.read_text())
    config.write_text(json.dumps({**settings, "dtype": "float32"}, indent=2) + "\n")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
