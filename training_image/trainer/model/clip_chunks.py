"""Encodes prompts of several chunks, or with weights, as the endpoint does.

Each chunk (contracts.shared.words.chunks) is encoded as a text of its own. The pooled text is the
first chunk's. The hidden states of a chunk are multiplied by its tokens' weights, and then scaled
so that their mean is as before (``scale_of``). The server's ``bases/clip_text.py`` does the same;
``tests/smoke/test_gate_and_endpoint.py`` compares the two.

B prompts, C chunks, D the width of a token's hidden state, P the width of the pooled text.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from contracts.shared.words.chunks import ClipTokens, make_chunks, scale_of
from contracts.shared.words.prompt_weights import WeightedPrompt, literal


def encode_guided(
    pipeline: DiffusionPipeline, prompts: Sequence[WeightedPrompt], chunks: int, *, guided: bool
) -> dict[str, Tensor]:
    """Return the pipeline's arguments for prompts and, with guidance, for the empty prompt.

    Args:
        pipeline: a Stable Diffusion or SDXL pipeline.
        prompts: a row each.
        chunks: of the longest prompt.
        guided: whether the pipeline needs the empty prompt too.
    """
    found = encode_chunks(pipeline, prompts, chunks)
    if not guided:
        return found
    if pipeline.config.get("force_zeros_for_empty_prompt", False):
        empty = {name: torch.zeros_like(tensor) for name, tensor in found.items()}
    else:
        one = encode_chunks(pipeline, [literal("")], chunks)
        empty = {name: torch.cat([tensor] * len(prompts)) for name, tensor in one.items()}
    return found | {f"negative_{name}": tensor for name, tensor in empty.items()}


def encode_chunks(
    pipeline: DiffusionPipeline, prompts: Sequence[WeightedPrompt], chunks: int
) -> dict[str, Tensor]:
    """Return the hidden states (B, C * 77, D), and of SDXL the pooled text (B, P)."""
    if getattr(pipeline, "text_encoder_2", None) is None:
        hidden, _ = read_chunks(pipeline.tokenizer, pipeline.text_encoder, prompts, chunks)
        return {"prompt_embeds": hidden}
    first, _ = read_chunks(pipeline.tokenizer, pipeline.text_encoder, prompts, chunks, layer=-2)
    second, pooled = read_chunks(
        pipeline.tokenizer_2, pipeline.text_encoder_2, prompts, chunks, layer=-2
    )
    both = torch.cat([first, second], dim=-1)
    return {"prompt_embeds": both, "pooled_prompt_embeds": pooled}


def read_chunks(
    tokenizer: Any,  # noqa: ANN401 - mypy runs without transformers
    encoder: Any,  # noqa: ANN401
    prompts: Sequence[WeightedPrompt],
    chunks: int,
    layer: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return one text encoder's hidden states, and its first output for the first chunk.

    ``layer`` is the hidden state that is taken; None: the last one, after the final norm.
    """
    hidden, pooled = [], []
    for chunk in make_chunks(prompts, ClipTokens.of(tokenizer), chunks):
        ids = torch.tensor([[token.id for token in row] for row in chunk])
        weights = torch.tensor([[token.weight for token in row] for row in chunk])
        output = encoder(ids.to(encoder.device), output_hidden_states=True)
        states = output.last_hidden_state if layer is None else output.hidden_states[layer]
        hidden.append(weigh(states, weights))
        pooled.append(output[0])
    return torch.cat(hidden, dim=1), pooled[0]


def weigh(states: Tensor, weights: Tensor) -> Tensor:
    """Multiply a chunk's hidden states by its tokens' weights; each row keeps its mean if it can.

    Args:
        states: (B, 77, D)
        weights: (B, 77)
    """
    if bool((weights == 1).all()):
        return states
    wide = states.float()
    weighed = wide * weights.to(wide.device)[..., None]
    means = [rows.mean(dim=(1, 2)).tolist() for rows in (wide, weighed, wide.abs())]
    scales = [scale_of(*of_row) for of_row in zip(*means, strict=True)]
    return (weighed * weighed.new_tensor(scales)[:, None, None]).to(states.dtype)
