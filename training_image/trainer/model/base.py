"""The base model: a local diffusers folder, verified against its hash before it is used."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from pydantic import ValidationError
from torch import Tensor

from contracts.base import BaseCard, hash_of_files
from contracts.shared.layout import BASE_FILE
from contracts.shared.pictures.samplers import without_clipping
from contracts.shared.weights.pipeline_files import (
    MODEL_INDEX,
    missing_files,
    unused_components,
    variant_of,
)
from trainer.model.architectures import ARCHITECTURES, Architecture, EncodedPrompts, PromptEmbeds
from trainer.process.results import TrainingError, sha256_of


@dataclass(frozen=True)
class Base:
    """A verified base, loaded once for all tasks of a job."""

    card: BaseCard
    folder: Path
    pipeline: diffusers.DiffusionPipeline
    """The diffusers pipeline with frozen networks."""
    architecture: Architecture
    device: torch.device
    dtype: torch.dtype
    """The type of the UNet and the text encoders. The autoencoder is always float32."""
    alphas_cumprod: Tensor
    """(T,) float32, decreasing: the scheduler's ``alphas_cumprod`` at each timestep."""

    prompt_cache: dict[tuple[str, ...], PromptEmbeds] = field(default_factory=dict)
    """Embeddings of the prompts that will be sampled, from the frozen text encoders."""

    def encode(self, prompts: list[str]) -> EncodedPrompts:
        """Encode prompts for training."""
        self.onload_text_encoders()
        return self.architecture.encode(self.pipeline, prompts)

    def prompt_embeds(self, prompts: tuple[str, ...]) -> PromptEmbeds:
        """Return the pipeline's keyword arguments for these prompts, from the cache if possible."""
        cached = self.prompt_cache.get(prompts)
        if cached is None:
            self.onload_text_encoders()
            guided = self.card.inference.guidance_scale > 1
            cached = self.architecture.prompt_embeds(self.pipeline, list(prompts), guided=guided)
        return {name: tensor.to(self.device) for name, tensor in cached.items()}

    def onload_text_encoders(self) -> None:
        """Move the text encoders back to the device; ``memory.offload`` may have moved them."""
        for encoder in self.text_encoders().values():
            encoder.to(self.device)

    def text_encoders(self) -> dict[str, torch.nn.Module]:
        """Return the text encoders by their names in the pipeline."""
        return {name: getattr(self.pipeline, name) for name in self.architecture.text_encoders}


def read_card(folder: Path, expected_sha256: str) -> BaseCard:
    """Verify the hash of every file of the base and return the base's card.

    Raises:
        TrainingError: ``base_mismatch``, another base or a file changed; ``base_incomplete``, a
            file is missing that the card or the pipeline names.
    """
    try:
        card = BaseCard.model_validate_json((folder / BASE_FILE).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise TrainingError(
            "base_mismatch", "base.json is missing or is not a base card"
        ) from error
    if card.sha256 != expected_sha256:
        raise TrainingError("base_mismatch", "the base has another hash than the plan names")
    if card.sha256 != hash_of_files(card.files):
        raise TrainingError("base_mismatch", "the files in base.json do not have its hash")
    refuse_missing_files(folder, card)
    changed = [n for n, h in card.files.items() if sha256_of(folder / n) != h]
    if changed:
        message = f"{len(changed)} of {len(card.files)} files are changed, e.g. {changed[0]}"
        raise TrainingError("base_mismatch", message)
    return card


def refuse_missing_files(folder: Path, card: BaseCard) -> None:
    """Refuse a base without a file that its card or its pipeline needs.

    Raises:
        TrainingError: ``base_incomplete``; the message names the file and what it is needed for.
    """
    lost = [name for name in card.files if not (folder / name).is_file()]
    if lost:
        message = f"{len(lost)} of {len(card.files)} files of base.json are missing, e.g. {lost[0]}"
        raise TrainingError("base_incomplete", message)
    lacks = missing_files(read_model_index(folder), card.files)
    if lacks:
        raise TrainingError("base_incomplete", f"{lacks[0].path} is missing: {lacks[0].why}")


def read_model_index(folder: Path) -> dict[str, Any]:
    """Return the names and classes of the pipeline's components.

    Raises:
        TrainingError: ``base_incomplete``; there is none that can be read.
    """
    try:
        found: dict[str, Any] = json.loads((folder / MODEL_INDEX).read_bytes())
        return dict(found)
    except (OSError, ValueError) as error:
        message = f"{MODEL_INDEX} is missing or damaged: the list of the pipeline's parts"
        raise TrainingError("base_incomplete", message) from error


def load_base(folder: Path, card: BaseCard, device: torch.device, dtype: torch.dtype) -> Base:
    """Load a verified base and freeze its networks."""
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        folder,
        torch_dtype=dtype,
        local_files_only=True,
        variant=variant_of(card.files),
        **unused_components(read_model_index(folder)),
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device)
    pipeline.vae.to(torch.float32)
    for network in pipeline.components.values():
        if isinstance(network, torch.nn.Module):
            network.requires_grad_(requires_grad=False).eval()
    scheduler = diffusers.DDPMScheduler.from_config(pipeline.scheduler.config)
    if scheduler.config.prediction_type != card.prediction_type:
        raise TrainingError(
            "base_mismatch", "base.json and the scheduler have different prediction types"
        )
    alphas = scheduler.alphas_cumprod.to(device, torch.float32)
    sampler = getattr(diffusers, card.inference.scheduler)
    pipeline.scheduler = sampler.from_config(without_clipping(pipeline.scheduler.config))
    architecture = ARCHITECTURES[card.family]
    return Base(card, folder, pipeline, architecture, device, dtype, alphas)
