"""Encodes prompts that diffusers' pipelines do not: with weights, of more than CLIP's 75 tokens.

contracts.shared.words.clip_encoding has the rule, which the trainer's gate follows too.
"""

import copy
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from contracts.shared.words.chunks import ClipTokens, chunks_problem, count_chunks
from contracts.shared.words.clip_encoding import encode_prompts
from contracts.shared.words.prompt_weights import WeightedPrompt, literal
from serving.picture_error import PictureError
from serving.rows import Row


class ClipText:
    """Reads rows' prompts with the text encoders of one base."""

    def __init__(
        self,
        pipeline: Any,  # noqa: ANN401 (diffusers ships no types)
        *,
        has_pooled: bool,
    ) -> None:
        """Make a reader.

        Args:
            pipeline: the base's.
            has_pooled: whether the pipeline encodes a prompt as SDXL's does.
        """
        self.pipeline, self.has_pooled = pipeline, has_pooled
        self.counter, self.counting = copy.deepcopy(pipeline.tokenizer), Lock()

    def check(self, row: Row) -> None:
        """Raise if the text encoders have too few layers for a row."""
        check_clip_skip(self.pipeline, row.clip_skip)

    def check_chunks(self, chunks: int) -> int:
        """Return the number of chunks of a row's longer prompt.

        Raises:
            PictureError: there are too many.
        """
        problem = chunks_problem(chunks, ClipTokens.of(self.pipeline.tokenizer).text_length)
        if problem is not None:
            raise PictureError("invalid_argument", f"prompt, negative_prompt: {problem}")
        return chunks

    def count_chunks(self, row: Row) -> int:
        """Return the number of chunks in the longer of a row's prompts.

        Any thread may call it: a tokenizer serves one thread at a time, so this one is a copy.
        """
        prompts = [row.read(row.prompt), row.read(row.negative_prompt or "")]
        with self.counting:
            return count_chunks(ClipTokens.of(self.counter), *prompts)

    def encode(
        self,
        row: Row,
        pipeline: Any,  # noqa: ANN401 (diffusers ships no types)
        *,
        guided: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Return a row's encoded prompts and SDXL's pooled ones; with guidance the negative first.

        Both are (entries, ...), on the device. ``pipeline`` is the base's or its refiner's.
        """
        device = self.pipeline.device
        encoded = pipeline.encode_prompt(
            **self.texts_of(row, pipeline, guided=guided),
            device=device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=guided,
        )
        text = torch.cat([encoded[1], encoded[0]]) if guided else encoded[0]
        if not self.has_pooled:
            return text, None
        pooled = torch.cat([encoded[3], encoded[2]]) if guided else encoded[2]
        return text, pooled.to(device)

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
        encoded = encode_pair(pipeline, prompt, negative, chunks, row.clip_skip)
        return {"prompt": None, **encoded}


def check_clip_skip(pipeline: Any, clip_skip: int | None) -> None:  # noqa: ANN401
    """Raise if a base's text encoders have too few layers for ``clip_skip``."""
    skipped_already = 0 if getattr(pipeline, "text_encoder_2", None) is None else 1
    encoders = [pipeline.text_encoder, getattr(pipeline, "text_encoder_2", None)]
    layers = min(one.config.num_hidden_layers for one in encoders if one is not None)
    most = layers - skipped_already
    if clip_skip is not None and clip_skip > most:
        message = f"clip_skip: at most {most} with this base"
        raise PictureError("invalid_argument", message)


def encode_pair(
    pipeline: Any,  # noqa: ANN401
    prompt: WeightedPrompt,
    negative_prompt: WeightedPrompt | None,
    chunks: int,
    clip_skip: int | None = None,
) -> dict[str, Tensor]:
    """Return the pipeline's arguments in place of its prompts.

    ``negative_prompt`` is None where the pipeline needs none, or fills it with zeros. Embeddings
    are (1, chunks * 77, width), pooled ones (1, width).
    """
    arguments = encode_prompts(torch, pipeline, [prompt], chunks, clip_skip)
    if negative_prompt is not None:
        negative = encode_prompts(torch, pipeline, [negative_prompt], chunks, clip_skip)
        arguments |= {f"negative_{name}": tensor for name, tensor in negative.items()}
    return arguments
