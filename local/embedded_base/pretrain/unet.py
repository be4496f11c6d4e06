"""Trains the UNet and both text encoders on precomputed latents.

    python -m local.embedded_base.pretrain.unet --folder .local/pretrain --minutes 70

Needs the trained autoencoder (`vae.pt`). The networks compute in bfloat16, which is four times
faster on a CPU with AMX; the optimiser keeps float32 weights. An interrupted run resumes from its
last checkpoint.
"""

import argparse
import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTokenizer

from local.embedded_base.architecture import (
    NOISE,
    RESOLUTION,
    TOKENS,
    make_text_encoders,
    make_unet,
    make_vae,
)
from local.embedded_base.pretrain.captions import training_caption
from local.embedded_base.pretrain.dataset import example, training_pictures, training_weights
from local.embedded_base.tokenizer import make_tokenizer

BATCH = 16
PEAK_RATE = 1e-3
WARM_UP = 300
SNR_CEILING = 5.0
EMA_DECAY = 0.9995
SAVE_SECONDS = 180


def main() -> None:
    """Train for `--minutes`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    latents = make_latents(options.folder)
    weights = torch.from_numpy(training_weights(options.folder))
    examples = Examples(*latents, weights)
    train(Networks(), examples, options.folder / "unet.pt", options.minutes * 60)


@dataclass(frozen=True)
class Examples:
    """Latents of the training pictures, (N, 4, 16, 16), and loss weights (N, 16, 16)."""

    mean: Tensor
    deviation: Tensor
    weights: Tensor


@dataclass
class Networks:
    """The trained networks in bfloat16, their float32 weights, and the moving average."""

    unet: nn.Module = field(init=False)
    encoders: tuple[nn.Module, nn.Module] = field(init=False)
    masters: list[Tensor] = field(init=False)
    average: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Initialise random weights with a fixed seed."""
        torch.manual_seed(0)
        self.unet, self.encoders = make_unet(), make_text_encoders()
        self.masters = [weight.detach().clone() for weight in self.weights()]
        self.average = [master.clone() for master in self.masters]
        self.unet.set_attn_processor(AttnProcessor())
        for encoder in self.encoders:
            encoder.set_attn_implementation("eager")
        for network in (self.unet, *self.encoders):
            network.to(torch.bfloat16).train()

    def weights(self) -> list[nn.Parameter]:
        """Return every trained weight in a fixed order."""
        return [
            weight for network in (self.unet, *self.encoders) for weight in network.parameters()
        ]

    def copy_weights(self, weights: list[Tensor]) -> None:
        """Copy weights into the networks."""
        with torch.no_grad():
            for own, given in zip(self.weights(), weights, strict=True):
                own.copy_(given)


def train(networks: Networks, examples: Examples, file: Path, seconds: float) -> None:
    """Train with a cosine schedule over `seconds` of training time."""
    optimiser = torch.optim.AdamW(
        networks.masters, PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-2, fused=True
    )
    step, spent = resume(networks, optimiser, file)
    tokenizer = make_tokenizer(TOKENS)
    alphas_cumprod = DDPMScheduler(**NOISE).alphas_cumprod
    started, saved, total = time.monotonic() - spent, spent, 0.0
    while (spent := time.monotonic() - started) < seconds:
        share = 0.5 + 0.5 * math.cos(math.pi * spent / seconds)
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * min(1, (step + 1) / WARM_UP) * share + 1e-6
        loss = step_loss(networks, examples, tokenizer, alphas_cumprod, step)
        loss.backward()
        apply_gradients(networks, optimiser, step)
        total += loss.item()
        step += 1
        if step % 100 == 0:
            print(f"unet step {step} loss {total / 100:.4f} {spent:.0f} s", flush=True)
            total = 0.0
        if spent - saved > SAVE_SECONDS:
            saved = spent
            save(networks, optimiser, file, step, spent)
    save(networks, optimiser, file, step, seconds)


def step_loss(
    networks: Networks,
    examples: Examples,
    tokenizer: CLIPTokenizer,
    alphas_cumprod: Tensor,
    step: int,
) -> Tensor:
    """Return the Min-SNR loss of one batch, which depends on the step only."""
    rng, generator = random.Random(step), torch.Generator().manual_seed(step)  # noqa: S311
    numbers = [rng.randrange(len(examples.mean)) for _ in range(BATCH)]
    captions = [training_caption(*example(number), rng) for number in numbers]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    text, pooled = encode(networks.encoders, tokens.input_ids)
    mean, deviation = examples.mean[numbers].float(), examples.deviation[numbers].float()
    clean = mean + deviation * torch.randn(mean.shape, generator=generator)
    noise = torch.randn(mean.shape, generator=generator)
    times = torch.randint(0, len(alphas_cumprod), (BATCH,), generator=generator)
    alpha_prod = alphas_cumprod[times][:, None, None, None]
    noisy = alpha_prod.sqrt() * clean + (1 - alpha_prod).sqrt() * noise
    conditions = {"text_embeds": pooled, "time_ids": time_ids(rng)}
    guess = networks.unet(
        noisy.bfloat16(), times, encoder_hidden_states=text, added_cond_kwargs=conditions
    ).sample
    snr = alphas_cumprod[times] / (1 - alphas_cumprod[times])
    weights = examples.weights[numbers].float()[:, None]
    error = ((guess.float() - noise).square() * weights).mean((1, 2, 3))
    return (error * (SNR_CEILING / snr).clamp(max=1)).mean()


def encode(encoders: tuple[nn.Module, nn.Module], ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return the concatenated penultimate hidden layers and the pooled text, as SDXL uses them."""
    first = encoders[0](ids, output_hidden_states=True)
    second = encoders[1](ids, output_hidden_states=True)
    text = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
    return text, second.text_embeds


def time_ids(rng: random.Random) -> Tensor:
    """Return sizes and crops, half of them random, so that the UNet learns to ignore them."""
    rows = []
    for _ in range(BATCH):
        given = [RESOLUTION, RESOLUTION, 0, 0, RESOLUTION, RESOLUTION]
        if rng.random() < 1 / 2:
            given[:4] = [rng.randint(64, 1024), rng.randint(64, 1024), *([rng.randint(0, 64)] * 2)]
        rows.append(given)
    return torch.tensor(rows)


def apply_gradients(networks: Networks, optimiser: torch.optim.Optimizer, step: int) -> None:
    """Update the float32 weights and their average, then copy them into the networks."""
    weights = networks.weights()
    for master, weight in zip(networks.masters, weights, strict=True):
        master.grad = None if weight.grad is None else weight.grad.float()
        weight.grad = None
    torch.nn.utils.clip_grad_norm_(networks.masters, 1.0)
    optimiser.step()
    with torch.no_grad():
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        torch._foreach_lerp_(networks.average, networks.masters, 1 - decay)
        torch._foreach_copy_(weights, networks.masters)


def make_latents(folder: Path) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of every picture's latent, scaled to unit variance."""
    file = folder / "latents.pt"
    if not file.exists():
        vae = make_vae()
        vae.load_state_dict(torch.load(folder / "vae.pt")["model"])
        vae.to(torch.bfloat16)
        data, means, deviations = training_pictures(folder), [], []
        with torch.no_grad():
            for first in range(0, len(data), 64):
                images = torch.from_numpy(data[first : first + 64].copy()).permute(0, 3, 1, 2)
                latent = vae.encode((images.float() / 127.5 - 1).bfloat16()).latent_dist
                means.append(latent.mean)
                deviations.append(latent.std)
        mean, deviation = torch.cat(means), torch.cat(deviations)
        torch.save({"mean": mean, "std": deviation, "scale": 1 / mean.float().std()}, file)
    made = torch.load(file)
    return made["mean"] * made["scale"].bfloat16(), made["std"] * made["scale"].bfloat16()


def save(
    networks: Networks, optimiser: torch.optim.Optimizer, file: Path, step: int, spent: float
) -> None:
    """Write a checkpoint atomically."""
    state = {
        "masters": networks.masters,
        "average": networks.average,
        "optimiser": optimiser.state_dict(),
        "step": step,
        "spent": spent,
    }
    torch.save(state, file.with_suffix(".part"))
    file.with_suffix(".part").replace(file)


def resume(networks: Networks, optimiser: torch.optim.Optimizer, file: Path) -> tuple[int, float]:
    """Load the last checkpoint; return its step and training time, or zeros."""
    if not file.exists():
        return 0, 0.0
    state = torch.load(file)
    with torch.no_grad():
        for own, given in zip(networks.masters, state["masters"], strict=True):
            own.copy_(given)
    networks.average = state["average"]
    optimiser.load_state_dict(state["optimiser"])
    networks.copy_weights(networks.masters)
    return state["step"], state["spent"]


if __name__ == "__main__":
    main()
