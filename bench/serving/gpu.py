"""Serving at real size on a GPU; written for an H200, and never run on one so far.

The bases have Stable Diffusion's sizes and random weights.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from bench.report import Figure
from bench.training import base as training_base
from serving.adapters.hooks import Mix
from serving.adapters.reader import AdapterReader
from serving.generator import Generator
from serving.picture_request import Sampling
from serving.rows import Row
from tests.smoke import serving_kit as kit
from tests.smoke import tiny_pipelines as tiny

USERS, RANK = 8, 16
PROMPT, SEED, GUIDANCE = "a photo of sks person", 7, 5.0
SD2_SIDE, SD2_STEPS = 512, 25
SDXL_SIDE, SDXL_STEPS = 1024, 30
TFLOP_PER_STEP, TFLOPS = 13.5, 790
"""TFLOP of an SDXL step at 1024 pixels with guidance; TFLOPS of an H200 in half precision."""

MIXED = "GPU: SD 2.1 at 512 px, 8 users in a pass over 8 pipelines"
PICTURE = "GPU: a picture of SDXL at 1024 px, 30 steps"
SCHEDULER = "DDIMScheduler"


def figures(work: Path) -> list[Figure]:
    """Return the figures of real-size bases; without a GPU they are not run."""
    if not torch.cuda.is_available():
        return [Figure(name, None, "no GPU here") for name in (MIXED, PICTURE)]
    device = torch.device("cuda")
    make_sd2(work / "sd2")
    training_base.make_base(work / "sdxl", inference_steps=SDXL_STEPS, scale=4)
    return [
        *mixed_batch(work / "sd2", device, SD2_SIDE, SD2_STEPS),
        *one_picture(work / "sdxl", device),
    ]


def make_sd2(folder: Path) -> None:
    """Write an untrained pipeline of Stable Diffusion 2.1's size."""
    torch.manual_seed(0)
    pipeline = tiny.make_sd("sd2")
    pipeline.unet = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=(320, 640, 1280, 1280),
        attention_head_dim=(5, 10, 20, 20),
        cross_attention_dim=1024,
        use_linear_projection=True,
    )
    pipeline.vae = AutoencoderKL(**training_base.vae_config(128))
    pipeline.text_encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(pipeline.tokenizer),
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=23,
            num_attention_heads=16,
            hidden_act="gelu",
            projection_dim=1024,
        )
    )
    pipeline.save_pretrained(folder)
    tiny.write_card(folder, "sd2", "v_prediction", resolution=SD2_SIDE)


def mixed_batch(base: Path, device: torch.device, side: int, steps: int) -> list[Figure]:
    """Compare one pass for USERS users with one PEFT pipeline for each user."""
    adapters = [base.parent / f"adapter{number}" for number in range(USERS)]
    for number, adapter in enumerate(adapters):
        kit.make_adapter(adapter, base, rank=RANK, seed=number)
    together, ours = draw_together(Generator(base, device), adapters, side, steps)
    apart, theirs = draw_apart(base, adapters, device, side, steps)
    away = max(float(np.abs(a - b).mean()) for a, b in zip(ours, theirs, strict=True))
    return [
        Figure(MIXED, apart / together, "times", 4),
        Figure("GPU: pictures a second in a pass of 8", USERS / together, "1/s"),
        Figure("GPU: these pictures differ from the pipelines' by, mean", away, "of 255"),
    ]


def draw_together(
    generator: Generator, adapters: list[Path], side: int, steps: int
) -> tuple[float, list[kit.Picture]]:
    """Return the seconds of one pass with one user in each row, and its pictures."""
    sampling = Sampling(steps, side, side, SCHEDULER)
    mixes = [read_mix(generator, adapter) for adapter in adapters]
    rows = [Row(PROMPT, None, SEED + n, GUIDANCE, sampling, mix) for n, mix in enumerate(mixes)]
    return timed(lambda: kit.draw_rows(generator, rows))


def read_mix(generator: Generator, adapter: Path) -> Mix:
    """Return a mix of one adapter at scale 1."""
    reader = AdapterReader(
        generator.card.sha256, generator.layers, generator.device, generator.dtype
    )
    return ((reader.read(adapter), 1.0),)


def draw_apart(
    base: Path, adapters: list[Path], device: torch.device, side: int, steps: int
) -> tuple[float, list[kit.Picture]]:
    """Return the seconds of one pipeline for each user, one after the other, and the pictures."""
    half = torch.float32 if device.type == "cpu" else torch.float16
    pipelines = [open_pipeline(base, adapter, half).to(device) for adapter in adapters]

    def draw() -> list[Any]:
        return [
            pipeline(
                PROMPT,
                num_inference_steps=steps,
                guidance_scale=GUIDANCE,
                height=side,
                width=side,
                generator=torch.Generator().manual_seed(SEED + number),
            ).images[0]
            for number, pipeline in enumerate(pipelines)
        ]

    return timed(draw)


def open_pipeline(base: Path, adapter: Path, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Return diffusers' own pipeline with one user's adapter."""
    pipeline = DiffusionPipeline.from_pretrained(base, torch_dtype=dtype)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(adapter)
    return pipeline


def timed(draw: Callable[[], list[Any]]) -> tuple[float, list[kit.Picture]]:
    """Return the median seconds of three runs after a warm-up run, and the pictures."""
    draw()
    took = []
    for _ in range(3):
        began = time.perf_counter()
        images = draw()  # the pictures are on the CPU, so the device has finished
        took.append(time.perf_counter() - began)
    return statistics.median(took), [np.array(image, np.int16) for image in images]


def one_picture(base: Path, device: torch.device) -> list[Figure]:
    """Draw one picture of SDXL's size."""
    sampling = Sampling(SDXL_STEPS, SDXL_SIDE, SDXL_SIDE, SCHEDULER)
    generator = Generator(base, device)
    row = Row(PROMPT, None, SEED, GUIDANCE, sampling)
    seconds, _ = timed(partial(kit.draw_rows, generator, [row]))
    least = SDXL_STEPS * TFLOP_PER_STEP / TFLOPS
    return [
        Figure(PICTURE, seconds, "s"),
        Figure("GPU: share of the roofline (H200's)", 100 * least / seconds, "%"),
    ]
