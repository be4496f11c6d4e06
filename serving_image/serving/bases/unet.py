"""Stable Diffusion and SDXL: a UNet with CLIP's texts and schedules of the DDPM family."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import diffusers
import torch
from diffusers import (
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInpaintPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor, nn

from contracts.base import BaseCard
from contracts.shared.pictures.samplers import SAMPLERS, arguments_of, without_clipping
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.pipeline_files import variant_of
from serving.adapters.reader import Layers, find_layers
from serving.bases.base import Refiner, Size
from serving.bases.clip_text import ClipText
from serving.bases.latent_codec import LatentCodec
from serving.bases.refiner import UNetRefiner, base_part, check_parts, load_refiner
from serving.bases.unet_pass import UNetConditions, guide, predict
from serving.engine.memory import Needs, trace_needs, trace_unet, weight_bytes
from serving.output.truth import Pixels
from serving.rows import Conditions, Drawing, Kept, Row, Start

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


class UNetBase:
    """A base whose denoiser is a UNet."""

    half = torch.float16

    def __init__(
        self, folder: Path, card: BaseCard, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.card, self.device, self.dtype = card, device, dtype
        self.is_xl = card.family == "sdxl"
        self.pipeline = load_pipeline(folder, card, dtype).to(device)
        self.scheduler_config = without_clipping(self.pipeline.scheduler.config)
        self.from_image = share_pipeline(self.pipeline, FROM_IMAGE, is_xl=self.is_xl)
        self.inside_mask = share_pipeline(self.pipeline, INSIDE_MASK, is_xl=self.is_xl)
        self.text = ClipText(self.pipeline, has_pooled=self.is_xl)
        self.codec = LatentCodec(
            self.pipeline, unscaled_xl if self.is_xl else unscaled, upcast=self.is_xl
        )
        self.layers: Layers = find_layers(
            {name: getattr(self.pipeline, name) for name in FAMILIES[card.family].networks}
        )
        refiner = load_refiner(folder, card, self.pipeline, dtype)
        self.refiner: Refiner | None = (
            None
            if refiner is None
            else UNetRefiner(refiner.to(device), self.text, self.make_scheduler)
        )

    @property
    def latent_side(self) -> int:
        """Pixels of a picture for each side of a latent."""
        side: int = self.pipeline.vae_scale_factor
        return side

    def to(self, dtype: torch.dtype) -> None:
        """Compute in a type from now on."""
        self.pipeline.to(dtype)
        if self.refiner is not None:
            self.refiner.network.to(dtype)
        self.dtype = dtype

    # ---- text -------------------------------------------------------------------------------

    def is_guided(self, row: Row) -> bool:
        """Return whether a row is drawn twice, with and without its prompt."""
        distilled = self.pipeline.unet.config.time_cond_proj_dim
        return row.guidance_scale > 1 and distilled is None

    def entries_of(self, row: Row) -> int:
        """Return the number of the row's entries in a batch, before it is encoded."""
        return 2 if row.guidance_scale > 1 else 1

    def count_chunks(self, row: Row) -> int:
        """Return the number of CLIP's chunks in the longer of a row's prompts.

        Raises:
            PictureError: a prompt is too long; or a weight in it, ``clip_skip`` or
                ``refiner_switch_at`` cannot be.
        """
        self.text.check(row)
        self.check_switch(row)
        return self.text.check_chunks(self.text.count_chunks(row))

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

    def encode(self, row: Row) -> UNetConditions:
        """Return what the UNet knows of a row."""
        pipeline, distilled = self.pipeline, self.pipeline.unet.config.time_cond_proj_dim
        text, pooled = self.text.encode(row, pipeline, guided=self.is_guided(row))
        embedding = None
        if distilled is not None:
            embedding = pipeline.get_guidance_scale_embedding(
                torch.tensor([row.guidance_scale - 1]), embedding_dim=distilled
            ).to(self.device, text.dtype)
        if pooled is None:
            return UNetConditions(text, None, None, embedding)
        size = (row.sampling.height, row.sampling.width)
        time_ids = self.time_ids(size, len(text)).to(text.dtype)
        return UNetConditions(text, pooled, time_ids, embedding)

    def resized(self, conditions: Conditions, size: Size) -> Conditions:
        """Return what the UNet knows of a row that is drawn again in another size."""
        ours = cast("UNetConditions", conditions)
        if ours.time_ids is None:
            return ours
        return ours._replace(time_ids=self.time_ids(size, ours.entries))

    def time_ids(self, size: Size, entries: int) -> Tensor:
        """Return SDXL's sizes and crop of a picture, (entries, 6), in the present type."""
        ids = [[*size, 0, 0, *size]] * entries
        return torch.tensor(ids, dtype=self.dtype, device=self.device)

    # ---- schedule ---------------------------------------------------------------------------

    def passes_of_step(self, row: Row) -> int:
        """Return the passes that one step of the row's sampler takes."""
        order: int = getattr(diffusers, SAMPLERS[row.sampling.scheduler].scheduler).order
        return order

    def make_scheduler(self, name: str) -> Any:  # noqa: ANN401 (diffusers has no common type)
        """Return a new scheduler, as a scheduler keeps the state of its row."""
        sampler = SAMPLERS[name]
        scheduler = getattr(diffusers, sampler.scheduler)
        return scheduler.from_config(self.scheduler_config, **arguments_of(sampler))

    def start(self, row: Row, given: Tensor | None = None) -> Start:
        """Return the beginning of a row; ``given`` are latents instead of the row's image."""
        sampling = row.sampling
        scheduler = self.make_scheduler(sampling.scheduler)
        noise = torch.Generator().manual_seed(row.seed)
        scheduler.set_timesteps(sampling.num_inference_steps, device=self.device)
        if row.image is None and given is None:
            latents = self.start_from_noise(row, scheduler, noise)
            return self.started(row, Start(scheduler, scheduler.timesteps, latents, noise))
        pipeline = self.from_image if row.mask is None else self.inside_mask
        pipeline.scheduler = scheduler
        steps = (sampling.num_inference_steps, sampling.strength, self.device)
        timesteps, _ = pipeline.get_timesteps(*steps)
        image, kept = given, None
        if image is None:
            image = pipeline.image_processor.preprocess([row.image])
        if row.mask is None:
            first = (timesteps[:1], 1, 1)
            latents = pipeline.prepare_latents(image, *first, self.dtype, self.device, [noise])
        else:
            latents, kept = self.start_inside(row, image, timesteps[:1], noise)
        return self.started(row, Start(scheduler, timesteps, latents, noise, kept))

    def started(self, row: Row, start: Start) -> Start:
        """Return a beginning with the timesteps that are the base's."""
        ours = base_part(start.timesteps, start.scheduler, row.refiner_switch_at)
        return start._replace(timesteps=ours)

    def start_from_noise(
        self,
        row: Row,
        scheduler: Any,  # noqa: ANN401
        noise: torch.Generator,
    ) -> Tensor:
        """Return the first latents of a row without an image."""
        pipeline, sampling = self.pipeline, row.sampling
        pipeline.scheduler = scheduler
        channels, size = pipeline.unet.config.in_channels, (sampling.height, sampling.width)
        latents: Tensor = pipeline.prepare_latents(
            1, channels, *size, self.dtype, self.device, [noise]
        )
        if self.is_xl and hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(0)
        return latents

    def start_inside(
        self, row: Row, image: Tensor, first: Tensor, noise: torch.Generator
    ) -> tuple[Tensor, Kept]:
        """Return a masked row's first latents, and what it keeps, as diffusers' pipeline does."""
        pipeline, sampling, dtype = self.inside_mask, row.sampling, self.dtype
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

    # ---- denoiser, latent codec -------------------------------------------------------------

    def predict(self, drawings: Sequence[Drawing]) -> Tensor:
        """Return the UNet's predictions, (entries, channels, height, width)."""
        return predict(self.pipeline.unet, drawings)

    def guide(self, row: Row, prediction: Tensor) -> Tensor:
        """Return one prediction of a row's entries, with guidance."""
        return guide(row, prediction)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Pixels:
        """Return the picture of finished latents."""
        return self.codec.decode(latents, tiled=tiled)

    # ---- memory -----------------------------------------------------------------------------

    def needs(self) -> Needs:
        """Return the memory that drawing needs, traced on torch's meta device."""
        networks = [m for m in self.pipeline.components.values() if isinstance(m, nn.Module)]
        unets = [self.pipeline.unet]
        if self.refiner is not None:
            unets.append(self.refiner.network)
            networks.append(self.refiner.network)
        return trace_needs(
            unets,
            self.pipeline.vae,
            trace_unet,
            side=self.card.resolution,
            weights=sum(map(weight_bytes, networks)),
            upcast_decoder=bool(self.pipeline.vae.config.force_upcast),
        )


def unscaled(latents: Tensor, config: Any) -> Tensor:  # noqa: ANN401 (diffusers ships no types)
    """Return latents in the range of Stable Diffusion's decoder."""
    scaled: Tensor = latents / config.scaling_factor
    return scaled


def unscaled_xl(latents: Tensor, config: Any) -> Tensor:  # noqa: ANN401
    """Return latents in the range of SDXL's decoder, which may have a mean and a deviation."""
    mean, deviation = config.get("latents_mean"), config.get("latents_std")
    if mean is None or deviation is None:
        return unscaled(latents, config)
    shift, scale = (latents.new_tensor(part).view(1, -1, 1, 1) for part in (mean, deviation))
    shifted: Tensor = latents * scale / config.scaling_factor + shift
    return shifted


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


def share_pipeline(pipeline: Any, kinds: Kinds, *, is_xl: bool) -> Any:  # noqa: ANN401
    """Return a pipeline of another kind that shares the same networks."""
    if is_xl:
        zeros = pipeline.config.force_zeros_for_empty_prompt
        return kinds.sdxl(
            **pipeline.components, force_zeros_for_empty_prompt=zeros, add_watermarker=False
        )
    return kinds.sd(**pipeline.components, requires_safety_checker=False)
