"""The judge of likeness: identifies the person on a picture and reads visible attributes.

The outputs of one small ResNet are an identity vector and attribute classifiers; judge.json defines
their order. It needs only torch and transformers. A deployment with real faces replaces it by a
face encoder with the same interface.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from transformers import ResNetForImageClassification


class Judge(Protocol):
    """The interface that the gate uses."""

    def identities(self, images: Sequence[Image.Image]) -> Tensor:
        """Return unit vectors, (N, D); a higher cosine means more likely the same person."""

    def readings(self, images: Sequence[Image.Image]) -> list[dict[str, str]]:
        """Return a label for every attribute of each picture."""


@dataclass(frozen=True)
class PortraitJudge:
    """The judge of the embedded base."""

    network: ResNetForImageClassification
    settings: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> "PortraitJudge":
        """Read the judge from its folder."""
        network = ResNetForImageClassification.from_pretrained(folder, dtype=torch.float32)
        return cls(network.eval(), json.loads((folder / "judge.json").read_text()))

    def identities(self, images: Sequence[Image.Image]) -> Tensor:
        """Return unit vectors, (N, D)."""
        start, end = self.settings["identity"]
        return functional.normalize(self.outputs(images)[:, start:end], dim=-1)

    def readings(self, images: Sequence[Image.Image]) -> list[dict[str, str]]:
        """Return a label for every attribute of every picture."""
        outputs = self.outputs(images)
        found: list[dict[str, str]] = [{} for _ in images]
        for name, reader in self.settings["readers"].items():
            start, labels = reader["start"], reader["labels"]
            best = outputs[:, start : start + len(labels)].argmax(dim=-1)
            for reading, index in zip(found, best.tolist(), strict=True):
                reading[name] = labels[index]
        return found

    def outputs(self, images: Sequence[Image.Image]) -> Tensor:
        """Return the network's outputs, (N, outputs) float32."""
        side = self.settings["input_side"]
        small = [np.asarray(image.convert("RGB").resize((side, side), BOX)) for image in images]
        pixels = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2)
        with torch.no_grad():
            logits: Tensor = self.network(prepare(pixels, self.settings["network_side"])).logits
        return logits


BOX = Image.Resampling.BOX


def prepare(pixels: Tensor, side: int) -> Tensor:
    """Scale pixels (N, 3, h, w) from 0 to 255 to [-1, 1], and enlarge them for the network."""
    scaled = pixels.float() / 127.5 - 1
    return functional.interpolate(scaled, (side, side), mode="bilinear", align_corners=False)


def expected(settings: dict[str, Any], prompt: str) -> dict[str, str]:
    """Return the attributes in a prompt that the judge can read."""
    wanted: dict[str, str] = {}
    for phrase in prompt.lower().split(","):
        wanted.update(settings["phrases"].get(phrase.strip(), {}))
    return wanted


def following(settings: dict[str, Any], prompt: str, reading: dict[str, str]) -> float:
    """Return the share of a prompt's attributes that a picture shows; 1 without attributes."""
    wanted = expected(settings, prompt)
    if not wanted:
        return 1.0
    return sum(reading[name] == label for name, label in wanted.items()) / len(wanted)
