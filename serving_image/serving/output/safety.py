"""Two stages look at each drawn picture: diffusers' safety checker, then the content filter.

Both are the operator's to name. The first stage flags; the second, where there is one, decides on
what was flagged. With one of them alone, that one decides on every picture.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL.Image import Image
from transformers import CLIPImageProcessor, ViTForImageClassification, ViTImageProcessor

from contracts.shared.people.classifier import (
    DEFAULT_LABELS,
    DEFAULT_THRESHOLD,
    chosen_labels,
    share_of,
)


class Verdict(NamedTuple):
    """What the stages say of one picture."""

    unsafe: bool
    """Whether the picture must be withheld."""
    overruled: bool = False
    """Whether the second stage let pass what the first had flagged."""
    score: float | None = None
    """Probability of the filter's refused labels; None where the filter was not asked."""


def figures_of(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Return the metrics of an answer's verdicts; empty where the stages had nothing to say."""
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    counts = {
        "UnsafePictures": sum(verdict.unsafe for verdict in verdicts),
        "OverruledPictures": sum(verdict.overruled for verdict in verdicts),
    }
    found: dict[str, float] = {name: count for name, count in counts.items() if count}
    return found | ({"ContentScore": max(scores)} if scores else {})


class Checker(Protocol):
    """Checks pictures before they are returned."""

    def check(self, images: Sequence[Image]) -> list[Verdict]:
        """Return the verdict on each picture."""
        ...


class Flags(Protocol):
    """The first stage."""

    def unsafe(self, images: Sequence[Image]) -> list[bool]:
        """Return for each picture whether it is flagged."""
        ...


class Scores(Protocol):
    """The second stage."""

    threshold: float
    """Probability from which on a picture is withheld."""

    def scores(self, images: Sequence[Image]) -> list[float]:
        """Return for each picture the probability of the refused labels."""
        ...


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


class Stages(NamedTuple):
    """The stages that the operator has named; without any, every picture passes."""

    first: Flags | None = None
    second: Scores | None = None

    def check(self, images: Sequence[Image]) -> list[Verdict]:
        """Return the verdict on each picture; the second stage sees only what the first flags."""
        flags = [True] * len(images) if self.first is None else self.first.unsafe(images)
        if self.second is None:
            return [Verdict(self.first is not None and flag) for flag in flags]
        flagged = [image for image, flag in zip(images, flags, strict=True) if flag]
        scores = iter(self.second.scores(flagged) if flagged else ())
        return [self.decide(next(scores)) if flag else Verdict(False) for flag in flags]

    def decide(self, score: float) -> Verdict:
        """Return the second stage's verdict on a flagged picture."""
        unsafe = self.second is not None and score >= self.second.threshold
        return Verdict(unsafe, self.first is not None and not unsafe, score)


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
