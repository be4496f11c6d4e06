"""The captions of photos: the user's own, a captioner's, or the instance prompt; and their faults.

Captions are user text and stay in memory: verdicts contain codes alone.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from PIL import Image
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoProcessor,
    BlipForConditionalGeneration,
    InstructBlipForConditionalGeneration,
)

from contracts.documents.photos import PhotoCaptions
from contracts.documents.training import TaskPhoto, TrainingTask
from contracts.documents.upload.request import TrainingRequest
from contracts.shared.layout.container import CAPTIONER_CHANNEL, PHOTOS_CHANNEL
from contracts.shared.pictures.abilities import ABILITIES
from contracts.shared.words.prompts import caption_for, names_subject
from trainer.model.base import Base
from trainer.process.resources import has_bf16
from trainer.process.results import TrainingError

CAPTIONER_VARIABLE = "LIKENESS_CAPTIONER"
QUESTION = "A short image description."
"""The question to InstructBLIP when the request has none; InstructBLIP was trained with it."""


class Wording(NamedTuple):
    """How a captioner words its descriptions."""

    prompt: str | None = None
    """A question, or the beginning of the description, depending on the captioner."""
    max_tokens: int = 40
    min_tokens: int = 0
    num_beams: int = 3

    @classmethod
    def of(cls, request: TrainingRequest) -> "Wording":
        """Return what the request asks for."""
        return cls(
            request.autocaption_prompt,
            request.autocaption_max_tokens,
            request.autocaption_min_tokens,
            request.autocaption_num_beams,
        )


PLAIN = Wording()
"""The wording of a request that says nothing about it."""


class Captioner(Protocol):
    """Describes images."""

    def describe(self, image: Image.Image, wording: Wording = PLAIN) -> str:
        """Return a description of an image; the same image and wording give the same one."""
        ...

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the network to a device, in a type."""
        ...


class Caption(NamedTuple):
    """The caption of one photo."""

    text: str
    is_own: bool
    """Whether it describes this photo; otherwise it is the instance prompt."""
    codes: tuple[str, ...] = ()


class Descriptions(NamedTuple):
    """Where the descriptions of a task's photos come from."""

    captioner: Captioner | None = None
    """None: nobody describes photos now."""
    written: Mapping[str, str] = MappingProxyType({})
    """Descriptions that CaptionPhotos has written, by the photo's hash."""

    def of(self, photo: TaskPhoto, image: Image.Image, request: TrainingRequest) -> str:
        """Return the description of a photo; empty: there is none."""
        if photo.sha256 in self.written:
            return self.written[photo.sha256]
        return "" if self.captioner is None else self.captioner.describe(image, Wording.of(request))


def descriptions_of(root: Path, task: TrainingTask) -> Descriptions:
    """Return the task's descriptions: what CaptionPhotos has written, or else the captioner.

    Raises:
        TrainingError: ``captioner_missing``, as ``captioner_of``; ``captions_unfinished``, if what
            was written lacks a photo without a caption.
    """
    if task.captions is None:
        return Descriptions(captioner_of(root, task.request))
    found = read_captions(root / "input" / "data" / PHOTOS_CHANNEL / task.captions)
    if undescribed(task, found):
        raise TrainingError("captions_unfinished", "the written captions do not name every photo")
    return Descriptions(written=found.captions)


def read_captions(path: Path) -> PhotoCaptions:
    """Return what was described so far; nothing where the file is missing or damaged."""
    try:
        return PhotoCaptions.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return PhotoCaptions()


def undescribed(task: TrainingTask, written: PhotoCaptions) -> list[TaskPhoto]:
    """Return the photos that have neither a caption of their own nor a written description."""
    return [
        photo
        for photo in task.photos
        if not (photo.caption or "").strip() and photo.sha256 not in written.captions
    ]


def captioner_of(root: Path, request: TrainingRequest) -> Captioner | None:
    """Return the captioner; None if the request does not ask for one.

    It is in the ``captioner`` channel, or in the folder that $LIKENESS_CAPTIONER names.

    Raises:
        TrainingError: ``captioner_missing``; there is none, or it cannot be loaded.
    """
    if not request.autocaption:
        return None
    named = os.environ.get(CAPTIONER_VARIABLE)
    folder = Path(named) if named else root / "input" / "data" / CAPTIONER_CHANNEL
    if not (folder / "config.json").is_file():
        raise TrainingError(
            "captioner_missing", "autocaption is requested, and there is no captioner"
        )
    try:
        return load_captioner(folder)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise TrainingError("captioner_missing", "the captioner cannot be loaded") from error


@lru_cache(maxsize=1)
def load_captioner(folder: Path) -> Captioner:
    """Load a captioner once for all tasks.

    Raises:
        ValueError: its model type is not supported.
    """
    kind = AutoConfig.from_pretrained(folder, local_files_only=True).model_type
    if kind not in CAPTIONERS:
        raise ValueError(kind)
    return CAPTIONERS[kind](folder)


@contextmanager
def on_device(captioner: Captioner | None, device: torch.device) -> Iterator[None]:
    """Keep the captioner on the device inside the block, and in this process's memory after it.

    A training needs the GPU's memory for itself. On a GPU the network is in 16 bits.
    """
    if captioner is None or device.type == "cpu":
        yield
        return
    captioner.move(device, torch.bfloat16 if has_bf16(device) else torch.float16)
    try:
        yield
    finally:
        captioner.move(torch.device("cpu"), torch.float32)
        if device.type == "cuda":
            torch.cuda.empty_cache()


class _Captioner:
    """A captioning network in a local folder of transformers' format."""

    kind: ClassVar[Any]

    def __init__(self, folder: Path) -> None:
        """Load a captioner.

        Raises:
            ValueError: its weights do not fit its architecture.
        """
        self._processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        network, found = self.kind.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
        if (
            found["missing_keys"] or found["mismatched_keys"]
        ):  # transformers would initialise them at random
            raise ValueError(folder.name)
        self._network = network.eval()

    def move(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the network to a device, in a type."""
        self._network.to(device=device, dtype=dtype)

    def _generate(self, image: Image.Image, wording: Wording) -> Tensor:
        """Return the most likely tokens."""
        description = {} if wording.prompt is None else {"text": wording.prompt}
        given = self._processor(images=image, return_tensors="pt", **description)
        network = self._network
        given = given.to(network.device, network.dtype)  # numbers of tokens stay whole
        with torch.no_grad():
            answer = network.generate(
                **given,
                max_new_tokens=wording.max_tokens,
                min_new_tokens=wording.min_tokens,
                num_beams=wording.num_beams,
                do_sample=False,
            )
        tokens: Tensor = answer[0]
        return tokens

    def _decode(self, tokens: Tensor) -> str:
        description: str = self._processor.decode(tokens, skip_special_tokens=True)
        return " ".join(description.split())


class BlipCaptioner(_Captioner):
    """BLIP: continues the text of the prompt.

    Source: Li et al. 2022, arXiv 2201.12086.
    """

    kind = BlipForConditionalGeneration

    def describe(self, image: Image.Image, wording: Wording = PLAIN) -> str:
        """Return a description of an image."""
        return self._decode(
            self._generate(image, wording)[1:]
        )  # the first token is the start token


class InstructBlipCaptioner(_Captioner):
    """InstructBLIP: a vision language model that answers the prompt.

    Source: Dai et al. 2023, arXiv 2305.06500.
    """

    kind = InstructBlipForConditionalGeneration

    def describe(self, image: Image.Image, wording: Wording = PLAIN) -> str:
        """Return a description of an image."""
        asked = wording._replace(prompt=wording.prompt or QUESTION)
        return self._decode(self._generate(image, asked))


CAPTIONERS: dict[str, Callable[[Path], Captioner]] = {
    "blip": BlipCaptioner,
    "instructblip": InstructBlipCaptioner,
}
"""The captioners by the model type in their config.json."""


def choose_caption(
    photo: TaskPhoto, image: Image.Image, request: TrainingRequest, descriptions: Descriptions
) -> Caption:
    """Return the caption of a photo; the user's own caption has priority."""
    own = " ".join((photo.caption or "").split())
    if own:
        is_named = names_subject(own, request.trigger_word)
        codes = () if is_named else ("trigger_added",)
        return Caption(trained_under(own, request), is_own=True, codes=codes)
    ignored = () if photo.caption is None else ("caption_ignored",)
    description = descriptions.of(photo, image, request)
    if not description:
        return Caption(trained_under(None, request), is_own=False, codes=ignored)
    parts = (request.autocaption_prefix, description, request.autocaption_suffix)
    text = trained_under(" ".join(part for part in parts if part), request)
    return Caption(text, is_own=True, codes=(*ignored, "captioned"))


def trained_under(caption: str | None, request: TrainingRequest) -> str:
    """Return the prompt that a photo with this caption is trained under; it names the subject."""
    return caption_for(caption, request.instance_prompt, request.trigger_word)


def caption_codes(captions: Sequence[Caption], base: Base) -> list[tuple[str, ...]]:
    """Return the codes of each caption's faults."""
    counts = Counter(caption.text for caption in captions if caption.is_own)
    return [
        (
            *caption.codes,
            *(("caption_repeated",) if counts[caption.text] > 1 else ()),
            *(("caption_truncated",) if is_truncated(caption.text, base) else ()),
        )
        for caption in captions
    ]


def is_truncated(text: str, base: Base) -> bool:
    """Return whether the base's text encoder cuts off the end of a caption."""
    most = ABILITIES[base.card.family].max_tokens
    if most is not None:
        return base.reader.count(text) > most
    tokenizer = base.pipeline.tokenizer
    length, limit = len(tokenizer(text, truncation=False).input_ids), tokenizer.model_max_length
    return bool(length > limit)
