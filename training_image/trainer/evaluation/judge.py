"""The judge: who an image shows, and which attributes it shows.

A base brings its own judge (``BaseCard.judge``): a folder with ``judge.json``. The judge is an
image classifier of transformers, and the file says which of its outputs are an identity and which
are attributes; or it is a face encoder (``"kind": "face"``, see face_judge.py). A base may bring a
CLIP network beside it, which reads prompts (``BaseCard.clip``, see clip.py).
"""

import json
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForImageClassification, PreTrainedModel

from trainer.evaluation.clip import ClipJudge, load_clip
from trainer.evaluation.face_judge import FaceJudge, FaceJudgeSettings
from trainer.faces.choice import chosen_detector, detector_of
from trainer.model.base import Base
from trainer.process.results import TrainingError

JUDGE_FILE = "judge.json"


class Judge(Protocol):
    """What the gate measures images with."""

    def identities(self, images: list[Image.Image]) -> Tensor:
        """Return (N, D) float32 of unit length: the nearer, the more alike the people.

        A row of zeros is an image on which nobody is recognised.
        """
        ...

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        """Return how many attributes of ``prompt`` the image shows, and how many the prompt names.

        (0, 0) for a prompt that names none.
        """
        ...

    def circumstances(self, class_prompt: str) -> tuple[str, ...]:
        """Return suffixes that put a class in several situations; () for none."""
        ...

    def describe(self, image: Image.Image) -> str:
        """Return the circumstances of an image in a prompt's words; "" if they are not known.

        Never who is shown: what a caption names is not learnt as part of the trigger word.
        """
        ...


def load_judge(base: Base) -> Judge | None:
    """Return what measures likeness and prompt following; None: neither is measured.

    Where the base brings a CLIP network, it reads the prompts that the judge does not read.

    Raises:
        TrainingError: ``base_mismatch``, judge or CLIP cannot be loaded; ``face_detector_missing``.
    """
    judge = load_judge_of_likeness(base)
    if base.card.clip is None:
        return judge
    try:
        return ClipJudge(judge, load_clip(base.folder / base.card.clip))
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise TrainingError("base_mismatch", "the base's CLIP cannot be loaded") from error


def load_judge_of_likeness(base: Base) -> Judge | None:
    """Return the base's judge; None if it has none, and then identity is not measured.

    A base without a judge whose faces dlib finds is judged by dlib's encoder.

    Raises:
        TrainingError: ``base_mismatch``, the judge cannot be loaded; ``face_detector_missing``, it
            is a face judge, and neither the image nor the base has a face detector.
    """
    if base.card.judge is None:
        return load_dlib_judge(base)
    folder = base.folder / base.card.judge
    try:
        settings = json.loads((folder / JUDGE_FILE).read_bytes())
        if isinstance(settings, dict) and settings.get("kind") == "face":
            return load_face_judge(base, FaceJudgeSettings.model_validate(settings), folder)
        return ClassifierJudge(folder)
    except (OSError, ValueError) as error:
        raise TrainingError("base_mismatch", "the base's judge cannot be loaded") from error


def load_dlib_judge(base: Base) -> Judge | None:
    """Return dlib's judge; None where another detector finds the faces, or none does.

    Raises:
        TrainingError: ``face_detector_missing``; dlib or its weights are missing.
    """
    if chosen_detector(base) != "dlib":
        return None
    detector_of(base)  # says what is missing
    from trainer.faces.dlib_faces import DlibJudge  # noqa: PLC0415 - dlib is large

    return DlibJudge()


def load_face_judge(base: Base, settings: FaceJudgeSettings, folder: Path) -> FaceJudge:
    """Return the face judge.

    Raises:
        ValueError: its encoder is missing or invalid.
        TrainingError: ``face_detector_missing``.
    """
    detector = detector_of(base)
    if detector is None:
        message = "the base's judge needs a face detector, and neither image nor base has one"
        raise TrainingError("face_detector_missing", message)
    return FaceJudge(detector, folder / settings.recognizer)


class Reader(BaseModel):
    """An attribute that the judge reads: one output for each label, from output ``start`` on."""

    start: int
    labels: tuple[str, ...]


class JudgeSettings(BaseModel):
    """The part of ``judge.json`` that the trainer reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input_side: int
    """The side in pixels that every image is reduced to first."""

    network_side: int
    """The side in pixels of the network's input."""

    identity: tuple[int, int]
    """The outputs that are the identity: the first, and one past the last."""

    readers: dict[str, Reader]

    phrases: dict[str, dict[str, str]]
    """The attribute and label that each phrase of a prompt names."""

    prompts: tuple[str, ...] = ()
    """The base's examination prompts; the circumstance follows the first comma."""


class ClassifierJudge:
    """The judge that is an image classifier."""

    def __init__(self, folder: Path) -> None:
        try:
            text = (folder / JUDGE_FILE).read_text()
            self._settings = JudgeSettings.model_validate_json(text)
        except ValidationError as error:
            raise ValueError(JUDGE_FILE) from error
        network = AutoModelForImageClassification.from_pretrained(folder, dtype=torch.float32)
        self._network: PreTrainedModel = network.eval()

    def identities(self, images: list[Image.Image]) -> Tensor:
        """Return (N, D) float32 of unit length."""
        first, end = self._settings.identity
        return torch.nn.functional.normalize(self._outputs(images)[:, first:end], dim=-1)

    def follows(self, prompt: str, image: Image.Image) -> tuple[int, int]:
        """Return how many of the named attributes are shown, and how many are named."""
        wanted: dict[str, str] = {}
        for phrase in prompt.lower().split(","):
            wanted |= self._settings.phrases.get(phrase.strip(), {})
        if not wanted:
            return 0, 0
        shown = self._read(image)
        return sum(shown[name] == label for name, label in wanted.items()), len(wanted)

    def circumstances(self, _class_prompt: str) -> tuple[str, ...]:
        """Return the circumstances of the base's examination prompts."""
        return self._circumstances()

    def _circumstances(self) -> tuple[str, ...]:
        return tuple(prompt.partition(",")[2].strip() for prompt in self._settings.prompts)

    def describe(self, image: Image.Image) -> str:
        """Return a phrase for each circumstance that the examination prompts vary."""
        shown = self._read(image)
        named = [self._settings.phrases.get(phrase, {}) for phrase in self._named()]
        wanted = dict.fromkeys(attribute for promise in named for attribute in promise)
        by_promise = {
            (attribute, label): phrase
            for phrase, promise in self._settings.phrases.items()
            if len(promise) == 1
            for attribute, label in promise.items()
        }
        phrases = [by_promise.get((attribute, shown[attribute])) for attribute in wanted]
        return ", ".join(phrase for phrase in phrases if phrase is not None)

    def _named(self) -> list[str]:
        return [word.strip() for words in self._circumstances() for word in words.split(",")]

    def _read(self, image: Image.Image) -> dict[str, str]:
        outputs = self._outputs([image])[0]
        return {
            name: reader.labels[int(outputs[reader.start :][: len(reader.labels)].argmax())]
            for name, reader in self._settings.readers.items()
        }

    def _outputs(self, images: list[Image.Image]) -> Tensor:
        side = (self._settings.input_side,) * 2
        small = [np.asarray(i.convert("RGB").resize(side, Image.Resampling.BOX)) for i in images]
        pixels = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 127.5 - 1
        network_side = (self._settings.network_side,) * 2
        enlarged = torch.nn.functional.interpolate(pixels, network_side, mode="bilinear")
        with torch.no_grad():
            outputs: Tensor = self._network(enlarged).logits
        return outputs
