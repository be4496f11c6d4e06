"""The judge of likeness: who is on a picture, and what is to be seen on it.

One small ResNet whose outputs are an identity vector and a few readers side by side; judge.json
says which is which. Needs torch and transformers only; a deployment with real faces plugs in a
face encoder of the same interface.
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
    """What the gate asks."""

    def identities(self, images: Sequence[Image.Image]) -> Tensor:
        """Return unit vectors, (N, D): the cosine of two says how likely they are one person."""

    def readings(self, images: Sequence[Image.Image]) -> list[dict[str, str]]:
        """Return what each picture shows: a label for every attribute."""


@dataclass(frozen=True)
class PortraitJudge:
    """The judge that ships with the embedded base."""

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
    """Return what the network takes, in [-1, 1] and enlarged, from (N, 3, h, w) in 0 to 255."""
    scaled = pixels.float() / 127.5 - 1
    return functional.interpolate(scaled, (side, side), mode="bilinear", align_corners=False)


def expected(settings: dict[str, Any], prompt: str) -> dict[str, str]:
    """Return what a picture made from a prompt should show, as far as the judge can read it."""
    wanted: dict[str, str] = {}
    for phrase in prompt.lower().split(","):
        wanted.update(settings["phrases"].get(phrase.strip(), {}))
    return wanted


def following(settings: dict[str, Any], prompt: str, reading: dict[str, str]) -> float:
    """Return the share of a prompt's attributes that a picture shows; 1 if it names none."""
    wanted = expected(settings, prompt)
    if not wanted:
        return 1.0
    return sum(reading[name] == label for name, label in wanted.items()) / len(wanted)
