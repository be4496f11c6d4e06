"""Load a base with plain diffusers, see what its UNet predicts, and draw one picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers
from diffusers import DiffusionPipeline, StableDiffusionXLImg2ImgPipeline
from PIL import Image

from contracts.base import BaseCard
from contracts.shared.pictures.samplers import without_clipping
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.pipeline_files import REFINER_FOLDER, unused_components, variant_of
from likeness_client.bases.errors import BaseRefusedError
from likeness_client.bases.folder import Pipeline

PROMPT, SEED = "a photo of a person", 0
MIN_CONTRAST = 0.01
"""Standard deviation (of 0 to 1) below which a picture shows nothing; the trainer's gate has it."""

SAMPLES = 4

REFINER_STEPS, REFINED_SHARE = 8, 0.25
"""Two steps of eight: enough to see that the refiner's network draws."""


@dataclass(frozen=True)
class Loaded:
    """A pipeline on its device."""

    pipeline: Any
    device: str
    dtype: torch.dtype


def load(pipeline: Pipeline, files: list[str]) -> Loaded:
    """Load the folder; on a GPU in float16, or in bfloat16 where that is too small.

    Raises:
        BaseRefusedError: diffusers cannot load it.
    """
    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    half = torch.float16 if FAMILIES[pipeline.family].fits_float16 else torch.bfloat16
    dtype = half if device == "cuda" else torch.float32
    try:
        loaded = DiffusionPipeline.from_pretrained(
            pipeline.folder,
            torch_dtype=dtype,
            local_files_only=True,
            variant=variant_of(files),
            **unused_components(pipeline.model_index),
        )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        text = str(error).splitlines()[0][:300]
        raise BaseRefusedError(f"diffusers cannot load {pipeline.folder}: {text}") from error
    loaded.set_progress_bar_config(disable=True)
    loaded.to(device)
    loaded.vae.to(torch.float32)  # SDXL's overflows in float16
    return Loaded(loaded, device, dtype)


def noise_correlation(loaded: Loaded, resolution: int) -> float:
    """Return the correlation of the UNet's prediction with its input where that is pure noise.

    At the last timestep the input is almost only noise. A network that predicts the noise repeats
    it; one that predicts v repeats next to nothing of it.
    """
    unet = loaded.pipeline.unet
    side = resolution // loaded.pipeline.vae_scale_factor
    noise = torch.randn((SAMPLES, 4, side, side), generator=torch.Generator().manual_seed(SEED))
    text, more = empty_prompt(loaded, resolution)
    with torch.inference_mode():
        predicted = unet(
            noise.to(loaded.device, loaded.dtype),
            loaded.pipeline.scheduler.config.num_train_timesteps - 1,
            encoder_hidden_states=text.repeat(SAMPLES, 1, 1),
            added_cond_kwargs=more,
        ).sample
    pair = np.stack([noise.flatten().numpy(), predicted.float().cpu().flatten().numpy()])
    return float(np.corrcoef(pair)[0, 1])


def empty_prompt(
    loaded: Loaded, resolution: int
) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
    """Return the encoded empty prompt, (1, T, D), and SDXL's further conditions."""
    with torch.inference_mode():
        answer = loaded.pipeline.encode_prompt(
            prompt="",
            device=loaded.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
    if not hasattr(loaded.pipeline, "text_encoder_2"):
        return answer[0], None
    sizes = [resolution, resolution, 0, 0, resolution, resolution]
    time_ids = torch.tensor([sizes] * SAMPLES, device=loaded.device, dtype=loaded.dtype)
    return answer[0], {"text_embeds": answer[2].repeat(SAMPLES, 1), "time_ids": time_ids}


def draw(loaded: Loaded, card: BaseCard, path: Path, steps: int) -> torch.Tensor:
    """Draw one picture with the card's settings and save it; return its latents.

    Raises:
        BaseRefusedError: it is not finite or shows nothing.
    """
    sampler = getattr(diffusers, card.inference.scheduler)
    config = without_clipping(loaded.pipeline.scheduler.config)
    loaded.pipeline.scheduler = sampler.from_config(config)
    latents = loaded.pipeline(
        PROMPT,
        num_inference_steps=steps,
        guidance_scale=card.inference.guidance_scale,
        height=card.resolution,
        width=card.resolution,
        generator=torch.Generator().manual_seed(SEED),
        output_type="latent",
    ).images
    keep_picture(loaded, latents, path, "the base's picture")
    return latents


def draw_refined(loaded: Loaded, card: BaseCard, path: Path, latents: torch.Tensor) -> None:
    """Draw the last steps of a picture again with the refiner beside the base, and save it.

    Raises:
        BaseRefusedError: diffusers cannot load the refiner, or its picture shows nothing.
    """
    files = card.refiner.files if card.refiner else {}
    place, base = path.parent / REFINER_FOLDER, loaded.pipeline
    try:
        refiner = StableDiffusionXLImg2ImgPipeline.from_pretrained(
            place,
            torch_dtype=loaded.dtype,
            local_files_only=True,
            variant=variant_of(files),
            vae=base.vae,
            text_encoder=None,
            text_encoder_2=base.text_encoder_2,
            tokenizer=None,
            tokenizer_2=base.tokenizer_2,
            scheduler=base.scheduler,
            add_watermarker=False,
        )
        refiner.set_progress_bar_config(disable=True)
        refiner.unet.to(loaded.device)
        refined = refiner(
            PROMPT,
            image=latents,
            strength=REFINED_SHARE,
            num_inference_steps=REFINER_STEPS,
            guidance_scale=card.inference.guidance_scale,
            generator=torch.Generator().manual_seed(SEED),
            output_type="latent",
        ).images
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        text = str(error).splitlines()[0][:300]
        raise BaseRefusedError(f"diffusers cannot draw with {place}: {text}") from error
    keep_picture(loaded, refined, path, "the refiner's picture")


def keep_picture(loaded: Loaded, latents: torch.Tensor, path: Path, what: str) -> None:
    """Decode and save one picture.

    Raises:
        BaseRefusedError: it is not finite or shows nothing.
    """
    pixels = decode(loaded, latents)
    if not np.isfinite(pixels).all() or pixels.std(axis=(0, 1)).max() <= MIN_CONTRAST:
        raise BaseRefusedError(
            f"{what} is empty or not finite: its weights are damaged, or"
            f" {loaded.dtype} is too small for them"
        )
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(path)


def decode(loaded: Loaded, latents: torch.Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return one picture of latents (1, C, h, w), as (H, W, 3) float32 in 0 to 1."""
    vae = loaded.pipeline.vae
    with torch.inference_mode():
        unscaled = latents.float() / vae.config.scaling_factor
        decoded = vae.decode(unscaled + (vae.config.shift_factor or 0.0)).sample[0]
    pixels = (decoded / 2 + 0.5).clamp(0, 1).permute(1, 2, 0).cpu()
    made: np.ndarray[Any, np.dtype[np.float32]] = pixels.numpy()
    return made
