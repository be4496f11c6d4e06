"""Trains the autoencoder, then its decoder alone.

    python -m local.embedded_base.pretrain.vae --folder .local/pretrain --minutes 22
    python -m local.embedded_base.pretrain.vae --folder .local/pretrain --minutes 30 --decoder-only

The second form does not change the encoder, nor the latents on which the UNet trains, so it can run
beside the UNet's training. An interrupted run resumes from its last checkpoint.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from local.embedded_base.architecture import make_vae
from local.embedded_base.pretrain.dataset import UNSEEN_FROM, pictures, training_pictures

BATCH = 12
SAVE_SECONDS = 120
RECOLOURED = 0.2
SPOT_WEIGHT = 8.0
"""Weight of the squared error, so that small wrong spots count: an eye's colour is 7 pixels."""
CROP = 48
PEAK_RATE = 1.5e-3
KL_WEIGHT = 3e-6
LATENT_NOISE = 0.1
"""Noise on latents when the decoder is trained alone, in standard deviations."""


def main() -> None:
    """Train for `--minutes`, and measure on unseen portraits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--decoder-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    train(options.folder, options.minutes * 60, decoder_only=options.decoder_only)


def train(folder: Path, seconds: float, *, decoder_only: bool) -> None:
    """Train with a cosine schedule over `seconds`; the checkpoint stores the training time."""
    data = training_pictures(folder)
    name = "decoder" if decoder_only else "vae"
    file = folder / f"{name}.pt"
    vae = make_vae()
    trained = list((vae.decoder if decoder_only else vae).parameters())
    if decoder_only:
        trained += list(vae.post_quant_conv.parameters())
    optimiser = torch.optim.AdamW(trained, PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-3)
    step, spent = 0, 0.0
    if file.exists():
        state = torch.load(file)
        vae.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    elif decoder_only:
        vae.load_state_dict(torch.load(folder / "vae.pt")["model"])
    started, saved = time.monotonic() - spent, spent
    while (spent := time.monotonic() - started) < seconds:
        peak = PEAK_RATE * (0.5 if decoder_only else 1)
        rate = peak * min(1, (step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * spent / seconds))
        for group in optimiser.param_groups:
            group["lr"] = rate + 1e-5
        images = batch(data, step, decoder_only)
        with torch.autocast("cpu", torch.bfloat16):
            loss = step_loss(vae, images, step, decoder_only=decoder_only)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"{name} step {step} loss {loss.item():.4f} {spent:.0f} s", flush=True)
        if spent - saved > SAVE_SECONDS:
            saved = spent
            save(file, vae, optimiser, step, spent)
            report(vae, folder, name)
    save(file, vae, optimiser, step, seconds)
    report(vae, folder, name)


def batch(data: NDArray[np.uint8], step: int, decoder_only: bool) -> Tensor:
    """Return crops, (B, 3, CROP, CROP) in [-1, 1], a fifth of them in permuted colours.

    Permuted colours teach the autoencoder hues that no ordinary trait has.
    """
    rng = np.random.default_rng((int(decoder_only), step))
    crops = []
    for number in rng.integers(len(data), size=BATCH):
        top, left = rng.integers(0, 64 - CROP + 1, size=2)
        crop = data[number, top : top + CROP, left : left + CROP]
        crops.append(crop[..., rng.permutation(3)] if rng.random() < RECOLOURED else crop)
    stack = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return (stack.float() / 127.5 - 1).contiguous()


def step_loss(vae: torch.nn.Module, images: Tensor, step: int, *, decoder_only: bool) -> Tensor:
    """Return the loss of one step."""
    generator = torch.Generator().manual_seed(step)
    with torch.set_grad_enabled(not decoder_only):
        latent = vae.encode(images).latent_dist
    if decoder_only:
        spread = latent.mean.std()
        noise_scale = torch.rand(len(images), 1, 1, 1, generator=generator) * LATENT_NOISE * spread
        code = latent.mean + noise_scale * torch.randn(latent.mean.shape, generator=generator)
        return sharp_loss(vae.decode(code).sample.float(), images)
    code = latent.mean + latent.std * torch.randn(latent.mean.shape, generator=generator)
    return sharp_loss(vae.decode(code).sample.float(), images) + KL_WEIGHT * latent.kl().mean()


def sharp_loss(made: Tensor, real: Tensor) -> Tensor:
    """Return the difference of pictures in colour, and in edges at three scales."""
    loss = functional.l1_loss(made, real) + SPOT_WEIGHT * functional.mse_loss(made, real)
    for _ in range(3):
        error = made - real
        loss = loss + 0.5 * (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean())
        made, real = functional.avg_pool2d(made, 2), functional.avg_pool2d(real, 2)
    return loss


def save(
    file: Path, vae: torch.nn.Module, optimiser: torch.optim.Optimizer, step: int, spent: float
) -> None:
    """Write a checkpoint atomically."""
    state = {"model": vae.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save({**state, "step": step, "spent": spent}, file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def report(vae: torch.nn.Module, folder: Path, name: str) -> None:
    """Print the PSNR on 200 unseen portraits, and draw ten with their reconstructions."""
    real = torch.from_numpy(pictures(UNSEEN_FROM, 200)).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        latent = vae.encode(real).latent_dist.mean
        made = vae.decode(latent).sample.clamp(-1, 1)
    error = ((made - real) / 2).square().mean((1, 2, 3))
    psnr = (-10 * error.log10()).mean().item()
    print(f"{name} PSNR {psnr:.2f} dB, latent std {latent.std().item():.3f}", flush=True)
    rows = [torch.cat(list(rows[:10]), dim=2) for rows in (real, made)]
    sheet = torch.cat(rows, dim=1).add(1).mul(127.5).byte().permute(1, 2, 0).numpy()
    size = (sheet.shape[1] * 2, sheet.shape[0] * 2)
    Image.fromarray(sheet).resize(size, Image.Resampling.BICUBIC).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
