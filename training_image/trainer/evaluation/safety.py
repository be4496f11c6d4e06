"""The safety stages of what a training draws for people: a picture that they withhold is grey.

Sample pictures, validation images and contact sheets pass the same two stages as the endpoint's
pictures (contracts/shared/pictures/safety_stages.py). The gate and the judge see every picture as
it was drawn: what is withheld are the files.

The networks run on the CPU: beside a training the GPU's memory is full.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors import SafetensorError
from transformers import CLIPImageProcessor, ViTForImageClassification, ViTImageProcessor

from contracts.documents.training import PictureSafety
from contracts.shared.layout.container import CHECKER_CHANNEL, FILTER_CHANNEL
from contracts.shared.pictures.classifier import (
    CHECKER_FILES,
    ClassifierError,
    chosen_labels,
    read_folder,
    share_of,
)
from contracts.shared.pictures.safety_stages import Checker, Stages, Verdict
from trainer.model.sampling import Pictures
from trainer.process.results import TrainingError, log

GREY = (128, 128, 128)


@dataclass(frozen=True)
class Shown:
    """Pictures as people may see them."""

    images: list[Image.Image]
    """Those that are withheld are grey."""
    verdicts: tuple[Verdict, ...] = ()
    """Empty: the stack has named no stage."""

    @property
    def withheld(self) -> int | None:
        """How many are withheld; None: nobody looked."""
        return sum(one.unsafe for one in self.verdicts) if self.verdicts else None

    @property
    def score(self) -> float | None:
        """The content filter's largest probability; None: it was not asked."""
        return max((one.score for one in self.verdicts if one.score is not None), default=None)


def show(images: Sequence[Image.Image], checker: Checker | None) -> Shown:
    """Return pictures as people may see them."""
    if checker is None:
        return Shown(list(images))
    verdicts = tuple(checker.check(images))
    if withheld := sum(one.unsafe for one in verdicts):
        log(f"safety stages withhold {withheld} of {len(images)} pictures")
    shown = [
        Image.new("RGB", image.size, GREY) if verdict.unsafe else image
        for image, verdict in zip(images, verdicts, strict=True)
    ]
    return Shown(shown, verdicts)


def to_pictures(images: Sequence[Image.Image]) -> Pictures:
    """Return images as (N, S, S, 3) float32 in 0 to 1."""
    pixels = np.stack([np.asarray(image, np.float32) for image in images]) / 255
    return pixels.astype(np.float32)


def withheld_of(*parts: Shown) -> dict[str, int | float | None]:
    """Return how many of these pictures are withheld, by GateReport's names."""
    counts = [part.withheld for part in parts if part.withheld is not None]
    scores = [part.score for part in parts if part.score is not None]
    return {
        "withheld": sum(counts) if counts else None,
        "content_score": max(scores, default=None),
    }


def load_checker(root: Path, safety: PictureSafety | None) -> Checker | None:
    """Return the stages of a plan, from the job's channels; None: the stack has named none.

    Raises:
        TrainingError: ``classifier_unusable``; a channel is empty, or not what the plan says.
    """
    if safety is None:
        return None
    channels = root / "input" / "data"
    try:
        first = SafetyChecker(channels / CHECKER_CHANNEL, safety) if safety.checker else None
        second = ContentFilter(channels / FILTER_CHANNEL, safety) if safety.content_filter else None
    except ClassifierError as error:
        raise TrainingError("classifier_unusable", str(error)) from error
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise TrainingError("classifier_unusable", "a safety stage cannot be loaded") from error
    return Stages(first, second)


class SafetyChecker:
    """The first stage: diffusers' safety checker flags pictures that are close to its concepts."""

    def __init__(self, folder: Path, safety: PictureSafety) -> None:
        """Load it.

        Raises:
            ClassifierError: the folder is incomplete.
        """
        lacks = [name for name in CHECKER_FILES if not (folder / name).is_file()]
        if lacks:
            raise ClassifierError(f"the safety checker lacks {', '.join(lacks)}")
        self.network = StableDiffusionSafetyChecker.from_pretrained(
            folder / "safety_checker", use_safetensors=True, local_files_only=True
        ).eval()
        with torch.no_grad():  # a lower threshold of each concept is diffusers' adjustment
            self.network.concept_embeds_weights -= safety.adjustment
            self.network.special_care_embeds_weights -= safety.adjustment
        self.prepare = CLIPImageProcessor.from_pretrained(folder / "feature_extractor")

    def unsafe(self, images: Sequence[Image.Image]) -> list[bool]:
        """Return for each picture whether it is flagged."""
        pixels = self.prepare(list(images), return_tensors="pt").pixel_values
        dummies = [np.zeros((1, 1, 3)) for _ in images]  # it paints over what it is given
        with torch.inference_mode():
            _, flags = self.network(clip_input=pixels, images=dummies)
        return [bool(flag) for flag in flags]


class ContentFilter:
    """The second stage: the probability of the operator's labels, by a ViT."""

    def __init__(self, folder: Path, safety: PictureSafety) -> None:
        """Load it.

        Raises:
            ClassifierError: the folder is incomplete or no ViT's, or a label lacks.
        """
        config, _ = read_folder(folder)
        self.labels = chosen_labels(safety.labels, config.labels)
        self.network = ViTForImageClassification.from_pretrained(
            folder, use_safetensors=True, local_files_only=True
        ).eval()
        self.prepare = ViTImageProcessor.from_pretrained(folder, local_files_only=True)
        self.threshold = safety.threshold

    def scores(self, images: Sequence[Image.Image]) -> list[float]:
        """Return for each picture the probability of the refused labels."""
        pixels = self.prepare(list(images), return_tensors="pt").pixel_values
        with torch.inference_mode():
            rows = self.network(pixel_values=pixels).logits.float().softmax(-1).tolist()
        names = self.network.config.id2label
        return [
            share_of(self.labels, {names[place]: value for place, value in enumerate(row)})
            for row in rows
        ]
