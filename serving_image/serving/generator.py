"""The resident base: draws rows of different users together, one step at a time.

A row is one picture on its way: it has its own latents, scheduler, step, guidance, adapters, start
image and seed. The arithmetic is that of diffusers' pipelines, so each picture is the one that a
pipeline draws alone.
"""

import copy
import inspect
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

import diffusers
import numpy as np
import torch
import transformers
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from PIL.Image import Image, fromarray
from torch import Tensor

from contracts.base import BaseCard
from contracts.shared.pictures.samplers import SAMPLERS, without_clipping
from contracts.shared.weights.pipeline_files import variant_of
from serving.adapters.hooks import AdapterHooks, Mix
from serving.adapters.reader import COMPONENTS, find_layers
from serving.output.truth import Pixels
from serving.precision import DTYPE, choose_dtype
from serving.prompt_weights import WeightedPrompt, literal, read_weights
from serving.prompts import check_clip_skip, count_chunks, encode_prompts
from serving.refiner import base_part, check_parts, load_refiner, refiner_time_ids
from serving.tensors import Sampling, SecondPass
from serving.upscaling import ENLARGERS

SCHEDULER_OPTIONS = {"PNDMScheduler": {"skip_prk_steps": True}}
"""Options that a base's configuration lacks when it was written for another scheduler.

Stable Diffusion always uses PNDM without PRK steps; with them diffusers fails below four steps."""

PIPELINES: dict[str, Any] = {
    "sd1": StableDiffusionPipeline,
    "sd2": StableDiffusionPipeline,
    "sdxl": StableDiffusionXLPipeline,
}


class Kinds(NamedTuple):
    """One task's pipelines."""

    sd: Any
    sdxl: Any


FROM_IMAGE = Kinds(StableDiffusionImg2ImgPipeline, StableDiffusionXLImg2ImgPipeline)
INSIDE_MASK = Kinds(StableDiffusionInpaintPipeline, StableDiffusionXLInpaintPipeline)

Network = Literal["base", "refiner"]
"""Which UNet draws."""


@dataclass(frozen=True)
class Row:
    """One picture to draw."""

    prompt: str
    negative_prompt: str | None
    seed: int
    guidance_scale: float
    sampling: Sampling
    mix: Mix = ()
    image: Image | None = None
    """The image to start from, in the picture's size; needs ``sampling.strength``."""
    mask: Image | None = None
    """Where the image may change: white; in the picture's size, of one channel."""
    weighted: bool = False
    """Whether brackets in the prompts are weights (serving.prompt_weights)."""
    clip_skip: int | None = None
    """Number of the text encoders' last layers that are left out, as diffusers counts."""
    second_pass: SecondPass | None = None
    """How the finished picture is enlarged and drawn again; None: it is not."""
    refiner_switch_at: float | None = None
    """Share of the noise schedule after which the base's refiner draws; None: it does not."""

    def read(self, text: str) -> WeightedPrompt:
        """Return a prompt's words and weights."""
        return read_weights(text) if self.weighted else literal(text)


class OverflowedError(Exception):
    """A picture's numbers are not finite, so it cannot be enlarged."""


class Conditions(NamedTuple):
    """What the UNet knows of one row; with guidance twice, first without the prompt.

    E is 2 with guidance, otherwise 1.
    """

    text: Tensor
    """(E, tokens, width)"""
    pooled: Tensor | None
    """(E, width), SDXL's."""
    time_ids: Tensor | None
    """(E, 6): sizes and crop, SDXL's."""
    guidance_embedding: Tensor | None
    """(E, width), of bases that were distilled with their guidance."""


class Kept(NamedTuple):
    """What a masked row keeps of its image; all are (1, channels, height, width)."""

    mask: Tensor
    """1 where the picture may change, otherwise 0."""
    latents: Tensor
    """The image's own."""
    noise: Tensor
    """Added to them as the row has it at each step."""


class Shape(NamedTuple):
    """What rows must have in common to pass through the UNet together."""

    height: int
    width: int
    tokens: int
    """Length of the encoded text."""
    dtype: torch.dtype
    network: Network = "base"


@dataclass
class Drawing:
    """The state of one row."""

    row: Row
    shape: Shape
    conditions: Conditions
    scheduler: Any
    timesteps: Tensor
    latents: Tensor
    """(1, channels, height, width)"""
    noise: torch.Generator
    """Gives the row's noise, also at each step."""
    kept: Kept | None = None
    step_options: dict[str, Any] = field(default_factory=dict)
    index: int = 0
    """Number of timesteps that are done."""
    broken: bool = False
    """Whether a step failed half-way, so that the scheduler's state cannot be used."""

    @property
    def entries(self) -> int:
        """Number of the row's entries in a batch."""
        return len(self.conditions.text)

    @property
    def remaining(self) -> int:
        """Number of timesteps to come."""
        return len(self.timesteps) - self.index


class Generator:
    """One base on one device. Every method but ``count_chunks`` belongs to one thread."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        silence_loggers()
        self.folder = folder
        self.card = BaseCard.model_validate_json((folder / "base.json").read_bytes())
        self.device = device
        self.load(choose_dtype(self.card, device, os.environ.get(DTYPE)))
        self.activation_seconds = 0.0
        """Total time spent on attaching adapters to rows."""

    def load(self, dtype: torch.dtype) -> None:
        """Load the base in a type."""
        self.dtype = self.present_dtype = dtype
        self.pipeline = load_pipeline(self.folder, self.card, dtype).to(self.device)
        refiner = load_refiner(self.folder, self.card, self.pipeline, dtype)
        self.refiner: Any = None if refiner is None else refiner.to(self.device)
        self.scheduler_config = without_clipping(self.pipeline.scheduler.config)
        self.from_image = share_pipeline(self.pipeline, self.card, FROM_IMAGE)
        self.inside_mask = share_pipeline(self.pipeline, self.card, INSIDE_MASK)
        self.layers = find_layers({name: getattr(self.pipeline, name, None) for name in COMPONENTS})
        self.hooks = AdapterHooks(self.layers)
        self.counter, self.counting = copy.deepcopy(self.pipeline.tokenizer), Lock()

    def steps_of(self, row: Row) -> int:
        """Return the number of passes through the UNet that a row takes, nearly."""
        steps = row.sampling.num_inference_steps
        if row.sampling.strength is not None:
            steps = int(steps * row.sampling.strength)
        return int(steps * order_of(row))

    def refiner_steps_of(self, row: Row) -> int:
        """Return those of them that the refiner draws, nearly; 0 where it draws none."""
        if row.refiner_switch_at is None:
            return 0
        sampling = row.sampling
        all_steps = sampling.num_inference_steps
        ours = int(all_steps * (1 - row.refiner_switch_at)) * order_of(row)
        return min(ours, self.steps_of(row))

    def second_steps_of(self, row: Row) -> int:
        """Return the same of the row's second pass; 0 where it has none."""
        second = row.second_pass
        if second is None:
            return 0
        return int(int(second.num_inference_steps * second.strength) * order_of(row))

    def count_chunks(self, row: Row) -> int:
        """Return the number of CLIP's chunks of 75 tokens in the longer of a row's prompts.

        Any thread may call it: a tokenizer serves one thread at a time, so this one is a copy.

        Raises:
            PictureError: a weight in a prompt, ``clip_skip`` or ``refiner_switch_at`` cannot be.
        """
        check_clip_skip(self.pipeline, row.clip_skip)
        self.check_switch(row)
        prompts = [row.read(row.prompt), row.read(row.negative_prompt or "")]
        with self.counting:
            return count_chunks(self.counter, *prompts)

    def check_switch(self, row: Row) -> None:
        """Raise if the base or the refiner would draw no step of a row."""
        if row.refiner_switch_at is None:
            return
        sampling, scheduler = row.sampling, self.make_scheduler(row.sampling.scheduler)
        scheduler.set_timesteps(sampling.num_inference_steps)
        timesteps = scheduler.timesteps
        ours = base_part(timesteps, scheduler, row.refiner_switch_at)
        skipped = 0
        if sampling.strength is not None:
            drawn = int(sampling.num_inference_steps * sampling.strength)
            skipped = (sampling.num_inference_steps - drawn) * scheduler.order
        check_parts(max(len(ours) - skipped, 0), len(timesteps) - len(ours))

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
                conditions = self.encode(row)
            scheduler, timesteps, latents, noise, kept = self.start(row, latents)
        shape = Shape(row.sampling.height, row.sampling.width, conditions.text.shape[1], dtype)
        return Drawing(
            row=row,
            shape=shape,
            conditions=conditions,
            scheduler=scheduler,
            timesteps=base_part(timesteps, scheduler, row.refiner_switch_at),
            latents=latents,
            noise=noise,
            kept=kept,
            step_options=step_options(scheduler, noise),
        )

    def refine(self, drawing: Drawing) -> Drawing:
        """Return the refiner's part of a row whose base part is done.

        It is what diffusers' image-to-image pipeline draws from the base's latents, with
        ``denoising_start`` and the same source of noise.
        """
        row, sampling = drawing.row, drawing.row.sampling
        self.use_dtype(drawing.shape.dtype)
        scheduler = self.make_scheduler(sampling.scheduler)
        scheduler.set_timesteps(sampling.num_inference_steps, device=self.device)
        self.refiner.scheduler = scheduler
        timesteps, _ = self.refiner.get_timesteps(
            sampling.num_inference_steps, None, self.device, denoising_start=row.refiner_switch_at
        )
        with torch.inference_mode():
            self.attach([()], drawing.shape.dtype)  # the second text encoder may have an adapter
            conditions = self.encode_for_refiner(row)
        return replace(
            drawing,
            shape=drawing.shape._replace(network="refiner"),
            conditions=conditions,
            scheduler=scheduler,
            timesteps=timesteps,
            step_options=step_options(scheduler, drawing.noise),
            index=0,
        )

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
                self.pipeline.vae_scale_factor,
                size,
            )
            old = drawing.conditions
            times = None if old.time_ids is None else self.time_ids(size, len(old.text))
        image, latents = (None, start) if isinstance(start, Tensor) else (start, None)
        again = replace(row, sampling=sampling, second_pass=None, image=image)
        conditions = old._replace(time_ids=times)
        return self.begin(again, drawing.shape.dtype, conditions, latents)

    def encode(self, row: Row) -> Conditions:
        """Return what the UNet knows of a row."""
        pipeline, distilled = self.pipeline, self.pipeline.unet.config.time_cond_proj_dim
        guided = row.guidance_scale > 1 and distilled is None
        text, pooled = self.encode_texts(row, pipeline, guided=guided)
        embedding = None
        if distilled is not None:
            embedding = pipeline.get_guidance_scale_embedding(
                torch.tensor([row.guidance_scale - 1]), embedding_dim=distilled
            ).to(self.device, text.dtype)
        if pooled is None:
            return Conditions(text, None, None, embedding)
        size = (row.sampling.height, row.sampling.width)
        time_ids = self.time_ids(size, len(text)).to(text.dtype)
        return Conditions(text, pooled, time_ids, embedding)

    def encode_for_refiner(self, row: Row) -> Conditions:
        """Return what the refiner's UNet knows of a row."""
        text, pooled = self.encode_texts(row, self.refiner, guided=row.guidance_scale > 1)
        size = (row.sampling.height, row.sampling.width)
        ids = refiner_time_ids(self.refiner, size, len(text))
        time_ids = torch.tensor(ids, dtype=text.dtype, device=self.device)
        return Conditions(text, pooled, time_ids, None)

    def encode_texts(
        self,
        row: Row,
        pipeline: Any,  # noqa: ANN401 (diffusers ships no types)
        *,
        guided: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return a row's encoded prompts and SDXL's pooled ones; with guidance the negative first.

        Both are (entries, ...), on the device.
        """
        encoded = pipeline.encode_prompt(
            **self.texts_of(row, pipeline, guided=guided),
            device=self.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
        text = torch.cat([encoded[1], encoded[0]]) if guided else encoded[0]
        if self.card.family != "sdxl":
            return text, None
        pooled = torch.cat([encoded[3], encoded[2]]) if guided else encoded[2]
        return text, pooled.to(self.device)

    def time_ids(self, size: tuple[int, int], entries: int) -> Tensor:
        """Return SDXL's sizes and crop of a picture, (entries, 6), in the present type."""
        ids = [[*size, 0, 0, *size]] * entries
        return torch.tensor(ids, dtype=self.present_dtype, device=self.device)

    def texts_of(
        self,
        row: Row,
        pipeline: Any,  # noqa: ANN401 (diffusers ships no types)
        *,
        guided: bool,
    ) -> dict[str, Any]:
        """Return the arguments of ``encode_prompt``; what diffusers cannot read is encoded here."""
        prompt = row.read(row.prompt)
        negative = None if row.negative_prompt is None else row.read(row.negative_prompt)
        chunks = self.count_chunks(row)
        plain = prompt.plain, "" if negative is None else negative.plain
        if chunks == 1 and None not in plain and row.clip_skip is None:
            avoided = None if negative is None else [plain[1]]
            return {"prompt": [plain[0]], "negative_prompt": avoided}
        zeros = pipeline.config.get("force_zeros_for_empty_prompt", False)
        if negative is None and guided and not zeros:
            negative = literal("")
        encoded = encode_prompts(pipeline, prompt, negative, chunks, row.clip_skip)
        return {"prompt": None, **encoded}

    def start(
        self, row: Row, given: Tensor | None = None
    ) -> tuple[Any, Tensor, Tensor, torch.Generator, Kept | None]:
        """Return a row's scheduler, timesteps, first latents, noise, and what it keeps.

        ``given`` are latents to start from instead of the row's image.
        """
        sampling, dtype, kept = row.sampling, self.present_dtype, None
        scheduler = self.make_scheduler(sampling.scheduler)
        noise = torch.Generator().manual_seed(row.seed)
        scheduler.set_timesteps(sampling.num_inference_steps, device=self.device)
        if row.image is None and given is None:
            pipeline, timesteps = self.pipeline, scheduler.timesteps
            pipeline.scheduler = scheduler
            channels = pipeline.unet.config.in_channels
            size = (sampling.height, sampling.width)
            latents = pipeline.prepare_latents(1, channels, *size, dtype, self.device, [noise])
            if self.card.family == "sdxl" and hasattr(scheduler, "set_begin_index"):
                scheduler.set_begin_index(0)
            return scheduler, timesteps, latents, noise, None
        pipeline = self.from_image if row.mask is None else self.inside_mask
        pipeline.scheduler = scheduler
        steps = (sampling.num_inference_steps, sampling.strength, self.device)
        timesteps, _ = pipeline.get_timesteps(*steps)
        image = given
        if image is None:
            image = pipeline.image_processor.preprocess([row.image])
        if row.mask is None:
            first = (timesteps[:1], 1, 1)
            latents = pipeline.prepare_latents(image, *first, dtype, self.device, [noise])
        else:
            latents, kept = self.start_inside(row, image, timesteps[:1], noise)
        return scheduler, timesteps, latents, noise, kept

    def start_inside(
        self, row: Row, image: Tensor, first: Tensor, noise: torch.Generator
    ) -> tuple[Tensor, Kept]:
        """Return a masked row's first latents, and what it keeps, as diffusers' pipeline does."""
        pipeline, sampling, dtype = self.inside_mask, row.sampling, self.present_dtype
        size = (sampling.height, sampling.width)
        latents, added, own = pipeline.prepare_latents(
            1,
            pipeline.vae.config.latent_channels,
            *size,
            dtype,
            self.device,
            noise,
            image=image,
            timestep=first,
            is_strength_max=sampling.strength == 1,
            return_noise=True,
            return_image_latents=True,
        )
        changing = pipeline.mask_processor.preprocess(row.mask, *size)
        visible = image * (changing < 0.5)  # noqa: PLR2004 (diffusers' own)
        # Its encoding is for UNets of nine channels; it is made here as it takes from the noise.
        rest = (1, *size, dtype, self.device, noise, False)
        mask, _ = pipeline.prepare_mask_latents(changing, visible, *rest)
        return latents, Kept(mask, own, added)

    def make_scheduler(self, name: str) -> Any:  # noqa: ANN401 (diffusers has no common type)
        """Return a new scheduler, as a scheduler keeps the state of its row."""
        kind, options, _ = SAMPLERS[name]
        options = {**SCHEDULER_OPTIONS.get(kind, {}), **options}
        return getattr(diffusers, kind).from_config(self.scheduler_config, **options)

    # ---- one step of several rows -----------------------------------------------------------

    def step(self, drawings: Sequence[Drawing]) -> None:
        """Advance rows of one shape by one timestep each, with one pass through the UNet."""
        self.use_dtype(drawings[0].shape.dtype)
        with torch.inference_mode():
            if drawings[0].shape.network == "base":
                mixes = [drawing.row.mix for drawing in drawings for _ in range(drawing.entries)]
                self.attach(mixes, self.present_dtype)
            predictions = self.predict(drawings).split([drawing.entries for drawing in drawings])
            for drawing, prediction in zip(drawings, predictions, strict=True):
                advance(drawing, prediction)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)  # no pass is queued behind another

    def predict(self, drawings: Sequence[Drawing]) -> Tensor:
        """Return the UNet's predictions, (entries, channels, height, width)."""
        samples, times = [], []
        for drawing in drawings:
            time_now = drawing.timesteps[drawing.index]
            scaled = drawing.scheduler.scale_model_input(drawing.latents, time_now)
            samples += [scaled] * drawing.entries
            times += [time_now.to(torch.float32)] * drawing.entries
        conditions = [drawing.conditions for drawing in drawings]
        more = None
        if conditions[0].pooled is not None:
            more = {
                "text_embeds": torch.cat([one.pooled for one in conditions]),
                "time_ids": torch.cat([one.time_ids for one in conditions]),
            }
        embedding = None
        if conditions[0].guidance_embedding is not None:
            embedding = torch.cat([one.guidance_embedding for one in conditions])
        pipeline = self.pipeline if drawings[0].shape.network == "base" else self.refiner
        prediction: Tensor = pipeline.unet(
            torch.cat(samples),
            torch.stack(times),
            encoder_hidden_states=torch.cat([one.text for one in conditions]),
            timestep_cond=embedding,
            added_cond_kwargs=more,
            return_dict=False,
        )[0]
        return prediction

    # ---- the end of a row -------------------------------------------------------------------

    def decode(self, drawing: Drawing, *, tiled: bool = False) -> Pixels:
        """Return the picture of a row whose steps are done.

        Args:
            drawing: the row.
            tiled: decode in overlapping tiles, which takes less memory and changes the picture a
                little where tiles meet.
        """
        self.use_dtype(drawing.shape.dtype)
        vae = self.pipeline.vae
        with torch.inference_mode(), self.decoder_dtype(), tiles(vae, tiled=tiled):
            latents = drawing.latents.to(vae.dtype)
            image = vae.decode(self.unscaled(latents), return_dict=False)[0]
            pixels: Pixels = self.pipeline.image_processor.postprocess(image, output_type="np")[0]
        return pixels

    def unscaled(self, latents: Tensor) -> Tensor:
        """Return latents in the decoder's own range."""
        config = self.pipeline.vae.config
        mean, deviation = config.get("latents_mean"), config.get("latents_std")
        if self.card.family != "sdxl" or mean is None or deviation is None:
            return latents / config.scaling_factor
        shift, scale = (latents.new_tensor(part).view(1, -1, 1, 1) for part in (mean, deviation))
        return latents * scale / config.scaling_factor + shift

    @contextmanager
    def decoder_dtype(self) -> Iterator[None]:
        """Decode in float32 while the block runs, where the base's decoder overflows float16."""
        vae = self.pipeline.vae
        upcast = (
            self.card.family == "sdxl" and vae.dtype is torch.float16 and vae.config.force_upcast
        )
        if upcast:
            vae.to(dtype=torch.float32)
        try:
            yield
        finally:
            if upcast:
                vae.to(dtype=torch.float16)

    # ---- types, adapters --------------------------------------------------------------------

    def use_dtype(self, dtype: torch.dtype) -> None:
        """Compute in a type from now on. A float16 base is unchanged after a time in float32."""
        if dtype is not self.present_dtype:
            self.hooks.clear()
            self.pipeline.to(dtype)
            if self.refiner is not None:
                self.refiner.unet.to(dtype)
            self.present_dtype = dtype

    def attach(self, mixes: Sequence[Mix], dtype: torch.dtype) -> None:
        """Apply a mix of adapters to each entry of the next batch."""
        started = time.perf_counter()
        self.hooks.use(mixes, dtype)
        self.activation_seconds += time.perf_counter() - started

    def rest(self) -> None:
        """Hold no adapter: nothing is drawn now."""
        self.hooks.clear()
        self.use_dtype(self.dtype)


def order_of(row: Row) -> int:
    """Return the passes of one step of a row's scheduler."""
    order: int = getattr(diffusers, SAMPLERS[row.sampling.scheduler].scheduler).order
    return order


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
    """Apply guidance, and let the row's scheduler take its step."""
    if drawing.entries > 1:
        plain, prompted = prediction.chunk(2)
        prediction = plain + drawing.row.guidance_scale * (prompted - plain)
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


@contextmanager
def tiles(vae: Any, *, tiled: bool) -> Iterator[None]:  # noqa: ANN401 (diffusers ships no types)
    """Decode in tiles while the block runs, if so asked."""
    if tiled:
        vae.enable_tiling()
    try:
        yield
    finally:
        if tiled:
            vae.disable_tiling()


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


def share_pipeline(pipeline: Any, card: BaseCard, kinds: Kinds) -> Any:  # noqa: ANN401
    """Return a pipeline of another kind that shares the same networks."""
    if card.family == "sdxl":
        zeros = pipeline.config.force_zeros_for_empty_prompt
        return kinds.sdxl(
            **pipeline.components, force_zeros_for_empty_prompt=zeros, add_watermarker=False
        )
    return kinds.sd(**pipeline.components, requires_safety_checker=False)


def silence_loggers() -> None:
    """Keep prompts out of the log: the warning about a long prompt repeats its text."""
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
