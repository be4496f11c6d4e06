"""The resident base: draws rows of different users together, one step at a time.

Here is the loop: the beginning of a row, one step of several, its end, and the adapters of each
row. serving.bases.base says what a base is. The arithmetic is that of diffusers' pipelines,
so each picture is the one that a pipeline draws alone.
"""

import inspect
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from PIL.Image import Image, fromarray
from torch import Tensor

from contracts.base import BaseCard
from serving.adapters.hooks import AdapterHooks, Mix
from serving.bases.base import Base, Denoiser, Kind, Refiner
from serving.bases.families import KINDS
from serving.engine.memory import Needs
from serving.output.truth import Pixels
from serving.picture_request import Sampling
from serving.precision import DTYPE, choose_dtype
from serving.rows import Conditions, Drawing, Kept, Row, Shape, Start
from serving.upscaling import ENLARGERS


class OverflowedError(Exception):
    """A picture's numbers are not finite, so it cannot be enlarged."""


class Generator:
    """One base on one device. Every method but ``count_chunks`` belongs to one thread."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        silence_loggers()
        self.folder = folder
        self.card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
        self.device = device
        self.load(choose_dtype(self.card, device, os.environ.get(DTYPE), self.kind.half))
        self.activation_seconds = 0.0
        """Total time spent on attaching adapters to rows."""

    @property
    def kind(self) -> Kind:
        """The kind of the base."""
        return KINDS[self.card.family]

    def load(self, dtype: torch.dtype) -> None:
        """Load the base in a type."""
        self.dtype = self.present_dtype = dtype
        self.base: Base = self.kind(self.folder, self.card, self.device, dtype)
        self.layers = self.base.layers
        self.hooks = AdapterHooks(self.layers)

    @property
    def pipeline(self) -> Any:  # noqa: ANN401 (diffusers ships no types)
        """Diffusers' pipeline of the base."""
        return self.base.pipeline

    def needs(self) -> Needs:
        """Return the memory that drawing needs."""
        return self.base.needs()

    # ---- how long a row takes ---------------------------------------------------------------

    def steps_of(self, row: Row) -> int:
        """Return the number of passes through the network that a row takes, nearly."""
        steps = row.sampling.num_inference_steps
        if row.sampling.strength is not None:
            steps = int(steps * row.sampling.strength)
        return int(steps * self.base.passes_of_step(row))

    def refiner_steps_of(self, row: Row) -> int:
        """Return those of them that the refiner draws, nearly; 0 where it draws none."""
        if row.refiner_switch_at is None:
            return 0
        sampling = row.sampling
        all_steps = sampling.num_inference_steps
        ours = int(all_steps * (1 - row.refiner_switch_at)) * self.base.passes_of_step(row)
        return min(ours, self.steps_of(row))

    def second_steps_of(self, row: Row) -> int:
        """Return the same of the row's second pass; 0 where it has none."""
        second = row.second_pass
        if second is None:
            return 0
        steps = int(second.num_inference_steps * second.strength)
        return int(steps * self.base.passes_of_step(row))

    def entries_of(self, row: Row) -> int:
        """Return the number of the row's entries in a batch, before it is begun."""
        return self.base.entries_of(row)

    def count_chunks(self, row: Row) -> int:
        """Return the length of a row's prompts; see serving.bases.base.

        Any thread may call it.

        Raises:
            PictureError: the base cannot draw the row.
        """
        return self.base.count_chunks(row)

    # ---- the beginning of a row -------------------------------------------------------------

    def begin(
        self,
        row: Row,
        dtype: torch.dtype | None = None,
        conditions: Conditions | None = None,
        latents: Tensor | None = None,
    ) -> Drawing:
        """Encode a row's prompts and make its first latents.

        Args:
            row: the picture.
            dtype: the type to draw in; None: the base's own.
            conditions: the prompts where they are encoded already, in that type.
            latents: those to start from instead of the row's image.
        """
        dtype = dtype or self.dtype
        self.use_dtype(dtype)
        with torch.inference_mode():
            if conditions is None:
                self.attach([row.mix], dtype)
                conditions = self.base.encode(row)
            start = self.base.start(row, latents)
        shape = Shape(row.sampling.height, row.sampling.width, dtype)
        return make_drawing(row, shape, conditions, start)

    @property
    def refiner(self) -> Refiner:
        """The base's second network.

        Raises:
            RuntimeError: it has none.
        """
        if self.base.refiner is None:
            raise RuntimeError("a base without a refiner")
        return self.base.refiner

    def refine(self, drawing: Drawing) -> Drawing:
        """Return the refiner's part of a row whose base part is done."""
        self.use_dtype(drawing.shape.dtype)
        with torch.inference_mode():
            start = self.refiner.start(drawing)
            self.attach([()], drawing.shape.dtype)  # the second text encoder may have an adapter
            conditions = self.refiner.encode(drawing.row)
        shape = drawing.shape._replace(network="refiner")
        return make_drawing(drawing.row, shape, conditions, start)

    def enlarge(self, drawing: Drawing, *, tiled: bool = False) -> Drawing:
        """Return the second pass of a row whose first pass is done.

        It is the picture that diffusers' image-to-image pipeline begins from the enlarged latents
        or image with the row's own seed.

        Args:
            drawing: the first pass.
            tiled: as in ``decode``, where the upscaler needs the picture.

        Raises:
            OverflowedError: the picture that the upscaler needs is not finite.
        """
        row, second = drawing.row, drawing.row.second_pass
        if second is None:
            raise RuntimeError("a row of one pass")
        self.use_dtype(drawing.shape.dtype)
        size = (second.height, second.width)
        sampling = Sampling(
            second.num_inference_steps, *size, row.sampling.scheduler, second.strength
        )
        with torch.inference_mode():
            start = ENLARGERS[second.upscaler](
                drawing.latents,
                lambda: to_finite_image(self.decode(drawing, tiled=tiled)),
                self.base.latent_side,
                size,
            )
            conditions = self.base.resized(drawing.conditions, size)
        image, latents = (None, start) if isinstance(start, Tensor) else (start, None)
        again = replace(row, sampling=sampling, second_pass=None, image=image)
        return self.begin(again, drawing.shape.dtype, conditions, latents)

    # ---- one step of several rows, and the end of one ---------------------------------------

    def step(self, drawings: Sequence[Drawing]) -> None:
        """Advance rows of one shape by one timestep each, with one pass through the network."""
        self.use_dtype(drawings[0].shape.dtype)
        denoiser: Denoiser = self.base
        with torch.inference_mode():
            if drawings[0].shape.network == "base":
                mixes = [drawing.row.mix for drawing in drawings for _ in range(drawing.entries)]
                self.attach(mixes, self.present_dtype)
            else:
                denoiser = self.refiner
            predictions = denoiser.predict(drawings)
            parts = predictions.split([drawing.entries for drawing in drawings])
            for drawing, prediction in zip(drawings, parts, strict=True):
                advance(drawing, denoiser.guide(drawing.row, prediction))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # no pass is queued behind another

    def decode(self, drawing: Drawing, *, tiled: bool = False) -> Pixels:
        """Return the picture of a row whose steps are done; see serving.bases.base."""
        self.use_dtype(drawing.shape.dtype)
        return self.base.decode(drawing.latents, tiled=tiled)

    # ---- types, adapters --------------------------------------------------------------------

    def use_dtype(self, dtype: torch.dtype) -> None:
        """Compute in a type from now on. A float16 base is unchanged after a time in float32."""
        if dtype is not self.present_dtype:
            self.hooks.clear()
            self.base.to(dtype)
            self.present_dtype = dtype

    def attach(self, mixes: Sequence[Mix], dtype: torch.dtype) -> None:
        """Apply a mix of adapters to each entry of the next batch."""
        started = time.perf_counter()
        self.hooks.use(mixes, dtype)
        self.activation_seconds += time.perf_counter() - started

    def release(self) -> None:
        """Release all adapters, and return to the base's own type: nothing is drawn now."""
        self.hooks.clear()
        self.use_dtype(self.dtype)


def make_drawing(row: Row, shape: Shape, conditions: Conditions, start: Start) -> Drawing:
    """Return the state of a row that begins."""
    return Drawing(
        row=row,
        shape=shape,
        conditions=conditions,
        scheduler=start.scheduler,
        timesteps=start.timesteps,
        latents=start.latents,
        noise=start.noise,
        kept=start.kept,
        step_options=step_options(start.scheduler, start.noise),
    )


def step_options(scheduler: Any, noise: torch.Generator) -> dict[str, Any]:  # noqa: ANN401
    """Return what diffusers' pipelines give a scheduler at each step, where it takes that."""
    accepted = inspect.signature(scheduler.step).parameters
    options = {"eta": 0.0, "generator": noise}
    return {name: options[name] for name in options if name in accepted}


def to_image(pixels: Pixels) -> Image:
    """Return a picture of values in [0, 1], as diffusers makes it."""
    return fromarray((pixels * 255).round().astype(np.uint8))


def to_finite_image(pixels: Pixels) -> Image:
    """Return a picture, or raise OverflowedError."""
    if not np.isfinite(pixels).all():
        raise OverflowedError
    return to_image(pixels)


def advance(drawing: Drawing, prediction: Tensor) -> None:
    """Let the row's scheduler take its step, and keep what a mask keeps."""
    drawing.broken = True
    drawing.latents = drawing.scheduler.step(
        prediction,
        drawing.timesteps[drawing.index],
        drawing.latents,
        **drawing.step_options,
        return_dict=False,
    )[0]
    drawing.index += 1
    if drawing.kept is not None:
        drawing.latents = keep(drawing, drawing.kept)
    drawing.broken = False


def keep(drawing: Drawing, kept: Kept) -> Tensor:
    """Return a row's latents with the image's own, as noisy as they are, outside of the mask."""
    own = kept.latents
    if drawing.remaining:
        now = drawing.timesteps[drawing.index]
        own = drawing.scheduler.add_noise(own, kept.noise, torch.tensor([now]))
    return (1 - kept.mask) * own + kept.mask * drawing.latents


def log(line: str) -> None:
    """Write one line to the container's log; no prompt and no user is in it."""
    sys.stderr.write(f"base: {line}\n")
    sys.stderr.flush()


def silence_loggers() -> None:
    """Keep prompts out of the log: the warning about a long prompt repeats its text."""
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
