"""The words that photos are trained under: somebody's own, a captioner's, or the instance prompt.

And what is not right about a set of captions. User text stays here: codes alone go into verdicts.
"""

import os
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from safetensors import SafetensorError
from transformers import AutoProcessor, BlipForConditionalGeneration

from contracts.layout import CAPTIONER_CHANNEL
from contracts.request import TrainingRequest
from contracts.training import TaskPhoto
from trainer.base import Base
from trainer.outcome import TrainingError
from trainer.plan import caption_of, name_subject

CAPTIONER_VARIABLE = "LIKENESS_CAPTIONER"
MOST_TOKENS = 40
"""Of a captioner's answer."""


class Captioner(Protocol):
    """Describes pictures."""

    def describe(self, image: Image.Image) -> str:
        """Return what is on a picture, in a few words; the same words every time."""
        ...


class Caption(NamedTuple):
    """What one photo is trained under."""

    text: str
    is_own: bool
    """Whether it is about this photo; else it is the instance prompt."""
    codes: tuple[str, ...] = ()


def captioner_of(root: Path, request: TrainingRequest) -> Captioner | None:
    """Return the captioner, if the request asks for one.

    It lies in the ``captioner`` channel, or in the folder that $LIKENESS_CAPTIONER names.

    Raises:
        TrainingError: ``captioner_missing``; there is none, or it cannot be loaded.
    """
    if not request.autocaption:
        return None
    named = os.environ.get(CAPTIONER_VARIABLE)
    folder = Path(named) if named else root / "input" / "data" / CAPTIONER_CHANNEL
    if not (folder / "config.json").is_file():
        raise TrainingError("captioner_missing", "autocaption is wished, and there is no captioner")
    try:
        return load_captioner(folder)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise TrainingError("captioner_missing", "the captioner cannot be loaded") from error


@lru_cache(maxsize=1)
def load_captioner(folder: Path) -> Captioner:
    """Load a captioner once for all tasks."""
    return BlipCaptioner(folder)


class BlipCaptioner:
    """BLIP, from a local folder as transformers saves it.

    Source: Li et al. 2022, arXiv 2201.12086.
    """

    def __init__(self, folder: Path) -> None:
        """Read a captioner.

        Raises:
            ValueError: its weights are not those of its architecture.
        """
        self._processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        network, found = BlipForConditionalGeneration.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
        if found["missing_keys"] or found["mismatched_keys"]:  # transformers would fill them in
            raise ValueError(folder.name)
        self._network = network.eval()

    def describe(self, image: Image.Image) -> str:
        """Return what is on a picture: the likeliest words."""
        given = self._processor(images=image, return_tensors="pt")
        with torch.no_grad():
            answer = self._network.generate(
                **given, max_new_tokens=MOST_TOKENS, num_beams=3, do_sample=False
            )
        words: str = self._processor.decode(answer[0][1:], skip_special_tokens=True)  # 0: begin
        return " ".join(words.split())


def caption(
    photo: TaskPhoto, image: Image.Image, request: TrainingRequest, captioner: Captioner | None
) -> Caption:
    """Return what a photo is trained under: its own words go first."""
    own = " ".join((photo.caption or "").split())
    if own:
        text = caption_of(own, request)
        is_named = text == name_subject(own, request)
        return Caption(text, is_own=True, codes=() if is_named else ("trigger_added",))
    ignored = () if photo.caption is None else ("caption_ignored",)
    words = "" if captioner is None else captioner.describe(image)
    if not words:
        return Caption(caption_of(None, request), is_own=False, codes=ignored)
    parts = (request.autocaption_prefix, words, request.autocaption_suffix)
    text = caption_of(" ".join(part for part in parts if part), request)
    return Caption(text, is_own=True, codes=(*ignored, "captioned"))


def check(captions: Sequence[Caption], base: Base) -> list[tuple[str, ...]]:
    """Return for each caption of a set the codes of what is not right about it."""
    often = Counter(caption.text for caption in captions if caption.is_own)
    return [
        (
            *caption.codes,
            *(("caption_repeated",) if often[caption.text] > 1 else ()),
            *(("caption_truncated",) if is_cut(caption.text, base) else ()),
        )
        for caption in captions
    ]


def is_cut(text: str, base: Base) -> bool:
    """Tell whether the base's text encoder does not read a caption to its end."""
    tokenizer = base.pipeline.tokenizer
    length, limit = len(tokenizer(text, truncation=False).input_ids), tokenizer.model_max_length
    return bool(length > limit)
