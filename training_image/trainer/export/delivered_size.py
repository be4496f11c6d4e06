"""Whether the adapter of a training is small enough to be published; known before it begins."""

from peft.tuners.lokr.layer import factorization
from torch import nn

from contracts.shared.weights.adapter_size import fitting_rank, is_too_large, size_of
from contracts.shared.weights.families import TEXT_TARGETS
from contracts.shared.weights.lora_names import is_of_text
from trainer.config.recipe import Recipe
from trainer.process.results import TrainingError

Networks = dict[str, nn.Module]


def refuse_too_large(networks: Networks, recipe: Recipe) -> None:
    """Refuse a training whose adapter would be too large to be published.

    Args:
        networks: those that get an adapter, by name; no adapter is attached yet.
        recipe: of the training.

    Raises:
        TrainingError: ``adapter_too_large``, with the largest rank that fits.
    """
    values = sum(delivered_values(network, name, recipe) for name, network in networks.items())
    if is_too_large(values):
        message = (
            f"the adapter would have {size_of(values) >> 20} MiB; rank "
            f"{fitting_rank(recipe.rank, values)} fits with these layers"
        )
        raise TrainingError("adapter_too_large", message)


def delivered_values(network: nn.Module, name: str, recipe: Recipe) -> int:
    """Return the values in the delivered file of one network's adapter."""
    targets = TEXT_TARGETS if is_of_text(name) else recipe.target_modules
    endings = tuple(f".{target}" for target in targets)
    layers = [
        (module.out_features, module.in_features)
        for path, module in network.named_modules()
        if f".{path}".endswith(endings) and isinstance(module, nn.Linear)
    ]
    rank = recipe.rank_of(name)
    if recipe.adapter_type == "lokr":
        rank *= max((small_side(layer, recipe.decompose_factor) for layer in layers), default=1)
    with_lengths = recipe.use_dora and not is_of_text(name)
    return sum(rank * sum(layer) + layer[0] * with_lengths for layer in layers)


def small_side(layer: tuple[int, int], factor: int) -> int:
    """Return the smaller side of LoKr's first matrix: the factor on the rank as plain pairs."""
    return min(int(factorization(side, factor)[0]) for side in layer)
