"""What torch.compile gains in a training step, and what compiling costs (docs/decisions/0090)."""

from functools import partial
from pathlib import Path

import torch

from bench.gpu.parts import How, base_of, timed
from bench.report import Figure
from bench.training.activations import RANK, recipe
from bench.training.script import CLASS, INSTANCE
from contracts.base import BaseCard
from trainer.model import lora
from trainer.model.base import Base, load_base
from trainer.model.text import EncodedPrompts
from trainer.optimisation.loop import training_mode

TURNS, TINY_TURNS = 20, 1
BACKEND, TINY_BACKEND = "inductor", "eager"
"""The tiny run only traces: a test needs no C++ compiler."""


def sdxl_compiled(work: Path, how: How) -> list[Figure]:
    """A pass forward and backward through SDXL's UNet with an adapter, as it is and compiled."""
    base = open_base(base_of(work, "sdxl", tiny=how.tiny))
    unet, turns = base.pipeline.unet, TINY_TURNS if how.tiny else TURNS
    lora.attach(unet, "unet", recipe().target_modules, rank=RANK, alpha=RANK, seed=0)
    with training_mode(base, {"unet": unet}, recipe(), [base.encode([INSTANCE, CLASS])]) as texts:
        work_of_a_step = partial(forward_and_backward, base, texts[0])
        plain = after_the_first(work_of_a_step, turns, base.device)[1]
        unet.compile(backend=TINY_BACKEND if how.tiny else BACKEND)
        first, later = after_the_first(work_of_a_step, turns, base.device)
    return [
        Figure("sdxl: forward and backward", plain, "s"),
        Figure("sdxl: forward and backward compiled, against that", plain / later, "times"),
        Figure("sdxl: compiling", first - later, "s"),
    ]


def open_base(folder: Path) -> Base:
    """Load a base on this machine's GPU in bf16, or on the CPU in float32."""
    card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    return load_base(folder, card, device, torch.bfloat16 if on_gpu else torch.float32)


def forward_and_backward(base: Base, prompts: EncodedPrompts) -> None:
    """Do the UNet's work of a step of two images: a photo and a class image."""
    side = base.card.resolution // base.pipeline.vae_scale_factor
    latents = torch.zeros(2, 4, side, side, device=base.device, dtype=base.dtype)
    timesteps = torch.tensor([100, 900], device=base.device)
    time_ids = torch.full((2, 6), float(base.card.resolution))
    answer = base.denoiser.predict(base.network, latents, timesteps, prompts, time_ids)
    answer.float().square().mean().backward()


def after_the_first(work: partial[None], turns: int, device: torch.device) -> tuple[float, float]:
    """Return the seconds of the first turn, and of one of the next turns."""
    return timed(work, 1, device), timed(work, turns, device)
