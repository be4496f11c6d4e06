"""An untrained SDXL with every width quartered, for timing.

The cost of a training step does not depend on trained weights. The 1,120 adapter tensors and the
structure of UNet, autoencoder and text encoders are SDXL's; ``share`` measures the proportions.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    PreTrainedTokenizerBase,
)

from tests.smoke import tiny_pipelines as tiny

SIDE = 128
"""Pixels; 16 x 16 latents."""

SAMPLING_STEPS = 50
"""Default of diffusers' pipeline, which the script uses for its class images."""

WORDS = 49408
TEXT_WIDTHS = (192, 320)

REAL_SIDE = 1024
VAE_WIDTHS = {1: 40, 4: 128}
"""Width of the autoencoder by scale; 40 instead of a quarter (32) keeps ``share`` near SDXL's."""


def make_base(folder: Path, inference_steps: int, scale: int = 1) -> None:
    """Write the base; the gate's pictures and class images use ``inference_steps``.

    ``scale`` 4 is the real model's size.
    """
    torch.manual_seed(0)
    pipeline = tiny.make_sdxl()
    pipeline.unet = UNet2DConditionModel(**unet_config(scale))
    pipeline.vae = AutoencoderKL(**vae_config(VAE_WIDTHS[scale]))
    pipeline.text_encoder = CLIPTextModel(text_config(pipeline.tokenizer, 0, scale))
    second = text_config(pipeline.tokenizer_2, 1, scale)
    pipeline.text_encoder_2 = CLIPTextModelWithProjection(second)
    pipeline.save_pretrained(folder)
    write_card(folder, inference_steps, SIDE if scale == 1 else REAL_SIDE)


def write_card(folder: Path, inference_steps: int, side: int = SIDE) -> None:
    """Write the card of the files in ``folder``."""
    settings = {
        "num_inference_steps": inference_steps,
        "guidance_scale": 5.0,
        "scheduler": "DPMSolverMultistepScheduler",
    }
    tiny.write_card(folder, "sdxl", "epsilon", resolution=side, inference=settings)


def unet_config(scale: int) -> dict[str, Any]:
    """Return SDXL's own configuration, its widths divided by four for ``scale`` 1."""
    return {
        "sample_size": SIDE // 8,
        "in_channels": 4,
        "out_channels": 4,
        "layers_per_block": 2,
        "block_out_channels": (80 * scale, 160 * scale, 320 * scale),
        "norm_num_groups": 16,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "cross_attention_dim": scale * sum(TEXT_WIDTHS),
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 64 * scale,
        "projection_class_embeddings_input_dim": scale * (TEXT_WIDTHS[1] + 6 * 64),
    }


def vae_config(width: int) -> dict[str, Any]:
    """Return SDXL's autoencoder's configuration; ``width`` is 128 there."""
    return {
        "in_channels": 3,
        "out_channels": 3,
        "latent_channels": 4,
        "block_out_channels": (width, 2 * width, 4 * width, 4 * width),
        "norm_num_groups": 8,
        "layers_per_block": 2,
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "sample_size": SIDE,
        "scaling_factor": 0.13025,
    }


def text_config(tokenizer: PreTrainedTokenizerBase, which: int, scale: int) -> CLIPTextConfig:
    """Return a CLIP text encoder's configuration, a quarter of its width for ``scale`` 1."""
    width = TEXT_WIDTHS[which] * scale
    return CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=width,
        intermediate_size=4 * width,
        num_hidden_layers=(12, 32)[which],
        num_attention_heads=(12, 20)[which],
        max_position_embeddings=77,
        projection_dim=width,
        hidden_act=("quick_gelu", "gelu")[which],
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def share(pipeline: DiffusionPipeline) -> float:
    """Return the FLOPs of encoding an image over a UNet pass; 0.72 for SDXL at 1024 pixels."""
    unet = pipeline.unet
    time_ids = torch.full((1, 6), float(SIDE))
    conditions = {"text_embeds": torch.zeros(1, TEXT_WIDTHS[1]), "time_ids": time_ids}
    with torch.no_grad(), FlopCounterMode(display=False) as forward:
        unet(
            torch.zeros(1, 4, SIDE // 8, SIDE // 8),
            torch.zeros(1),
            torch.zeros(1, 77, sum(TEXT_WIDTHS)),
            added_cond_kwargs=conditions,
        )
    with torch.no_grad(), FlopCounterMode(display=False) as encoding:
        pipeline.vae.encode(torch.zeros(1, 3, SIDE, SIDE))
    ratio: float = encoding.get_total_flops() / forward.get_total_flops()
    return ratio
