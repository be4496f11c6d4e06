"""SDXL's refiner: a second UNet beside the base's, which draws the last steps of a picture.

It is diffusers' image-to-image pipeline with ``denoising_start``, after the base's with
``denoising_end``. The base's second text encoder reads its prompts, and the base's autoencoder
decodes, as in diffusers' documentation. The adapters of users are made for the base alone.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLImg2ImgPipeline, UNet2DConditionModel
from torch import Tensor, nn

from contracts.base import BaseCard
from contracts.shared.weights.pipeline_files import REFINER_FOLDER, variant_of
from serving.bases.clip_text import ClipText
from serving.bases.unet_pass import UNetConditions, guide, predict
from serving.picture_error import PictureError
from serving.rows import Drawing, Row, Start

AESTHETIC_SCORE, NEGATIVE_AESTHETIC_SCORE = 6.0, 2.5
"""The defaults of diffusers: the picture looks like one that people have rated so."""


class UNetRefiner:
    """The refiner of a base; it draws with the base's schedulers."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 (diffusers ships no types)
        text: ClipText,
        make_scheduler: Callable[[str], Any],
    ) -> None:
        self.pipeline, self.text, self.make_scheduler = pipeline, text, make_scheduler

    @property
    def network(self) -> nn.Module:
        """The network itself."""
        unet: nn.Module = self.pipeline.unet
        return unet

    def start(self, drawing: Drawing) -> Start:
        """Return the refiner's part of a row whose base part is done.

        It is what diffusers' image-to-image pipeline draws from the base's latents, with
        ``denoising_start`` and the same source of noise.
        """
        row, sampling, device = drawing.row, drawing.row.sampling, drawing.latents.device
        scheduler = self.make_scheduler(sampling.scheduler)
        scheduler.set_timesteps(sampling.num_inference_steps, device=device)
        self.pipeline.scheduler = scheduler
        timesteps, _ = self.pipeline.get_timesteps(
            sampling.num_inference_steps, None, device, denoising_start=row.refiner_switch_at
        )
        return Start(scheduler, timesteps, drawing.latents, drawing.noise, drawing.kept)

    def encode(self, row: Row) -> UNetConditions:
        """Return what the refiner's UNet knows of a row."""
        text, pooled = self.text.encode(row, self.pipeline, guided=row.guidance_scale > 1)
        size = (row.sampling.height, row.sampling.width)
        ids = refiner_time_ids(self.pipeline, size, len(text))
        time_ids = torch.tensor(ids, dtype=text.dtype, device=text.device)
        return UNetConditions(text, pooled, time_ids, None)

    def predict(self, drawings: Sequence[Drawing]) -> Tensor:
        """Return the UNet's predictions, (entries, channels, height, width)."""
        return predict(self.network, drawings)

    def guide(self, row: Row, prediction: Tensor) -> Tensor:
        """Return one prediction of a row's entries, with guidance."""
        return guide(row, prediction)


def load_refiner(folder: Path, card: BaseCard, base: Any, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Return the refiner's pipeline beside the base's; None where the base has no refiner."""
    if card.refiner is None:
        return None
    place = folder / REFINER_FOLDER
    unet = UNet2DConditionModel.from_pretrained(
        place,
        subfolder="unet",
        torch_dtype=dtype,
        local_files_only=True,
        variant=variant_of(card.refiner.files),
    )
    config = StableDiffusionXLImg2ImgPipeline.load_config(place)
    return StableDiffusionXLImg2ImgPipeline(
        vae=base.vae,
        text_encoder=None,
        text_encoder_2=base.text_encoder_2,
        tokenizer=None,
        tokenizer_2=base.tokenizer_2,
        unet=unet,
        scheduler=base.scheduler,
        requires_aesthetics_score=config.get("requires_aesthetics_score", False),
        force_zeros_for_empty_prompt=config.get("force_zeros_for_empty_prompt", True),
        add_watermarker=False,
    )


def base_part(timesteps: Tensor, scheduler: Any, switch_at: float | None) -> Tensor:  # noqa: ANN401
    """Return the timesteps that the base draws, as diffusers' ``denoising_end`` does.

    Args:
        timesteps: (steps,), falling.
        scheduler: that of the row.
        switch_at: the share of the noise schedule in (0, 1); None: the base draws all.
    """
    if switch_at is None:
        return timesteps
    known = scheduler.config.num_train_timesteps
    cutoff = round(known - switch_at * known)
    return timesteps[: int((timesteps >= cutoff).sum())]


def check_parts(base_steps: int, refiner_steps: int) -> None:
    """Raise unless both networks draw."""
    idle = "the base" if not base_steps else "the refiner"
    if not (base_steps and refiner_steps):
        text = f"refiner_switch_at: it leaves {idle} no step; change it, or ask for more steps"
        raise PictureError("invalid_argument", text)


def refiner_time_ids(pipeline: Any, size: tuple[int, int], entries: int) -> list[list[float]]:  # noqa: ANN401
    """Return the sizes, the crop and the score of a picture; (entries, 5 or 6).

    With guidance, which is two entries, the first is that without the prompt.
    """
    if not pipeline.config.requires_aesthetics_score:
        return [[*size, 0, 0, *size]] * entries
    scores = [NEGATIVE_AESTHETIC_SCORE, AESTHETIC_SCORE][-entries:]
    return [[*size, 0, 0, score] for score in scores]
