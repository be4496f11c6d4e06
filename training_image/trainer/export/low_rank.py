"""LoKr as plain LoRA pairs: the Kronecker product of a small and a low-rank matrix has low rank.

kron(W1, U V) = kron(W1, U) kron(I, V). With W1 of (a, b), U of (c, r) and V of (r, d) that is a
LoRA of rank min(a, b) x r with the same change of the layer. So every tool and the endpoint can
load it.
"""

from collections import defaultdict
from dataclasses import replace

from torch import Tensor, nn

from contracts.shared.weights.lora_names import is_of_text
from trainer.config.recipe import Recipe
from trainer.export.foreign import lokr

Weights = dict[str, Tensor]


def as_low_rank(weights: Weights, recipe: Recipe) -> tuple[Weights, Recipe]:
    """Return the weights as LoRA pairs, and the recipe with the ranks and alphas of these pairs.

    The pairs of one network have one rank: shorter ones are filled with zeros.
    """
    if recipe.adapter_type == "lora":
        return weights, recipe
    layers: dict[str, Weights] = defaultdict(dict)
    for key, tensor in weights.items():
        layer, _, part = key.rpartition(".")
        layers[layer][part] = tensor
    pairs = {layer: lora_pair(parts) for layer, parts in layers.items()}
    own = max_rank(pairs, of_text=False)
    encoders = max_rank(pairs, of_text=True)
    plain = replace(
        recipe,
        adapter_type="lora",
        rank=own,
        alpha=recipe.alpha * own / recipe.rank,
        text_encoder_rank=encoders or recipe.text_encoder_rank,
        text_encoder_alpha=(
            recipe.alpha_of("text_encoder") * encoders / recipe.rank_of("text_encoder")
            if encoders
            else recipe.text_encoder_alpha
        ),
    )
    tensors = {}
    for layer, (down, up) in pairs.items():
        missing = plain.rank_of(layer.split(".", 1)[0]) - len(down)
        tensors[f"{layer}.lora_A.weight"] = nn.functional.pad(down, (0, 0, 0, missing))
        tensors[f"{layer}.lora_B.weight"] = nn.functional.pad(up, (0, missing))
    return tensors, plain


def lora_pair(parts: Weights) -> tuple[Tensor, Tensor]:
    """Return A (rank, in) and B (out, rank) of one LoKr layer; B @ A is its Kronecker product."""
    pair = lokr(parts)
    return pair.down, pair.up


def max_rank(pairs: dict[str, tuple[Tensor, Tensor]], *, of_text: bool) -> int:
    """Return the largest rank of the text encoders' layers, or of the others; 0 without any."""
    return max(
        (len(down) for name, (down, _) in pairs.items() if is_of_text(name) is of_text), default=0
    )
