"""LoRA adapters in the base's networks: attach, disable, read, restore, detach.

peft wraps each target layer. The base's own weights are never changed.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers.utils.peft_utils import recurse_remove_peft_layers
from peft import LoKrConfig, LoraConfig, PeftConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from trainer.config.noise import normal
from trainer.process.results import TrainingError

ADAPTER = "default"

Networks = dict[str, nn.Module]
"""The networks that have an adapter, by name: ``unet`` and perhaps text encoders."""


def attach(
    network: nn.Module,
    name: str,
    targets: tuple[str, ...],
    *,
    rank: int,
    alpha: float,
    seed: int,
    dropout: float = 0.0,
    dora: bool = False,
    decompose_factor: int | None = None,
) -> None:
    """Add a new adapter to ``network``, in float32; it changes nothing yet.

    LoRA: A is drawn from the seed, B is zero; ``dora`` also trains the rows' lengths. LoKr
    (``decompose_factor`` is the side of its first matrix): the first matrix is zero, the others are
    drawn from the seed.

    Raises:
        TrainingError: ``option_unavailable``; LoKr's rank is too large for the network.
    """
    config: PeftConfig = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(targets),
        lora_dropout=dropout,
        use_dora=dora,
    )
    if decompose_factor is not None:
        config = LoKrConfig(
            r=rank, alpha=alpha, target_modules=list(targets), decompose_factor=decompose_factor
        )
    inject_adapter_in_model(config, network, adapter_name=ADAPTER)
    for key, weight in parameters({name: network}).items():
        if ".lokr_w2." in key:  # peft makes the second matrix whole where the rank is no saving
            raise rank_too_large(weight.shape, decompose_factor)
        weight.data = weight.data.float()
        weight.data.copy_(initial_weight(key, weight.data, rank, seed))


def initial_weight(key: str, weight: Tensor, rank: int, seed: int) -> Tensor:
    """Return what the weight named ``key`` starts from; peft's own start where it is not random."""
    if ".lora_A." in key:
        return initial_lora_a(key, weight.shape, rank, seed)
    if ".lokr_w2_" in key:
        return normal(weight.shape, seed, "lokr", key) / math.sqrt(3 * weight.shape[1])
    return weight


def rank_too_large(shape: torch.Size, decompose_factor: int | None) -> TrainingError:
    """Return the error for LoKr's rank beside a second matrix of this shape."""
    most = math.ceil(max(shape) / 2) - 1
    message = (
        f"rank: adapter_type lokr has at most rank {most} with decompose_factor "
        f"{decompose_factor} on this base"
    )
    return TrainingError("option_unavailable", message)


def initial_lora_a(key: str, shape: torch.Size | tuple[int, ...], rank: int, seed: int) -> Tensor:
    """Return the initial A of the weight named ``key``."""
    return normal(shape, seed, "lora", key) / rank


def detach(networks: Networks) -> None:
    """Remove the adapters and restore the base's layers."""
    for network in networks.values():
        recurse_remove_peft_layers(network)
        if hasattr(network, "peft_config"):
            del network.peft_config


def parameters(networks: Networks) -> dict[str, nn.Parameter]:
    """Return the trained weights by peft's names: ``<network>.<layer>.lora_A.default.weight``."""
    return {
        f"{name}.{key}": weight
        for name, network in networks.items()
        for key, weight in network.named_parameters()
        if weight.requires_grad
    }


def weights(networks: Networks) -> dict[str, Tensor]:
    """Return copies of the trained weights, by the keys of peft's files."""
    return {
        file_key(key): weight.detach().float().cpu().clone()
        for key, weight in parameters(networks).items()
    }


def file_key(name: str) -> str:
    """Return the key in an adapter file of a weight that ``parameters`` names.

    >>> file_key("unet.to_q.lora_A.default.weight")
    'unet.to_q.lora_A.weight'
    >>> file_key("unet.to_q.lokr_w1.default")
    'unet.to_q.lokr_w1'
    """
    return name.replace(f".{ADAPTER}.", ".").removesuffix(f".{ADAPTER}")


def restore(networks: Networks, saved: dict[str, Tensor]) -> None:
    """Copy weights that ``weights`` returned into the networks."""
    with torch.no_grad():
        for key, weight in parameters(networks).items():
            weight.copy_(saved[file_key(key)])


@contextmanager
def disabled(networks: Networks) -> Iterator[None]:
    """Run the base without its adapters."""
    for layer in _layers(networks):
        layer._disable_adapters = True  # noqa: SLF001 (enable_adapters also freezes the weights)
    try:
        yield
    finally:
        for layer in _layers(networks):
            layer._disable_adapters = False  # noqa: SLF001


def set_dropout(networks: Networks, *, active: bool) -> None:
    """Switch the adapters' dropout on or off; the base's own layers have none."""
    for layer in _layers(networks):
        if hasattr(layer, "lora_dropout"):  # LoKr has none
            layer.lora_dropout.train(active)


def _layers(networks: Networks) -> list[BaseTunerLayer]:
    modules = (module for network in networks.values() for module in network.modules())
    return [module for module in modules if isinstance(module, BaseTunerLayer)]
