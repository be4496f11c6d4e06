"""K users' adapters in one network: row block k of every layer goes through adapter k."""

import torch
from torch import Tensor, nn

from trainer.config.recipe import Recipe
from trainer.model import fused_lora, lora


class GroupedLinear(nn.Module):  # type: ignore[misc] # mypy runs without torch
    """A frozen linear layer with K adapters beside it."""

    def __init__(self, layer: nn.Linear, down: Tensor, scales: Tensor) -> None:
        """Take the initial A of every user, (K, rank, in), and alpha / rank, (K,)."""
        super().__init__()
        self.layer = layer
        self.down = nn.Parameter(down)
        self.up = nn.Parameter(down.new_zeros(len(down), layer.out_features, down.shape[1]))
        self.register_buffer("scales", scales[:, None, None])

    def forward(self, rows: Tensor) -> Tensor:
        """Return the output (K x B, ..., out) of rows (K x B, ..., in)."""
        return fused_lora.fused_linear(rows, [self])

    def lora_parts(self) -> tuple[nn.Linear, Tensor, Tensor, Tensor]:
        """Return the layer, A, B and the scales, as ``fused_lora.LoraLayer`` asks for them."""
        return self.layer, self.down, self.up, self.scales


def attach(network: nn.Module, network_name: str, recipes: list[Recipe]) -> dict[str, nn.Parameter]:
    """Add K adapters to every target layer of the denoising network.

    Returns:
        The stacked weights, each (K, ...), by the names that a single run gives its own.
    """
    rank, targets = recipes[0].rank, recipes[0].target_modules
    weights: dict[str, nn.Parameter] = {}
    for name, layer in list(network.named_modules()):
        if not any(name == target or name.endswith(f".{target}") for target in targets):
            continue
        keys = [f"{network_name}.{name}.lora_{part}.{lora.ADAPTER}.weight" for part in "AB"]
        shape = (rank, layer.in_features)
        down = torch.stack([lora.initial_lora_a(keys[0], shape, rank, r.seed) for r in recipes])
        scales = torch.tensor([r.alpha_of(network_name) / rank for r in recipes])
        grouped = GroupedLinear(layer, down, scales).to(layer.weight.device)
        _replace(network, name, grouped)
        weights |= {keys[0]: grouped.down, keys[1]: grouped.up}
    return weights


def detach(network: nn.Module) -> None:
    """Put the network's own layers back."""
    for name, layer in list(network.named_modules()):
        if isinstance(layer, GroupedLinear):
            _replace(network, name, layer.layer)


def adapter_of(weights: dict[str, nn.Parameter], user: int) -> dict[str, Tensor]:
    """Return a copy of one user's weights, by the names of ``lora.weights``."""
    return {
        lora.file_key(name): weight.detach()[user].float().cpu().clone()
        for name, weight in weights.items()
    }


def _replace(network: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, layer)
