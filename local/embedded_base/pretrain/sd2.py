"""Trains the second base, with Stable Diffusion 2's architecture, on the first base's data.

    python -m local.embedded_base.pretrain.sd2 --folder .local/pretrain --minutes 72 \
        --revision 1 --out local/embedded_base/portraits-sd2

It has one text encoder, v-prediction, no picture sizes and a third of the UNet. It shares the first
base's autoencoder, latents, captions and judge, and gives the trainer and the server a trained base
of another architecture; its pictures are worse. Minutes are processor time.
"""

import argparse
import json
import math
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from diffusers import DDPMScheduler
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTokenizer

from contracts.base import BaseCard
from local.embedded_base import PORTRAITS
from local.embedded_base.architecture import NOISE, TOKENS, make_sd2_unet, make_text_encoders
from local.embedded_base.card import FACES, write_card
from local.embedded_base.pretrain.captions import training_caption
from local.embedded_base.pretrain.dataset import example, training_weights
from local.embedded_base.pretrain.export import read_floors, trained_vae
from local.embedded_base.pretrain.unet import Examples, make_latents
from local.embedded_base.tokenizer import make_tokenizer
from local.embedded_base.untrained import save_sd2_pipeline

BATCH = 16
PEAK_RATE = 1.5e-3
WARM_UP = 200
SNR_CEILING = 5.0
EMA_DECAY = 0.999
SAVE_SECONDS = 120
CHANNELS = (64, 96)
JUDGE = "likeness"


def main() -> None:
    """Train for `--minutes`, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    weights = torch.from_numpy(training_weights(options.folder))
    examples = Examples(*make_latents(options.folder), weights)
    networks = Networks()
    train(networks, examples, options.folder / "sd2.pt", options.minutes * 60)
    write(networks, options.folder, options.out, options.revision)


@dataclass
class Networks:
    """The trained networks in bfloat16, their float32 weights, and the moving average."""

    unet: nn.Module = field(init=False)
    encoder: nn.Module = field(init=False)
    masters: list[Tensor] = field(init=False)
    average: list[Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Initialise random weights with a fixed seed."""
        torch.manual_seed(0)
        self.unet, self.encoder = make_sd2_unet(CHANNELS), make_text_encoders()[0]
        self.masters = [weight.detach().clone() for weight in self.weights()]
        self.average = [master.clone() for master in self.masters]
        self.unet.set_attn_processor(AttnProcessor())
        self.encoder.set_attn_implementation("eager")
        self.unet.to(torch.bfloat16).train()
        self.encoder.to(torch.bfloat16).train()

    def weights(self) -> list[nn.Parameter]:
        """Return every trained weight in a fixed order."""
        return [*self.unet.parameters(), *self.encoder.parameters()]

    def copy_weights(self, weights: list[Tensor]) -> None:
        """Copy weights into the networks."""
        with torch.no_grad():
            for own, given in zip(self.weights(), weights, strict=True):
                own.copy_(given)


def train(networks: Networks, examples: Examples, file: Path, seconds: float) -> None:
    """Train with a cosine schedule over `seconds`; resume from a checkpoint."""
    optimiser = torch.optim.AdamW(
        networks.masters, PEAK_RATE, betas=(0.9, 0.98), weight_decay=1e-2, fused=True
    )
    step, spent = resume(networks, optimiser, file)
    tokenizer, alphas_cumprod = make_tokenizer(TOKENS), DDPMScheduler(**NOISE).alphas_cumprod
    started, saved, total = time.process_time() - spent, spent, 0.0
    while (spent := time.process_time() - started) < seconds:
        share = 0.5 + 0.5 * math.cos(math.pi * spent / seconds)
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * min(1, (step + 1) / WARM_UP) * share + 1e-6
        loss = step_loss(networks, examples, tokenizer, alphas_cumprod, step)
        loss.backward()
        apply_gradients(networks, optimiser, step)
        total += loss.item()
        step += 1
        if step % 100 == 0:
            print(f"sd2 step {step} loss {total / 100:.4f} {spent:.0f} s", flush=True)
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
    """Return the Min-SNR loss of one batch for v-prediction; the batch depends on the step only.

    Source: Salimans and Ho 2022, arXiv 2202.00512 (v); Hang et al. 2023, arXiv 2303.09556.
    """
    rng, generator = random.Random(step), torch.Generator().manual_seed(step)  # noqa: S311
    numbers = [rng.randrange(len(examples.mean)) for _ in range(BATCH)]
    captions = [training_caption(*example(number), rng) for number in numbers]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt")
    mean, deviation = examples.mean[numbers].float(), examples.deviation[numbers].float()
    clean = mean + deviation * torch.randn(mean.shape, generator=generator)
    noise = torch.randn(mean.shape, generator=generator)
    times = torch.randint(0, len(alphas_cumprod), (BATCH,), generator=generator)
    alpha_prod = alphas_cumprod[times][:, None, None, None]
    noisy = alpha_prod.sqrt() * clean + (1 - alpha_prod).sqrt() * noise
    text = networks.encoder(tokens.input_ids)[0]
    guess = networks.unet(noisy.bfloat16(), times, encoder_hidden_states=text).sample
    velocity = alpha_prod.sqrt() * noise - (1 - alpha_prod).sqrt() * clean
    weights = examples.weights[numbers].float()[:, None]
    error = ((guess.float() - velocity).square() * weights).mean((1, 2, 3))
    snr = alphas_cumprod[times] / (1 - alphas_cumprod[times])
    return (error * snr.clamp(max=SNR_CEILING) / (snr + 1)).mean()


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


def save(
    networks: Networks, optimiser: torch.optim.Optimizer, file: Path, step: int, spent: float
) -> None:
    """Write a checkpoint atomically."""
    weights = {"masters": networks.masters, "average": networks.average}
    state = {"optimiser": optimiser.state_dict(), "step": step, "spent": spent}
    torch.save(weights | state, file.with_suffix(".part"))
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


def write(networks: Networks, folder: Path, out: Path, revision: str) -> BaseCard:
    """Write the averaged weights as a diffusers folder, with a card and the first base's judge."""
    networks.unet.float()
    networks.encoder.float()
    networks.copy_weights(networks.average)
    save_sd2_pipeline(out, networks.unet, trained_vae(folder), networks.encoder)
    shutil.copytree(PORTRAITS / JUDGE, out / JUDGE, dirs_exist_ok=True)
    shutil.copy(PORTRAITS / FACES, out / FACES)
    card = write_card(
        out,
        "portraits-sd2",
        family="sd2",
        revision=revision,
        prediction_type="v_prediction",
        gate=read_floors(out),
        judge=JUDGE,
    )
    print(json.dumps({"revision": card.revision, "sha256": card.sha256}))
    return card


if __name__ == "__main__":
    main()
