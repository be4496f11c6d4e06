"""How each family reads prompts: its text encoders, in training and in sampling.

B prompts, T tokens, D the width of a token's hidden state, P the width of the pooled text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

import torch
from diffusers import DiffusionPipeline
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedTokenizerBase

TEXT_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
"""The layers of a CLIP text encoder that get an adapter."""

PROMPTS_AT_ONCE = 8
"""Prompts that a language model encodes in one pass; each has 512 places."""


@dataclass(frozen=True)
class EncodedPrompts:
    """The text encoders' output for B prompts."""

    hidden: Tensor
    """(B, T, D), the hidden states; shorter prompts are filled up with zeros at their ends."""

    pooled: Tensor | None
    """(B, P), the pooled text; None but for SDXL."""

    cache_rows: Tensor | None = None
    """(B,) int64: the rows of the prompts in ``fused_lora``'s cache of keys and values."""

    lengths: Tensor | None = None
    """(B,) int64 on the CPU: the tokens of each prompt; None where all prompts have T."""

    def rows(self, indices: Tensor) -> "EncodedPrompts":
        """Return the prompts at ``indices`` (N,) int64, in that order."""
        pooled = None if self.pooled is None else self.pooled[indices]
        cache_rows = None if self.cache_rows is None else self.cache_rows[indices]
        lengths = None if self.lengths is None else self.lengths[indices.cpu()]
        return EncodedPrompts(self.hidden[indices], pooled, cache_rows, lengths)

    @classmethod
    def join(cls, parts: Sequence["EncodedPrompts"]) -> "EncodedPrompts":
        """Return the prompts of all parts, one part after the other."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        cache_rows = [part.cache_rows for part in parts if part.cache_rows is not None]
        lengths = [part.lengths for part in parts if part.lengths is not None]
        longest = max(part.hidden.shape[1] for part in parts)
        return cls(
            torch.cat([_filled(part.hidden, longest) for part in parts]),
            torch.cat(pooled) if pooled else None,
            torch.cat(cache_rows) if cache_rows else None,
            torch.cat(lengths) if lengths else None,
        )

    def unpadded(self) -> list[Tensor]:
        """Return the hidden states of each prompt's own tokens, (tokens, D) each."""
        if self.lengths is None:
            return list(self.hidden)
        each = zip(self.hidden, self.lengths.tolist(), strict=True)
        return [row[:length] for row, length in each]

    def tensors(self) -> dict[str, Tensor]:
        """Return what a file keeps of the prompts, by name; ``of_tensors`` reads it."""
        found = {"hidden": self.hidden, "pooled": self.pooled, "lengths": self.lengths}
        return {
            name: (tensor.float() if tensor.is_floating_point() else tensor).cpu().contiguous()
            for name, tensor in found.items()
            if tensor is not None
        }

    @classmethod
    def of_tensors(
        cls, tensors: dict[str, Tensor], device: torch.device, dtype: torch.dtype
    ) -> "EncodedPrompts":
        """Return the prompts that ``tensors`` wrote, on a device and in a type."""
        pooled = tensors.get("pooled")
        return cls(
            tensors["hidden"].to(device, dtype),
            None if pooled is None else pooled.to(device, dtype),
            lengths=tensors.get("lengths"),
        )


def _filled(hidden: Tensor, tokens: int) -> Tensor:
    """Return hidden states (B, T, D) with ``tokens`` tokens; those that are added are zeros."""
    missing = tokens - hidden.shape[1]
    return pad(hidden, (0, 0, 0, missing)) if missing else hidden


PromptEmbeds: TypeAlias = dict[str, Tensor | list[Tensor]]
"""Keyword arguments of a pipeline that replace the prompts: ``prompt_embeds`` and the like."""


class TextEncoding(Protocol):
    """How a family reads prompts."""

    networks: ClassVar[tuple[str, ...]]
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


class ClipText:
    """SD 1.x and 2.x: one text encoder, whose last layer the UNet attends to."""

    networks: ClassVar[tuple[str, ...]] = ("text_encoder",)

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


class TwoClipTexts:
    """SDXL: two text encoders, and the pooled text of the second."""

    networks: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")

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


class QwenText:
    """Z-Image: a language model, whose last layer but one the transformer attends to.

    A prompt has as many tokens as its words take: nothing is padded.
    """

    networks: ClassVar[tuple[str, ...]] = ("text_encoder",)

    def encode(self, pipeline: DiffusionPipeline, prompts: list[str]) -> EncodedPrompts:
        """Return the hidden states as the pipeline's own ``encode_prompt`` gives them."""
        states = _read_by_pipeline(pipeline, prompts)
        lengths = torch.tensor([len(state) for state in states])
        return EncodedPrompts(pad_sequence(states, batch_first=True), None, lengths=lengths)

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Return the hidden states of the prompts and, for guidance, of the empty prompt."""
        found: PromptEmbeds = {"prompt_embeds": _on_cpu(_read_by_pipeline(pipeline, prompts))}
        if guided:
            empty = _on_cpu(_read_by_pipeline(pipeline, [""]))
            found["negative_prompt_embeds"] = empty * len(prompts)
        return found


def _read_by_pipeline(pipeline: DiffusionPipeline, prompts: list[str]) -> list[Tensor]:
    """Return the hidden states of each prompt, (tokens, D) each."""
    states: list[Tensor] = []
    with torch.no_grad():
        for first in range(0, len(prompts), PROMPTS_AT_ONCE):
            few = prompts[first : first + PROMPTS_AT_ONCE]  # a copy: the pipeline writes in it
            own, _ = pipeline.encode_prompt(
                prompt=few,
                device=pipeline.text_encoder.device,
                do_classifier_free_guidance=False,
            )
            states += own
    return states


def _on_cpu(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.cpu() for tensor in tensors]


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
