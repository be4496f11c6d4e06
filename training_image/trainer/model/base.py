"""The base model: a local diffusers folder, verified against its hash before it is used."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from pydantic import ValidationError
from torch import Tensor, nn

from contracts.base import BaseCard, hash_of_files
from contracts.shared.layout.bases import BASE_FILE
from contracts.shared.pictures.abilities import ABILITIES, syntax_of
from contracts.shared.pictures.samplers import arguments_of, without_clipping
from contracts.shared.weights.families import FAMILIES
from contracts.shared.weights.pipeline_files import (
    MODEL_INDEX,
    missing_files,
    unused_components,
    variant_of,
)
from contracts.shared.words.prompt_limits import PromptReader
from contracts.shared.words.prompt_weights import Syntax, WeightedPrompt
from trainer.model.architectures import ARCHITECTURES, Architecture
from trainer.model.denoiser import Denoiser
from trainer.model.latents import LatentCodec
from trainer.model.objective import Objective, make_objective
from trainer.model.text import EncodedPrompts, PromptEmbeds
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
    """The type of the denoising network and the text encoders. The autoencoder is always float32.
    """
    objective: Objective

    prompt_cache: dict[tuple[WeightedPrompt, ...], PromptEmbeds] = field(default_factory=dict)
    """Embeddings of the prompts that will be sampled, from the frozen text encoders."""

    @property
    def denoiser(self) -> Denoiser:
        """How the denoising network is called, and its layers are named."""
        return self.architecture.denoiser

    @property
    def network(self) -> nn.Module:
        """The denoising network."""
        return getattr(self.pipeline, self.denoiser.name)

    @property
    def latents(self) -> LatentCodec:
        """The shift and scale of the latents."""
        return LatentCodec.of(self.pipeline.vae)

    @property
    def is_guided(self) -> bool:
        """Whether a picture's step predicts twice, for its prompt and for the empty one."""
        off = FAMILIES[self.card.family].guidance_off
        return self.card.inference.guidance_scale > off

    def encode(self, prompts: list[str]) -> EncodedPrompts:
        """Encode prompts for training."""
        self.onload_text_encoders()
        return self.architecture.text.encode(self.pipeline, prompts)

    @property
    def syntax(self) -> Syntax:
        """How the endpoint reads prompts for this base."""
        return syntax_of(self.card.family)

    def count_chunks(self, prompt: WeightedPrompt) -> int:
        """Return the length of a prompt, in the unit by which prompts share a pass."""
        return self.architecture.text.count_chunks(self.pipeline, prompt)

    @property
    def reader(self) -> PromptReader:
        """What tells how long a prompt is."""
        return self.architecture.text.reader(self.pipeline)

    def prompt_embeds(self, prompts: tuple[WeightedPrompt, ...]) -> PromptEmbeds:
        """Return the pipeline's keyword arguments for prompts that the endpoint could be sent.

        They come from the cache if possible. All prompts have equally many chunks.
        """
        cached = self.prompt_cache.get(prompts)
        if cached is None:
            self.onload_text_encoders()
            text, own = self.architecture.text, list(prompts)
            cached = text.prompt_embeds(self.pipeline, own, guided=self.is_guided)
        return self._on_device(cached)

    def caption_embeds(self, captions: list[str]) -> PromptEmbeds:
        """Return the pipeline's keyword arguments for texts that are read as captions are."""
        self.onload_text_encoders()
        text = self.architecture.text
        return self._on_device(text.caption_embeds(self.pipeline, captions, guided=self.is_guided))

    def _on_device(self, found: PromptEmbeds) -> PromptEmbeds:
        return {name: _moved(embeds, self.device) for name, embeds in found.items()}

    def onload_text_encoders(self) -> None:
        """Move the text encoders back to the device; ``memory.offload`` may have moved them."""
        for encoder in self.text_encoders().values():
            encoder.to(self.device)

    def text_encoders(self) -> dict[str, torch.nn.Module]:
        """Return the text encoders by their names in the pipeline."""
        return {name: getattr(self.pipeline, name) for name in self.architecture.text.networks}

    def networks(self) -> dict[str, nn.Module]:
        """Return the denoising network and the text encoders by their names in the pipeline."""
        return {self.denoiser.name: self.network, **self.text_encoders()}


def _moved(embeds: Tensor | list[Tensor], device: torch.device) -> Tensor | list[Tensor]:
    if isinstance(embeds, list):
        return [tensor.to(device) for tensor in embeds]
    return embeds.to(device)


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
    """Load a verified base and freeze its networks.

    Raises:
        TrainingError: ``base_mismatch``; the scheduler is not what the card says, or is none that
            the endpoint draws with.
    """
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
    objective = make_objective(card, pipeline.scheduler, device)
    pipeline.scheduler = make_scheduler(card, pipeline.scheduler.config)
    architecture = ARCHITECTURES[card.family]
    return Base(card, folder, pipeline, architecture, device, dtype, objective)


def make_scheduler(card: BaseCard, config: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Return the scheduler that the endpoint draws with where a request names none.

    Raises:
        TrainingError: ``base_mismatch``; the endpoint would refuse every request without one.
    """
    inference, samplers = card.inference, ABILITIES[card.family].samplers
    sampler = samplers.get(inference.scheduler)
    if sampler is None:
        message = f"base.json: no base of family {card.family} draws with {inference.scheduler}"
        raise TrainingError("base_mismatch", message)
    if sampler.max_steps is not None and inference.num_inference_steps > sampler.max_steps:
        message = f"base.json: {inference.scheduler} takes at most {sampler.max_steps} steps"
        raise TrainingError("base_mismatch", message)
    scheduler = getattr(diffusers, sampler.scheduler)
    return scheduler.from_config(without_clipping(config), **arguments_of(sampler))
