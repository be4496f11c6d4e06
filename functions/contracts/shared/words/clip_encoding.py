"""Encodes prompts of several of CLIP's chunks, or with weights: one rule for gate and endpoint.

Each chunk (contracts.shared.words.chunks) is encoded as a text of its own. The pooled text is the
first chunk's. The hidden states of a chunk are multiplied by its tokens' weights, and then scaled
so that their mean is as before (``scale_of``).

B prompts, C chunks, D the width of a token's hidden state, P the width of the pooled text. A Lambda
function has no torch, so this module gets it as an argument and imports nothing of it
(docs/decisions/0058-torch-is-an-argument-of-contracts.md).
"""

from collections.abc import Callable, Sequence
from typing import Any

from contracts.shared.words.chunks import ClipTokens, make_chunks, scale_of
from contracts.shared.words.prompt_weights import WeightedPrompt


def encode_prompts(
    torch: Any,  # noqa: ANN401 - a module
    pipeline: Any,  # noqa: ANN401 - mypy runs without diffusers
    prompts: Sequence[WeightedPrompt],
    chunks: int,
    clip_skip: int | None = None,
) -> dict[str, Any]:
    """Return the hidden states (B, C * 77, D), and of SDXL the pooled text (B, P).

    Args:
        torch: the module.
        pipeline: a Stable Diffusion or SDXL pipeline, or SDXL's refiner.
        prompts: a row each; shorter ones get empty chunks.
        chunks: of the longest prompt.
        clip_skip: number of the text encoders' last layers that are left out, as diffusers counts.
    """
    skipped = clip_skip or 0
    if getattr(pipeline, "text_encoder_2", None) is None:
        encoder = pipeline.text_encoder

        def normed(output: Any) -> Any:  # noqa: ANN401
            if not skipped:
                return output.last_hidden_state
            return final_norm(encoder)(output.hidden_states[-(skipped + 1)])

        hidden, _ = read_chunks(torch, (pipeline.tokenizer, encoder), prompts, chunks, normed)
        return {"prompt_embeds": hidden}
    pairs = [
        (pipeline.tokenizer, pipeline.text_encoder),
        (pipeline.tokenizer_2, pipeline.text_encoder_2),
    ]
    of_each = [
        read_chunks(torch, pair, prompts, chunks, lambda out: out.hidden_states[-(skipped + 2)])
        for pair in pairs
        if pair[1] is not None  # the refiner has the second encoder alone
    ]
    both = torch.cat([hidden for hidden, _ in of_each], dim=-1)
    return {"prompt_embeds": both, "pooled_prompt_embeds": of_each[-1][1]}


def read_chunks(
    torch: Any,  # noqa: ANN401
    pair: tuple[Any, Any],
    prompts: Sequence[WeightedPrompt],
    chunks: int,
    states_of: Callable[[Any], Any],
) -> tuple[Any, Any]:
    """Return one text encoder's hidden states, and its first output for the first chunk.

    Args:
        torch: the module.
        pair: the tokenizer and the text encoder.
        prompts: a row each.
        chunks: of the longest prompt.
        states_of: returns the hidden states (B, 77, D) that are taken of the encoder's output.
    """
    tokenizer, encoder = pair
    hidden, pooled = [], []
    for chunk in make_chunks(prompts, ClipTokens.of(tokenizer), chunks):
        ids = torch.tensor([[token.id for token in row] for row in chunk])
        weights = torch.tensor([[token.weight for token in row] for row in chunk])
        output = encoder(ids.to(encoder.device), output_hidden_states=True)
        hidden.append(weigh(states_of(output), weights))
        pooled.append(output[0])
    return torch.cat(hidden, dim=1), pooled[0]


def final_norm(encoder: Any) -> Any:  # noqa: ANN401
    """Return the norm behind a text encoder's last layer, which has two places in transformers."""
    return getattr(encoder, "text_model", encoder).final_layer_norm


def weigh(states: Any, weights: Any) -> Any:  # noqa: ANN401 - tensors of torch
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
