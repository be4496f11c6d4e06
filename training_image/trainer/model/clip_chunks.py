"""Encodes the gate's prompts of several chunks, or with weights, and the empty prompt beside them.

contracts.shared.words.clip_encoding has the rule; ``tests/smoke/test_gate_and_endpoint.py``
compares the result with the endpoint's.
"""

from collections.abc import Sequence

import torch
from diffusers import DiffusionPipeline
from torch import Tensor

from contracts.shared.words.clip_encoding import encode_prompts
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
    found = encode_prompts(torch, pipeline, prompts, chunks)
    if not guided:
        return found
    if pipeline.config.get("force_zeros_for_empty_prompt", False):
        empty = {name: torch.zeros_like(tensor) for name, tensor in found.items()}
    else:
        one = encode_prompts(torch, pipeline, [literal("")], chunks)
        empty = {name: torch.cat([tensor] * len(prompts)) for name, tensor in one.items()}
    return found | {f"negative_{name}": tensor for name, tensor in empty.items()}
