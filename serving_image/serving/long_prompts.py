"""Encodes prompts of more than CLIP's 75 tokens in chunks, whose embeddings are concatenated.

CLIP reads 77 tokens, of which the first and the last are its own. A longer text is split after each
75 tokens, and each chunk is encoded as a text of its own, as AUTOMATIC1111 does (but chunks are not
moved to a comma). The pooled embedding is the first chunk's.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

Chunks = list[list[int]]
"""Token ids of a text by chunk, without CLIP's own tokens."""


def count_chunks(tokenizer: Any, *texts: str | None) -> int:  # noqa: ANN401
    """Return how many chunks the longest text needs, at least 1."""
    return max(len(split(tokenizer, text or "")) for text in texts)


def split(tokenizer: Any, text: str) -> Chunks:  # noqa: ANN401
    """Split a text's tokens into chunks; an empty text is one empty chunk."""
    ids = tokenizer(text, add_special_tokens=False).input_ids
    size = tokenizer.model_max_length - 2
    return [ids[start : start + size] for start in range(0, len(ids), size)] or [[]]


def encode_prompts(
    pipeline: Any,  # noqa: ANN401
    prompts: Sequence[str],
    negative_prompts: Sequence[str] | None,
    chunks: int,
) -> dict[str, Tensor]:
    """Return the pipeline's arguments in place of its prompts.

    ``negative_prompts`` is None where the pipeline needs none, or fills them with zeros.
    Embeddings are (rows, chunks * 77, width), pooled ones (rows, width).
    """
    arguments = encode(pipeline, prompts, chunks)
    if negative_prompts is not None:
        negative = encode(pipeline, negative_prompts, chunks)
        arguments |= {f"negative_{name}": tensor for name, tensor in negative.items()}
    return arguments


def encode(pipeline: Any, texts: Sequence[str], chunks: int) -> dict[str, Tensor]:  # noqa: ANN401
    """Encode the texts with every text encoder; shorter texts get empty chunks."""
    if getattr(pipeline, "text_encoder_2", None) is None:
        ids = make_ids(pipeline.tokenizer, texts, chunks)
        parts = [pipeline.text_encoder(part.to(pipeline.device))[0] for part in ids]
        return {"prompt_embeds": torch.cat(parts, dim=1)}
    sides = []
    for tokenizer, encoder in (
        (pipeline.tokenizer, pipeline.text_encoder),
        (pipeline.tokenizer_2, pipeline.text_encoder_2),
    ):
        ids = make_ids(tokenizer, texts, chunks)
        outputs = [encoder(part.to(pipeline.device), output_hidden_states=True) for part in ids]
        sides.append(torch.cat([output.hidden_states[-2] for output in outputs], dim=1))
    return {"prompt_embeds": torch.cat(sides, dim=-1), "pooled_prompt_embeds": outputs[0][0]}


def make_ids(tokenizer: Any, texts: Sequence[str], chunks: int) -> Tensor:  # noqa: ANN401
    """Return token ids, (chunks, rows, 77), each chunk between CLIP's own tokens and padded."""
    rows = [split(tokenizer, text) for text in texts]
    padded = [row + [[]] * (chunks - len(row)) for row in rows]
    return torch.tensor(
        [[frame(tokenizer, row[index]) for row in padded] for index in range(chunks)]
    )


def frame(tokenizer: Any, ids: list[int]) -> list[int]:  # noqa: ANN401
    """Return one chunk as the tokenizer returns a text of these tokens."""
    framed = [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id]
    return framed + [tokenizer.pad_token_id] * (tokenizer.model_max_length - len(framed))
