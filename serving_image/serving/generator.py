"""The resident pipeline: draws the rows of different users in one pass."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)
from PIL.Image import Image

from contracts.base import BaseCard
from contracts.shared.pipeline_files import variant_of
from contracts.shared.samplers import SAMPLERS
from serving.adapters.hooks import Mix, active
from serving.adapters.reader import COMPONENTS, find_layers
from serving.long_prompts import count_chunks, encode_prompts
from serving.precision import DTYPE, choose_dtype, wider_dtype
from serving.tensors import PassKey

WARM_UP_STEPS = 2

SCHEDULER_OPTIONS = {"PNDMScheduler": {"skip_prk_steps": True}}
"""Options that a base's configuration lacks when it was written for another scheduler.

Stable Diffusion always uses PNDM without PRK steps; with them diffusers fails below four steps."""


@dataclass(frozen=True)
class Row:
    """One picture to draw."""

    prompt: str
    negative_prompt: str | None
    seed: int
    guidance_scale: float
    mix: Mix = ()
    image: Image | None = None
    """The image to start from; either all rows of a pass have one, or none has."""


class _GuidanceByRow:
    """Gives every row its own guidance scale; diffusers takes one number for all rows."""

    row_guidance: torch.Tensor
    """Guidance scale by row, (rows, 1, 1, 1)."""

    @property
    def guidance_scale(self) -> torch.Tensor:
        return self.row_guidance

    @property
    def do_classifier_free_guidance(self) -> bool:
        return bool((self.row_guidance > 1).all())


class _SdPipeline(_GuidanceByRow, StableDiffusionPipeline):  # type: ignore[misc]
    pass


class _SdxlPipeline(_GuidanceByRow, StableDiffusionXLPipeline):  # type: ignore[misc]
    pass


class _SdFromImage(_GuidanceByRow, StableDiffusionImg2ImgPipeline):  # type: ignore[misc]
    pass


class _SdxlFromImage(_GuidanceByRow, StableDiffusionXLImg2ImgPipeline):  # type: ignore[misc]
    pass


PIPELINES: dict[str, Any] = {"sd1": _SdPipeline, "sd2": _SdPipeline, "sdxl": _SdxlPipeline}


class OverflowingBaseError(Exception):
    """The base's pictures overflow in every type that the device has."""


class Generator:
    """One base on one device."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        silence_loggers()
        self.folder = folder
        self.card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
        self.device = device
        self.load(choose_dtype(self.card, device, os.environ.get(DTYPE)))
        self.activation_seconds = 0.0
        """Total time spent on attaching adapters to rows."""
        self.overflows = 0
        """Number of pictures that overflowed the base's type."""

    def load(self, dtype: torch.dtype) -> None:
        """Load the base in a type."""
        self.dtype = dtype
        self.pipeline = load_pipeline(self.folder, self.card, dtype).to(self.device)
        self.scheduler_config = self.pipeline.scheduler.config
        self.from_image = share_pipeline(self.pipeline, self.card)
        self.layers = find_layers({name: getattr(self.pipeline, name, None) for name in COMPONENTS})

    def warm_up(self) -> None:
        """Draw one picture in few steps, so that the first user does not wait for the device.

        A base that overflows float16 is loaded again in a wider type.

        Raises:
            OverflowingBaseError: it overflows the wider type too.
        """
        wider, finite = wider_dtype(self.device), self.draws_finite()
        if not finite and self.dtype is torch.float16:
            log(f"the base overflows {self.dtype}; it is loaded again in {wider}")
            self.load(wider)
            finite = self.draws_finite()
        if not finite:
            message = f"the base's pictures overflow {self.dtype}: are its weights damaged?"
            raise OverflowingBaseError(message)

    def draws_finite(self) -> bool:
        """Draw one picture in few steps; return whether its numbers are finite."""
        side = self.card.resolution
        scheduler = self.card.inference.scheduler
        key = PassKey(WARM_UP_STEPS, side, side, scheduler, guided=True, has_negative_prompt=False)
        return self.draw_in(self.dtype, key, [Row("warm up", None, 0, 2.0)])[0] is not None

    def draw(self, key: PassKey, rows: Sequence[Row]) -> list[Image | None]:
        """Return one picture for each row, the same as if the row were drawn alone.

        A row that overflows is drawn again in float32. None: it overflows float32 too.
        """
        pictures = self.draw_in(self.dtype, key, rows)
        black = [index for index, picture in enumerate(pictures) if picture is None]
        self.overflows += len(black)
        if black and self.dtype is not torch.float32:
            log(f"{len(black)} of {len(rows)} pictures overflow {self.dtype}: again in float32")
            with self.widened():
                again = self.draw_in(torch.float32, key, [rows[index] for index in black])
            for index, picture in zip(black, again, strict=True):
                pictures[index] = picture
        return pictures

    @contextmanager
    def widened(self) -> Iterator[None]:
        """Compute in float32 while the block runs; afterwards the weights are what they were."""
        self.pipeline.to(torch.float32)
        try:
            yield
        finally:
            self.pipeline.to(self.dtype)

    def draw_in(self, dtype: torch.dtype, key: PassKey, rows: Sequence[Row]) -> list[Image | None]:
        """Return one picture for each row; None for a row whose numbers are not finite."""
        pipeline = self.pipeline if key.strength is None else self.from_image
        pipeline.scheduler = self.make_scheduler(key.scheduler)
        guidance = torch.tensor([row.guidance_scale for row in rows], dtype=dtype)
        pipeline.row_guidance = guidance.view(-1, 1, 1, 1).to(self.device)
        source: dict[str, Any] = {"height": key.height, "width": key.width}
        if key.strength is not None:
            source = {"image": [row.image for row in rows], "strength": key.strength}
        started = time.perf_counter()
        mixes = [row.mix for row in rows]
        with torch.inference_mode(), active(self.layers, mixes, dtype):
            self.activation_seconds += time.perf_counter() - started
            answer = pipeline(
                **self.texts_of(key, rows),
                num_inference_steps=key.num_inference_steps,
                **source,
                generator=[torch.Generator().manual_seed(row.seed) for row in rows],
                output_type="np",
            )
        return pictures_of(answer.images, pipeline.image_processor)

    def texts_of(self, key: PassKey, rows: Sequence[Row]) -> dict[str, Any]:
        """Return the pipeline's arguments for the prompts; long ones are encoded here."""
        prompts = [row.prompt for row in rows]
        negative = [row.negative_prompt or "" for row in rows] if key.has_negative_prompt else None
        if key.chunks == 1:
            return {"prompt": prompts, "negative_prompt": negative}
        zeros = self.pipeline.config.get("force_zeros_for_empty_prompt", False)
        if negative is None and key.guided and not zeros:
            negative = [""] * len(rows)
        return encode_prompts(self.pipeline, prompts, negative, key.chunks)

    def count_chunks(self, row: Row) -> int:
        """Return the number of CLIP's chunks of 75 tokens in the longer of a row's prompts."""
        return count_chunks(self.pipeline, row.prompt, row.negative_prompt)

    def make_scheduler(self, name: str) -> Any:  # noqa: ANN401 (diffusers has no common type)
        """Return a new scheduler, as a scheduler keeps state from its last pass."""
        kind, options, _ = SAMPLERS[name]
        options = {**SCHEDULER_OPTIONS.get(kind, {}), **options}
        return getattr(diffusers, kind).from_config(self.scheduler_config, **options)


def pictures_of(values: np.ndarray[Any, Any], processor: Any) -> list[Image | None]:  # noqa: ANN401
    """Return the pictures of values in [0, 1], (rows, height, width, 3); None for NaN in a row."""
    finite = np.isfinite(values).all(axis=(1, 2, 3))
    made = iter(processor.numpy_to_pil(values[finite]) if finite.any() else ())
    return [next(made) if good else None for good in finite]


def log(line: str) -> None:
    """Write one line to the container's log; no prompt and no user is in it."""
    sys.stderr.write(f"base: {line}\n")
    sys.stderr.flush()


def load_pipeline(folder: Path, card: BaseCard, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Return the pipeline of the base's family; it is loaded from local files only."""
    unused: dict[str, Any] = {"safety_checker": None, "feature_extractor": None}
    if card.family == "sdxl":
        unused = {"add_watermarker": False}  # otherwise it depends on which packages are installed
    pipeline = PIPELINES[card.family].from_pretrained(
        folder,
        torch_dtype=dtype,
        local_files_only=True,
        variant=variant_of(card.files),
        **unused,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def share_pipeline(pipeline: Any, card: BaseCard) -> Any:  # noqa: ANN401
    """Return an image-to-image pipeline that shares the same networks."""
    if card.family == "sdxl":
        zeros = pipeline.config.force_zeros_for_empty_prompt
        other = _SdxlFromImage(
            **pipeline.components, force_zeros_for_empty_prompt=zeros, add_watermarker=False
        )
    else:
        other = _SdFromImage(**pipeline.components, requires_safety_checker=False)
    other.set_progress_bar_config(disable=True)
    return other


def silence_loggers() -> None:
    """Keep prompts out of the log: the warning about a long prompt repeats its text."""
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
