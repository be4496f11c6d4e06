"""A small base for the tests of the gate, and adapters that were never trained."""

import json
from pathlib import Path

import torch

from contracts.base import BaseCard
from local.embedded_base import build
from trainer.model import lora
from trainer.model.base import Base, load_base


def small_base(folder: Path) -> Base:
    """Build the embedded base with random weights, and load it as the trainer does."""
    torch.set_num_threads(1)
    build(folder)
    text = json.loads((folder / "base.json").read_text())
    text["inference"]["num_inference_steps"] = 2
    card = BaseCard.model_validate(text)
    return load_base(folder, card, torch.device("cpu"), torch.float32)


def attach(base: Base, b: float) -> lora.Networks:
    """Attach an adapter whose B is filled with one number."""
    networks: lora.Networks = {"unet": base.pipeline.unet}
    lora.attach(base.pipeline.unet, "unet", ("to_k", "to_v"), rank=2, alpha=2.0, seed=0)
    lora.restore(networks, filled(networks, b))
    return networks


def filled(networks: lora.Networks, b: float) -> dict[str, torch.Tensor]:
    """Return the adapter's weights with B filled with one number."""
    own = lora.weights(networks)
    return {key: weight.fill_(b) if ".lora_B." in key else weight for key, weight in own.items()}
