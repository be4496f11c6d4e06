"""What tests of the gate share: a small base, adapters that were never trained, a colour judge."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from contracts.base import BaseCard, GateFloors
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


@dataclass
class ColourJudge:
    """A judge whose identity is an image's mean colour; its only attribute is ``red``."""

    def identities(self, images: Sequence[Image.Image]) -> Any:
        means = np.stack([np.asarray(image).mean(axis=(0, 1)) for image in images])
        return nn.functional.normalize(torch.from_numpy(means).float(), dim=-1)

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        if "red" not in prompt:
            return 0, 0
        red, green, _ = np.asarray(image).mean(axis=(0, 1))
        return int(red > green), 1

    def circumstances(self, class_prompt: str) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def describe(self, image: Image.Image) -> str:  # noqa: ARG002
        return ""


RED, GREEN, BLUE = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1), (0.1, 0.1, 0.9)


def images_of(*colours: tuple[float, float, float]) -> Any:
    """Return one image a colour, (N, 8, 8, 3) float32 in [0, 1], with an inverted first row."""
    plain = np.ones((len(colours), 8, 8, 3), dtype=np.float32) * np.array(
        colours, dtype=np.float32
    ).reshape(-1, 1, 1, 3)
    plain[:, 0] = 1 - plain[:, 0]  # for contrast
    return plain


FLOORS = GateFloors(
    min_effect=0.01, min_identity=0.9, min_prompt_following=0.9, max_class_drift=0.1
)
