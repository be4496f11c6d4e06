"""Trains the judge of likeness, measures it on unseen people, and writes its folder.

    python -m local.embedded_base.pretrain.judge --folder .local/pretrain --minutes 20 \
        --out local/embedded_base/portraits-sdxl/likeness

Identity is trained with the supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362): it
attracts photos of one person, and repels all others in the batch, also twins.
"""

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import ResNetConfig, ResNetForImageClassification

from local.embedded_base.judge import prepare
from local.embedded_base.pretrain.judge_data import (
    PEOPLE,
    PHOTOS_EACH,
    READERS,
    UNNAMED,
    UNSEEN_FROM,
    album,
    hide,
    reconstructed,
)
from local.portraits.characters import HAIR, HAIR_STYLES

IDENTITY = 64
INPUT_SIDE, NETWORK_SIDE = 64, 128
PAIRS, VIEWS = 8, 4
"""Number of twin pairs in a batch, and of photos of each person."""

PEAK_RATE = 2e-3
TEMPERATURE = 0.15
READER_WEIGHTS = dict.fromkeys(READERS, 3.0) | {
    "hair_style": 12.0,
    "expression": 9.0,
    "mark": 15.0,
}
"""Loss weights of the attribute classifiers; difficult attributes weigh more."""

HIDEABLE = ("mark", "hair_style")
"""Attributes that a beard, dark skin, a crown or the picture's edge can hide."""

SAVE_SECONDS = 120


def main() -> None:
    """Train for `--minutes` of processor time, measure, and write the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = train(options.folder, options.minutes * 60)
    figures = measure(network, options.folder / "vae.pt")
    print(json.dumps(figures, indent=2), flush=True)
    write(network, options.out, figures)


def make_network() -> ResNetForImageClassification:
    """Return an untrained judge; identity and attributes are slices of its outputs."""
    torch.manual_seed(0)
    config = ResNetConfig(
        embedding_size=24,
        hidden_sizes=[32, 64, 112, 160],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        num_labels=IDENTITY + sum(len(words) for words in READERS.values()),
    )
    return ResNetForImageClassification(config)


def training_album(folder: Path) -> tuple[Any, Any, Any]:
    """Return pictures, their reconstructions, and labels; they are made once and stored."""
    file = folder / "judge.npz"
    if not file.exists():
        pictures, labels = album(0, PEOPLE, PHOTOS_EACH)
        np.savez(
            file,
            pictures=pictures,
            remade=reconstructed(pictures, folder / "vae.pt"),
            labels=labels,
        )
    data = np.load(file)
    return data["pictures"], data["remade"], visible_labels(folder, data)


def visible_labels(folder: Path, data: Any) -> Any:
    """Return the training labels without invisible marks; they are made once and stored."""
    file = folder / "judge_labels.npy"
    if not file.exists():
        np.save(file, hide(data["labels"], data["pictures"], 0, PHOTOS_EACH, "mark"))
    return np.load(file)


def train(folder: Path, seconds: float) -> ResNetForImageClassification:
    """Train with a cosine schedule over `seconds`; resume from a checkpoint."""
    network, file = make_network(), folder / "judge.pt"
    data = training_album(folder)
    optimiser = torch.optim.AdamW(network.parameters(), PEAK_RATE, weight_decay=5e-3)
    step, spent = 0, 0.0
    if file.exists():
        state = torch.load(file)
        network.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
    network.train()
    started, saved = time.process_time() - spent, spent
    while (spent := time.process_time() - started) < seconds:
        share = 0.5 + 0.5 * math.cos(math.pi * spent / seconds)
        for group in optimiser.param_groups:
            group["lr"] = PEAK_RATE * min(1, (step + 1) / 200) * share + 1e-6
        pixels, labels, who = batch(data, step)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = network(prepare(pixels, NETWORK_SIDE)).logits.float()
        identity, reading = contrast(outputs[:, :IDENTITY], who), reader_loss(outputs, labels)
        optimiser.zero_grad()
        (identity + reading).backward()
        optimiser.step()
        step += 1
        if step % 100 == 0:
            losses = f"identity {identity.item():.3f} readers {reading.item():.3f}"
            print(f"judge step {step} {losses} {spent:.0f} s", flush=True)
        if spent - saved > SAVE_SECONDS:
            saved = spent
            state = {"model": network.state_dict(), "optimiser": optimiser.state_dict()}
            torch.save({**state, "step": step, "spent": spent}, file)
    return network.eval()


def batch(data: tuple[Any, Any, Any], step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return pixels (B, 3, 64, 64) in 0 to 255, labels (B, attributes), and person ids (B,)."""
    rng = np.random.default_rng(step)
    pairs = rng.choice(PEOPLE // 2, PAIRS, replace=False)
    people = np.concatenate([pairs * 2, pairs * 2 + 1])
    rows = np.concatenate(
        [n * PHOTOS_EACH + rng.choice(PHOTOS_EACH, VIEWS, replace=False) for n in people]
    )
    remade = rng.integers(2, size=len(rows)) == 1
    pictures = np.where(remade[:, None, None, None], data[1][rows], data[0][rows])
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    return (
        disturb(pixels, step),
        torch.from_numpy(data[2][rows]),
        torch.arange(len(people)).repeat_interleave(VIEWS),
    )


def disturb(pixels: Tensor, step: int) -> Tensor:
    """Return pictures with noise, some slightly blurred, like generated pictures."""
    generator = torch.Generator().manual_seed(step)
    blurred = functional.avg_pool2d(functional.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.rand(len(pixels), 1, 1, 1, generator=generator) - 0.4
    mixed = torch.lerp(pixels, blurred, share.clamp(min=0))
    noise_scale = torch.rand(len(pixels), 1, 1, 1, generator=generator) * 6
    gain = 0.92 + 0.16 * torch.rand(len(pixels), 3, 1, 1, generator=generator)
    noise = torch.randn(pixels.shape, generator=generator)
    return ((mixed * gain) + noise_scale * noise).clamp(0, 255)


def contrast(vectors: Tensor, who: Tensor) -> Tensor:
    """Return the supervised contrastive loss of a batch."""
    unit = functional.normalize(vectors, dim=-1)
    likeness = unit @ unit.T / TEMPERATURE
    same = who[:, None] == who[None, :]
    itself = torch.eye(len(who), dtype=torch.bool)
    log_share = likeness - likeness.masked_fill(itself, -torch.inf).logsumexp(1, keepdim=True)
    friends = same & ~itself
    return -(log_share.masked_fill(~friends, 0).sum(1) / friends.sum(1)).mean()


def reader_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the mean of the attributes' weighted cross entropies."""
    start, losses = IDENTITY, []
    for column, (name, words) in enumerate(READERS.items()):
        logits = outputs[:, start : start + len(words)]
        loss = functional.cross_entropy(logits, labels[:, column], ignore_index=UNNAMED)
        losses.append(READER_WEIGHTS[name] * loss)
        start += len(words)
    return torch.stack(losses).mean()


def measure(network: nn.Module, vae: Path) -> dict[str, Any]:
    """Return AUC and accuracies on drawn and reconstructed pictures of unseen people."""
    pictures, labels = album(UNSEEN_FROM, 400, 4)
    visible = labels
    for trait in HIDEABLE:
        visible = hide(visible, pictures, UNSEEN_FROM, 4, trait)
    figures: dict[str, Any] = {}
    for name, shown in (("drawn", pictures), ("reconstructed", reconstructed(pictures, vae))):
        pixels = torch.from_numpy(shown).permute(0, 3, 1, 2)
        with torch.no_grad():
            outputs = torch.cat(
                [network(prepare(part, NETWORK_SIDE)).logits for part in pixels.split(100)]
            )
        who = torch.arange(400).repeat_interleave(4)
        figures[name] = {
            **verification(functional.normalize(outputs[:, :IDENTITY], dim=-1), who),
            **accuracies(outputs, torch.from_numpy(labels)),
        }
        seen = accuracies(outputs, torch.from_numpy(visible))
        figures[name] |= {f"{trait}_visible": seen[trait] for trait in HIDEABLE}
    figures["hidden"] = {
        trait: float((visible[:, column] != labels[:, column]).mean())
        for column, trait in enumerate(READERS)
        if trait in HIDEABLE
    }
    return figures


def verification(unit: Tensor, who: Tensor) -> dict[str, float]:
    """Return how well the cosine separates one person from others, and from twins."""
    cosine = unit @ unit.T
    above = torch.ones_like(cosine, dtype=torch.bool).triu(1)
    same = (who[:, None] == who[None, :]) & above
    twins = (who[:, None] // 2 == who[None, :] // 2) & above & ~same
    others = above & ~same & ~twins
    alike, foreign = cosine[same], cosine[others]
    border = torch.quantile(alike, 0.02).item()
    return {
        "auc": area(alike, foreign),
        "auc_twins": area(alike, cosine[twins]),
        "same_mean": alike.mean().item(),
        "others_mean": foreign.mean().item(),
        "twins_mean": cosine[twins].mean().item(),
        "threshold_2_percent_missed": border,
        "others_above_threshold": (foreign > border).float().mean().item(),
    }


def area(alike: Tensor, foreign: Tensor) -> float:
    """Return the AUC: how often a pair of one person has a higher cosine than a pair of two."""
    ranks = torch.searchsorted(foreign.sort().values, alike.contiguous())
    return float((ranks.float() / len(foreign)).mean())


def accuracies(outputs: Tensor, labels: Tensor) -> dict[str, float]:
    """Return the accuracy of each attribute."""
    start, found = IDENTITY, {}
    for column, (name, words) in enumerate(READERS.items()):
        known = labels[:, column] != UNNAMED
        best = outputs[:, start : start + len(words)].argmax(dim=-1)
        found[name] = (best == labels[:, column])[known].float().mean().item()
        start += len(words)
    return found


def write(network: ResNetForImageClassification, out: Path, figures: dict[str, Any]) -> None:
    """Write the network in float16, and judge.json."""
    out.mkdir(parents=True, exist_ok=True)
    network.half().save_pretrained(out)
    start, readers = IDENTITY, {}
    for name, words in READERS.items():
        readers[name] = {"start": start, "labels": list(words)}
        start += len(words)
    settings = {
        "schema_version": 1,
        "input_side": INPUT_SIDE,
        "network_side": NETWORK_SIDE,
        "identity": [0, IDENTITY],
        "same_person": figures["reconstructed"]["threshold_2_percent_missed"],
        "readers": readers,
        "phrases": phrases(),
        "prompts": PROMPTS,
        "measured": figures,
    }
    (out / "judge.json").write_text(json.dumps(settings, indent=1) + "\n")


PROMPTS = [
    "a photo of a {subject}, smiling, white shirt, blue background",
    "a photo of a {subject}, neutral, red shirt, city background",
    "a photo of a {subject}, surprised, yellow shirt, grey background",
    "a photo of a {subject}, frowning, black shirt, sunset background",
    "a photo of a {subject}, smiling, green shirt, night background",
    "a photo of a {subject}, neutral, blue shirt, forest background",
    "a photo of a {subject}, smiling, orange shirt, beach background",
    "a photo of a {subject}, frowning, purple shirt, green background",
]
"""Prompts for the gate; {subject} is "person", or the trigger word and "person"."""


def phrases() -> dict[str, dict[str, str]]:
    """Return the attributes that each phrase of a prompt names."""
    forms = {"skin": "{} skin", "eyes": "{} eyes", "glasses": "{} glasses"}
    forms |= {"shirt": "{} shirt", "background": "{} background"}
    known = {
        forms.get(reader, "{}").format(word): {reader: word}
        for reader, words in READERS.items()
        if reader not in ("hair", "hair_style")
        for word in words
        if word != "none"
    }
    for style in HAIR_STYLES[:-1]:
        for colour in HAIR:
            known[f"{style} {colour} hair"] = {"hair_style": style, "hair": colour}
    known["bald head"] = {"hair_style": "bald"}
    return known


if __name__ == "__main__":
    main()
