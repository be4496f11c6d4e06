"""The differences between the architectures of Stable Diffusion.

B prompts, T tokens, D the width that the UNet attends to, P the width of the pooled text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

import torch
from diffusers import DiffusionPipeline
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from contracts.base import Architecture as FamilyName

TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
"""The layers of a CLIP text encoder that get an adapter."""


@dataclass(frozen=True)
class EncodedPrompts:
    """The text encoders' output for B prompts."""

    hidden: Tensor
    """(B, T, D), the hidden states."""

    pooled: Tensor | None
    """(B, P), the pooled text; None but for SDXL."""

    cache_rows: Tensor | None = None
    """(B,) int64: the rows of the prompts in ``fused_lora``'s cache of keys and values."""

    def rows(self, indices: Tensor) -> "EncodedPrompts":
        """Return the prompts at ``indices`` (N,) int64, in that order."""
        pooled = None if self.pooled is None else self.pooled[indices]
        cache_rows = None if self.cache_rows is None else self.cache_rows[indices]
        return EncodedPrompts(self.hidden[indices], pooled, cache_rows)

    @classmethod
    def join(cls, parts: Sequence["EncodedPrompts"]) -> "EncodedPrompts":
        """Return the prompts of all parts, one part after the other."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        cache_rows = [part.cache_rows for part in parts if part.cache_rows is not None]
        return cls(
            torch.cat([part.hidden for part in parts]),
            torch.cat(pooled) if pooled else None,
            torch.cat(cache_rows) if cache_rows else None,
        )


PromptEmbeds: TypeAlias = dict[str, Tensor]
"""Keyword arguments of a pipeline that replace the prompts: ``prompt_embeds`` and the like."""


class Architecture(Protocol):
    """The parts of a base that differ between architectures."""

    text_encoders: ClassVar[tuple[str, ...]]
    """The names of the text encoders in the pipeline; each name prefixes keys of an adapter file.
    """

    def encode(self, pipeline: DiffusionPipeline, prompts: list[str]) -> EncodedPrompts:
        """Encode prompts for training; the autograd graph is kept for trained text encoders."""
        ...

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Encode prompts for sampling, as the pipeline itself does."""
        ...

    def added_conditions(self, text: EncodedPrompts, time_ids: Tensor) -> dict[str, Any]:
        """Return the UNet's further keyword arguments.

        Args:
            text: the prompt of each of B images.
            time_ids: (B, 6), pixels: height and width before resizing, top and left of the crop,
                height and width of the image.
        """
        ...


class StableDiffusion:
    """SD 1.x and 2.x: one text encoder, whose last layer the UNet attends to."""

    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder",)

    def encode(self, pipeline: DiffusionPipeline, prompts: list[str]) -> EncodedPrompts:
        """Return the last hidden state, after the final layer norm."""
        ids = tokenize(pipeline.tokenizer, prompts, pipeline.text_encoder.device)
        return EncodedPrompts(pipeline.text_encoder(ids)[0], None)

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Return the hidden states of the prompts and of the empty prompt."""
        names = ("prompt_embeds", "negative_prompt_embeds")
        return _encode_prompt(pipeline, prompts, names, guided=guided)

    def added_conditions(self, text: EncodedPrompts, time_ids: Tensor) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: the UNet of SD 1 and 2 takes no further conditions."""
        return {}


class StableDiffusionXL:
    """SDXL: two text encoders, the pooled text, and the size of the image."""

    text_encoders: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")

    def encode(self, pipeline: DiffusionPipeline, prompts: list[str]) -> EncodedPrompts:
        """Return both last-but-one hidden states, and the second encoder's pooled text."""
        first = tokenize(pipeline.tokenizer, prompts, pipeline.text_encoder.device)
        second = tokenize(pipeline.tokenizer_2, prompts, pipeline.text_encoder_2.device)
        one = pipeline.text_encoder(first, output_hidden_states=True)
        two = pipeline.text_encoder_2(second, output_hidden_states=True)
        return EncodedPrompts(
            torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1), two[0]
        )

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Return hidden states and pooled texts of the prompts and of the empty prompt."""
        both = ("prompt_embeds", "negative_prompt_embeds")
        names = (*both, *(name.replace("prompt", "pooled_prompt") for name in both))
        return _encode_prompt(pipeline, prompts, names, guided=guided)

    def added_conditions(self, text: EncodedPrompts, time_ids: Tensor) -> dict[str, Any]:
        """Return the pooled text and the time ids, in the network's type as diffusers does."""
        ids = time_ids.to(text.hidden.device, text.hidden.dtype)
        return {"added_cond_kwargs": {"text_embeds": text.pooled, "time_ids": ids}}


ARCHITECTURES: dict[FamilyName, Architecture] = {
    "sd1": StableDiffusion(),
    "sd2": StableDiffusion(),
    "sdxl": StableDiffusionXL(),
}


def _encode_prompt(
    pipeline: DiffusionPipeline, prompts: list[str], names: tuple[str, ...], *, guided: bool
) -> PromptEmbeds:
    """Return the outputs of ``encode_prompt`` by the names that the pipeline takes them under."""
    with torch.no_grad():
        answers = pipeline.encode_prompt(
            prompt=prompts,
            device=pipeline.text_encoder.device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
    given = zip(names, answers, strict=True)
    return {name: answer.cpu() for name, answer in given if answer is not None}


def tokenize(
    tokenizer: PreTrainedTokenizerBase, prompts: list[str], device: torch.device
) -> Tensor:
    """Return token ids, (B, T) int64, truncated or padded to the encoder's length."""
    encoded = tokenizer(
        prompts,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    ids: Tensor = encoded.input_ids.to(device)
    return ids
