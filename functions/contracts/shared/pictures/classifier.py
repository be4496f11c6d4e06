"""A picture classifier's folder: its files, what its config says, and the share of some labels.

The folder is that of transformers' ViTForImageClassification. Intake and server read it alike: the
labels that an operator names must exist, or nothing starts.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CONFIG, PREPROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
FILES = (CONFIG, PREPROCESSOR, WEIGHTS)
"""What a classifier's folder consists of; weights in another format are not loaded."""

CHECKER_FILES = (
    "safety_checker/config.json",
    "safety_checker/model.safetensors",
    "feature_extractor/preprocessor_config.json",
)
"""What diffusers' safety checker consists of; weights in another format are not loaded."""

MAX_WEIGHTS_BYTES = 512 << 20
"""A ViT of base size in float32 has 343 MB."""

MAX_CONFIG_BYTES = 1 << 20

DEFAULT_LABELS, DEFAULT_THRESHOLD = "nsfw", 0.5
"""What a content filter refuses where nobody says otherwise."""

ADULT = 18
"""Age in years from which nobody is a minor."""

AUTO = "auto"
"""The value of MinorLabels for all labels whose ages are below ADULT."""


class ClassifierError(Exception):
    """The folder or the labels cannot be used; the message says why and names no user."""


class _Read(BaseModel):
    """A file of transformers: the fields that count here, of many."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Side = Annotated[int, Field(ge=1, le=1024)]


class ImageSize(_Read):
    """Pixels of the picture that the network takes."""

    height: Side
    width: Side


class Preprocessor(_Read):
    """``preprocessor_config.json``: how a picture becomes the network's input."""

    size: ImageSize
    image_mean: tuple[float, float, float]
    image_std: tuple[float, float, float]
    resample: Literal[0, 1, 2, 3, 4, 5] = 2
    """Pillow's number of the filter; 2 is bilinear."""
    rescale_factor: float = 1 / 255
    do_resize: Literal[True] = True
    do_rescale: Literal[True] = True
    do_normalize: Literal[True] = True


class ViT(_Read):
    """``config.json``: the sizes of a vision transformer and its labels."""

    model_type: Literal["vit"]
    id2label: dict[int, str]
    image_size: Side
    patch_size: Side
    num_channels: Literal[3] = 3
    hidden_size: Annotated[int, Field(ge=1, le=4096)]
    num_hidden_layers: Annotated[int, Field(ge=1, le=64)]
    num_attention_heads: Annotated[int, Field(ge=1, le=64)]
    intermediate_size: Annotated[int, Field(ge=1, le=16384)]
    layer_norm_eps: float = 1e-12
    hidden_act: Literal["gelu"] = "gelu"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of the network's outputs."""
        return tuple(self.id2label[number] for number in sorted(self.id2label))


def read_config(body: bytes) -> ViT:
    """Return what a ``config.json`` says.

    Raises:
        ClassifierError: it is not the config of a ViT for classification.
    """
    config = _parsed(body, CONFIG, ViT)
    if sorted(config.id2label) != list(range(len(config.id2label))) or len(config.id2label) < 2:  # noqa: PLR2004
        raise ClassifierError(f"{CONFIG}: id2label must number at least two labels from 0")
    if len(set(config.labels)) < len(config.labels):
        raise ClassifierError(f"{CONFIG}: two labels in id2label are equal")
    if config.image_size % config.patch_size or config.hidden_size % config.num_attention_heads:
        raise ClassifierError(f"{CONFIG}: its sizes do not divide each other")
    return config


def read_preprocessor(body: bytes, config: ViT) -> Preprocessor:
    """Return what a ``preprocessor_config.json`` says.

    Raises:
        ClassifierError: it is not that of a ViT, or has another size than the config.
    """
    found = _parsed(body, PREPROCESSOR, Preprocessor)
    if {found.size.height, found.size.width} != {config.image_size}:
        raise ClassifierError(f"{PREPROCESSOR}: its size is not image_size of {CONFIG}")
    return found


def read_folder(folder: Path) -> tuple[ViT, Preprocessor]:
    """Return what both files of a local folder say.

    Raises:
        ClassifierError: a file is missing, or is not that of a ViT.
    """
    lacks = [name for name in FILES if not (folder / name).is_file()]
    if lacks:
        raise ClassifierError(f"the folder lacks {', '.join(lacks)}")
    config = read_config((folder / CONFIG).read_bytes())
    return config, read_preprocessor((folder / PREPROCESSOR).read_bytes(), config)


R = TypeVar("R", bound=_Read)


def _parsed(body: bytes, name: str, kind: type[R]) -> R:
    try:
        return kind.model_validate(json.loads(body))
    except ValidationError as error:
        fields = sorted({str(next(iter(one["loc"]), "all")) for one in error.errors()})
        raise ClassifierError(f"{name}: {', '.join(fields)} cannot be used") from None
    except ValueError:
        raise ClassifierError(f"{name} is no JSON") from None


def chosen_labels(text: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of a setting, which has them with commas between.

    >>> chosen_labels("nsfw, gore", ["normal", "nsfw", "gore"])
    ('nsfw', 'gore')

    Raises:
        ClassifierError: the classifier does not have one of them, or none is named.
    """
    known = set(labels)
    named = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [label for label in named if label not in known]
    if unknown or not named:
        raise ClassifierError(f"it lacks a named label; it has {', '.join(sorted(known))}")
    return named


def minor_labels(text: str, labels: Iterable[str]) -> tuple[str, ...]:
    """Return the labels of people under 18: those of a setting, or all that say so for sure.

    A range that reaches 18, such as 10-19, is not among those of ``auto``.

    >>> minor_labels("auto", ["0-2", "3-9", "10-19", "20-29", "more than 70"])
    ('0-2', '3-9')

    Raises:
        ClassifierError: there is no such label.
    """
    if text != AUTO:
        return chosen_labels(text, labels)
    found = tuple(label for label in labels if is_under_age(label))
    if not found:
        raise ClassifierError("no label has only ages below 18: name labels in MinorLabels")
    return found


def is_under_age(label: str) -> bool:
    """Return whether every age of a label is below 18.

    >>> [is_under_age(label) for label in ("17", "10-19", "more than 2", "3+", "(4, 6)", "child")]
    [True, False, False, False, True, False]
    """
    ages = [int(number) for number in re.findall(r"\d+", label)]
    is_open = re.search(r"\+|>|more|over|above|older", label, re.IGNORECASE)
    return bool(ages) and not is_open and max(ages) < ADULT


def share_of(labels: Iterable[str], probabilities: Mapping[str, float]) -> float:
    """Return the probability that a picture has one of these labels, 0 to 1, to six digits.

    >>> share_of(["gore", "nsfw"], {"nsfw": 0.25, "gore": 0.5, "normal": 0.25})
    0.75
    """
    return min(1.0, round(sum(probabilities[label] for label in labels), 6))
