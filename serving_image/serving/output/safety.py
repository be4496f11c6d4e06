"""The networks of both stages that look at each drawn picture, and what a server is told of them.

contracts/shared/pictures/safety_stages.py has the rule.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL.Image import Image
from transformers import CLIPImageProcessor, ViTForImageClassification, ViTImageProcessor

from contracts.shared.pictures.classifier import (
    DEFAULT_LABELS,
    DEFAULT_THRESHOLD,
    chosen_labels,
    share_of,
)
from contracts.shared.pictures.safety_stages import Stages, Verdict


def figures_of(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return the metrics of an answer's verdicts; empty where the stages had nothing to say."""
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    counts = {
        "UnsafePictures": sum(verdict.unsafe for verdict in verdicts),
        "OverruledPictures": sum(verdict.overruled for verdict in verdicts),
    }
    found: dict[str, float] = {name: count for name, count in counts.items() if count}
    return found | ({"ContentScore": max(scores)} if scores else {})


class DiffusersChecker:
    """Compares each picture with the concepts of diffusers' safety checker."""

    def __init__(self, folder: Path, device: torch.device, adjustment: float = 0.0) -> None:
        """Load a checker.

        Args:
            folder: has ``safety_checker/`` and ``feature_extractor/`` of a pipeline.
            device: where it runs.
            adjustment: added to each concept's score; above 0 it flags more pictures.
        """
        checker = StableDiffusionSafetyChecker.from_pretrained(
            folder / "safety_checker", use_safetensors=True, local_files_only=True
        )
        # diffusers adds 0.0 in its code: a lower threshold of each concept is the same.
        with torch.no_grad():
            checker.concept_embeds_weights -= adjustment
            checker.special_care_embeds_weights -= adjustment
        self.checker = checker.to(device).eval()
        self.prepare = CLIPImageProcessor.from_pretrained(folder / "feature_extractor")
        self.device = device

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return for each picture whether it is close to one of the concepts."""
        pixels = self.prepare(list(images), return_tensors="pt").pixel_values.to(self.device)
        # The checker paints unsafe pictures black. Ours are refused instead, so it gets dummies.
        dummies = [np.zeros((1, 1, 3)) for _ in images]
        _, flags = self.checker(clip_input=pixels, images=dummies)
        return [bool(flag) for flag in flags]


class ContentFilter:
    """The probability of an operator's labels, by a ViT for classification."""

    def __init__(self, folder: Path, device: torch.device, labels: str, threshold: float) -> None:
        """Load a filter.

        Args:
            folder: as transformers saves ViTForImageClassification.
            device: where it runs.
            labels: the refused labels with commas between.
            threshold: their probability from which on a picture is withheld.

        Raises:
            ClassifierError: the filter lacks a label.
        """
        network = ViTForImageClassification.from_pretrained(
            folder, use_safetensors=True, local_files_only=True
        )
        self.network = network.to(device).eval()
        self.prepare = ViTImageProcessor.from_pretrained(folder, local_files_only=True)
        self.names = network.config.id2label
        self.labels = chosen_labels(labels, self.names.values())
        self.device, self.threshold = device, threshold

    def scores(self, images: Sequence[Image]) -> list[float]:
        """Return for each picture the probability of the refused labels."""
        pixels = self.prepare(list(images), return_tensors="pt").pixel_values.to(self.device)
        with torch.inference_mode():
            found = self.network(pixel_values=pixels).logits.float().softmax(-1).tolist()
        return [
            share_of(self.labels, {self.names[n]: value for n, value in enumerate(row)})
            for row in found
        ]


class SafetySettings(NamedTuple):
    """What the operator has named, and how the stages decide."""

    checker: str | None = None
    """Folder of the safety checker."""
    adjustment: float = 0.0
    filter: str | None = None
    """Folder of the content filter."""
    labels: str = DEFAULT_LABELS
    threshold: float = DEFAULT_THRESHOLD

    @classmethod
    def from_environment(cls) -> "SafetySettings":
        """Return what ``serve`` and the template have set."""
        return cls(
            os.environ.get("LIKENESS_SAFETY_DIR"),
            float(os.environ.get("LIKENESS_SAFETY_ADJUSTMENT", "0")),
            os.environ.get("LIKENESS_FILTER_DIR"),
            os.environ.get("LIKENESS_FILTER_LABELS", DEFAULT_LABELS),
            float(os.environ.get("LIKENESS_FILTER_THRESHOLD", DEFAULT_THRESHOLD)),
        )


def make_checker(named: SafetySettings, device: torch.device) -> Stages:
    """Return the stages in the folders that ``serve`` found."""
    first = second = None
    if named.checker is not None:
        first = DiffusersChecker(Path(named.checker), device, named.adjustment)
    if named.filter is not None:
        second = ContentFilter(Path(named.filter), device, named.labels, named.threshold)
    return Stages(first, second)
