"""The memory that a step of K users keeps for its backward pass, on PyTorch's meta device.

Usage, with the training environment: python -m bench.training.activations
Real architectures with the trainer's own adapters, in bfloat16; nothing is computed, so no GPU and
little memory is needed. Counted is every tensor that autograd saves, weights left out; attention
saves its queries, keys, values and output, as the flash kernels do. These are the figures of
domain/pricing/step_sharing.py (docs/decisions/0029).
"""

import sys
from itertools import product
from typing import Any, NamedTuple

import torch
from diffusers import UNet2DConditionModel, ZImageTransformer2DModel
from diffusers.utils import logging
from torch import Tensor
from torch.nn import functional

from bench.report import Figure, finish
from contracts.base import Architecture
from contracts.shared.weights.families import FAMILIES
from domain.pricing.step_sharing import FOOTPRINTS, GIB
from trainer.config.recipe import Recipe, RecipeSubject
from trainer.model import grouped_lora, lora

RANK = 16
SD21: dict[str, Any] = {
    "sample_size": 64,
    "cross_attention_dim": 1024,
    "attention_head_dim": [5, 10, 20, 20],
    "use_linear_projection": True,
}
SD15: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
SDXL: dict[str, Any] = {
    "sample_size": 128,
    "cross_attention_dim": 2048,
    "attention_head_dim": [5, 10, 20],
    "use_linear_projection": True,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": [1, 2, 10],
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


class Case(NamedTuple):
    """One architecture at the size for which the planner has a figure."""

    name: str
    family: Architecture
    config: dict[str, Any]

    @property
    def side(self) -> int:
        """Side of the pictures in pixels."""
        return FOOTPRINTS[self.family].side


CASES = (
    Case("SD 1.5", "sd1", SD15),
    Case("SD 2.1", "sd2", SD21),
    Case("SDXL", "sdxl", SDXL),
    Case("Z-Image", "zimage", {}),
)
PROMPT_TOKENS = 64
"""Tokens of a caption with Z-Image's chat template, a multiple of 32 as its blocks pad them."""


class FlashAttention(torch.autograd.Function):  # type: ignore[misc] # mypy runs without torch
    """Saves what the flash kernels save."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # noqa: ANN401
        """Save the inputs and the output."""
        out = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, out)
        return out


def flash(query: Tensor, key: Tensor, value: Tensor, **_: object) -> Tensor:
    """Replace scaled_dot_product_attention."""
    answer: Tensor = FlashAttention.apply(query, key, value)
    return answer


def saved_gib(case: Case, users: int, *, checkpointing: bool) -> float:
    """Return GiB that one image's backward pass needs in a step of ``users`` users."""
    with torch.device("meta"):
        kind = ZImageTransformer2DModel if case.family == "zimage" else UNet2DConditionModel
        network = kind(**case.config).to(torch.bfloat16)
        network.requires_grad_(requires_grad=False).train()
        if checkpointing:
            network.enable_gradient_checkpointing()
        grouped_lora.attach(network, FAMILIES[case.family].network, [recipe()] * users)
        known = {weight.untyped_storage()._cdata for weight in network.parameters()}  # noqa: SLF001
        saved: dict[int, Tensor] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()._cdata  # noqa: SLF001
            if storage not in known:
                saved.setdefault(storage, tensor)
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            network(**inputs(case, users))
    total = sum(tensor.untyped_storage().nbytes() for tensor in saved.values())
    return float(total / GIB / users)


def inputs(case: Case, users: int) -> dict[str, Any]:
    """Return the inputs of one image for each user."""
    latents = case.side // 8
    if case.family == "zimage":
        return {
            "x": [empty(16, 1, latents, latents)] * users,
            "t": torch.empty(users),
            "cap_feats": [empty(PROMPT_TOKENS, 2560)] * users,
        }
    width = case.config["cross_attention_dim"]
    more = {"text_embeds": empty(users, 1280), "time_ids": empty(users, 6)}
    return {
        "sample": empty(users, 4, latents, latents),
        "timestep": torch.empty(users, dtype=torch.long),
        "encoder_hidden_states": empty(users, 77, width),
        "added_cond_kwargs": more if case.config is SDXL else None,
    }


def empty(*shape: int) -> Tensor:
    """Return a tensor without content, in bfloat16."""
    return torch.empty(shape, dtype=torch.bfloat16)


def recipe() -> Recipe:
    """Return a recipe with the default target modules."""
    return Recipe(
        job_id="0" * 32,
        seed=0,
        resolution=512,
        steps=1,
        batch_size=1,
        rank=RANK,
        alpha=float(RANK),
        learning_rate=1e-4,
        text_encoder_lr=None,
        target_modules=("to_k", "to_q", "to_v", "to_out.0"),
        subjects=(RecipeSubject("sks", "sks", "a person"),),
        class_images=0,
        prior_loss_weight=1.0,
    )


def main() -> int:
    """Print the table; return 1 when the planner counts with too little."""
    functional.scaled_dot_product_attention = flash
    lora.initial_lora_a = lambda _, shape, *__: torch.empty(shape)
    logging.set_verbosity_error()
    figures = []
    for case, checkpointing, users in product(CASES, (False, True), (1, 2)):
        own = FOOTPRINTS[case.family]
        planned = own.checkpointed_bytes if checkpointing else own.activation_bytes
        how = ", checkpointing" if checkpointing else ""
        name = f"{case.name} at {case.side} px, {users} in a step{how}: an image"
        found = saved_gib(case, users, checkpointing=checkpointing)
        figures.append(Figure(name, found, "GiB", planned / GIB, "less"))
    return finish("activations", figures)


if __name__ == "__main__":
    sys.exit(main())
