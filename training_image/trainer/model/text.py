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

from contracts.shared.words.chunks import ClipTokens, count_chunks
from contracts.shared.words.prompt_limits import PromptReader
from contracts.shared.words.prompt_weights import WeightedPrompt
from trainer.model.clip_chunks import encode_guided

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

    def caption_embeds(
        self, pipeline: DiffusionPipeline, captions: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Encode captions for sampling, as the pipeline itself does: a long one is cut off."""
        ...

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[WeightedPrompt], *, guided: bool
    ) -> PromptEmbeds:
        """Encode prompts for sampling, as the endpoint does. All have equally many chunks."""
        ...

    def count_chunks(self, pipeline: DiffusionPipeline, prompt: WeightedPrompt) -> int:
        """Return the length of a prompt, in the unit by which prompts share a pass."""
        ...

    def reader(self, pipeline: DiffusionPipeline) -> PromptReader:
        """Return what tells how long a prompt is."""
        ...


class ClipPrompts:
    """CLIP's prompts: in chunks of 75 tokens, with weights."""

    embeds: ClassVar[tuple[str, ...]]
    """What the outputs of the pipeline's ``encode_prompt`` are called as its arguments."""

    def caption_embeds(
        self, pipeline: DiffusionPipeline, captions: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Return the outputs of ``encode_prompt`` for captions and the empty prompt."""
        return _encode_prompt(pipeline, captions, self.embeds, guided=guided)

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[WeightedPrompt], *, guided: bool
    ) -> PromptEmbeds:
        """Return the same for prompts, some of which the pipeline itself cannot read."""
        chunks = self.count_chunks(pipeline, prompts[0])
        plain = [prompt.plain for prompt in prompts]
        if chunks == 1 and None not in plain:
            captions = [text for text in plain if text is not None]
            return self.caption_embeds(pipeline, captions, guided=guided)
        with torch.no_grad():
            return _on_cpu_all(encode_guided(pipeline, prompts, chunks, guided=guided))

    def count_chunks(self, pipeline: DiffusionPipeline, prompt: WeightedPrompt) -> int:
        """Return the number of a prompt's chunks."""
        return count_chunks(ClipTokens.of(pipeline.tokenizer), prompt)

    def reader(self, pipeline: DiffusionPipeline) -> PromptReader:
        """Return what counts a text's tokens, without CLIP's own."""
        clip = ClipTokens.of(pipeline.tokenizer)
        return PromptReader(lambda text: len(clip.tokenize(text)), clip.text_length)


class ClipText(ClipPrompts):
    """SD 1.x and 2.x: one text encoder, whose last layer the UNet attends to."""

    networks: ClassVar[tuple[str, ...]] = ("text_encoder",)
    embeds = ("prompt_embeds", "negative_prompt_embeds")

    def encode(self, pipeline: DiffusionPipeline, prompts: list[str]) -> EncodedPrompts:
        """Return the last hidden state, after the final layer norm."""
        ids = tokenize(pipeline.tokenizer, prompts, pipeline.text_encoder.device)
        return EncodedPrompts(pipeline.text_encoder(ids)[0], None)


class TwoClipTexts(ClipPrompts):
    """SDXL: two text encoders, and the pooled text of the second."""

    networks: ClassVar[tuple[str, ...]] = ("text_encoder", "text_encoder_2")
    embeds = (
        *ClipText.embeds,
        *(name.replace("prompt", "pooled_prompt") for name in ClipText.embeds),
    )

    def encode(self, pipeline: DiffusionPipeline, prompts: list[str]) -> EncodedPrompts:
        """Return both last-but-one hidden states, and the second encoder's pooled text."""
        first = tokenize(pipeline.tokenizer, prompts, pipeline.text_encoder.device)
        second = tokenize(pipeline.tokenizer_2, prompts, pipeline.text_encoder_2.device)
        one = pipeline.text_encoder(first, output_hidden_states=True)
        two = pipeline.text_encoder_2(second, output_hidden_states=True)
        return EncodedPrompts(
            torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1), two[0]
        )


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

    def caption_embeds(
        self, pipeline: DiffusionPipeline, captions: list[str], *, guided: bool
    ) -> PromptEmbeds:
        """Return the hidden states of the captions and, for guidance, of the empty prompt."""
        found: PromptEmbeds = {"prompt_embeds": _on_cpu(_read_by_pipeline(pipeline, captions))}
        if guided:
            empty = _on_cpu(_read_by_pipeline(pipeline, [""]))
            found["negative_prompt_embeds"] = empty * len(captions)
        return found

    def prompt_embeds(
        self, pipeline: DiffusionPipeline, prompts: list[WeightedPrompt], *, guided: bool
    ) -> PromptEmbeds:
        """Return the same for prompts: brackets are text, and nothing has a weight."""
        return self.caption_embeds(pipeline, [one.words for one in prompts], guided=guided)

    def count_chunks(self, pipeline: DiffusionPipeline, prompt: WeightedPrompt) -> int:  # noqa: ARG002
        """Return 1: prompts share a pass whatever their length."""
        return 1

    def reader(self, pipeline: DiffusionPipeline) -> PromptReader:
        """Return what counts a prompt's tokens, with the words of the chat around it."""
        return PromptReader(lambda text: _count_chat(pipeline.tokenizer, text))


def _count_chat(tokenizer: PreTrainedTokenizerBase, text: str) -> int:
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}],
        tokenize=False,
        add_generation_prompt=True,
        enable_thinking=True,
    )
    return len(tokenizer(chat).input_ids)


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


def _on_cpu_all(found: dict[str, Tensor]) -> PromptEmbeds:
    return {name: tensor.cpu() for name, tensor in found.items()}


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
