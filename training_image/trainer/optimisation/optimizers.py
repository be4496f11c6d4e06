"""The optimizers and the learning rate schedule.

The learning rate depends on the step alone, so a checkpoint needs no scheduler state.
"""

import os
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from typing import Any

import torch
from diffusers.optimization import get_scheduler
from torch import nn

from contracts.shared.weights.lora_names import is_of_text
from trainer.config.recipe import Recipe, warm_cosine
from trainer.process.results import TrainingError

WeightGroups = list[dict[str, Any]]


def make_optimizer(recipe: Recipe, weights: dict[str, nn.Parameter]) -> torch.optim.Optimizer:
    """Return the optimizer with the peak rates of the UNet and the text encoders.

    Raises:
        TrainingError: ``option_unavailable``; the optimizer's package is not installed.
    """
    groups = [group for group in weight_groups(recipe, weights) if group["params"]]
    maker = _adamw_8bit if recipe.use_8bit_adam else MAKERS[recipe.optimizer]
    return maker(recipe, groups)


def weight_groups(recipe: Recipe, weights: dict[str, nn.Parameter]) -> WeightGroups:
    """Return the weights by peak rate: the denoising network first; with LoRA+, A before B."""
    encoders = {name: weight for name, weight in weights.items() if is_of_text(name)}
    denoiser = {name: weight for name, weight in weights.items() if name not in encoders}
    groups: WeightGroups = []
    for own, peak in ((denoiser, recipe.learning_rate), (encoders, recipe.text_encoder_lr)):
        if recipe.loraplus_lr_ratio is None:
            groups.append({"params": list(own.values()), "peak": peak})
            continue
        ups = [weight for name, weight in own.items() if ".lora_B." in name]
        others = [weight for name, weight in own.items() if ".lora_B." not in name]
        groups.append({"params": others, "peak": peak})
        groups.append({"params": ups, "peak": (peak or 0.0) * recipe.loraplus_lr_ratio})
    return groups


def _adamw(recipe: Recipe, groups: WeightGroups) -> torch.optim.Optimizer:
    on_cpu = (
        groups[0]["params"][0].device.type == "cpu"
    )  # fused: 4 times as fast there, equal results
    how: dict[str, Any] = {"fused": True} if on_cpu else {"foreach": True}
    return torch.optim.AdamW(groups, **how, **_common(recipe))


def _adamw_8bit(recipe: Recipe, groups: WeightGroups) -> torch.optim.Optimizer:
    folder = os.environ.get("LIKENESS_OPTIONAL", "")
    if folder and folder not in sys.path:
        sys.path.append(folder)
    try:
        from bitsandbytes.optim import AdamW8bit  # noqa: PLC0415 (takes seconds, rarely used)
    except (ImportError, OSError, RuntimeError) as error:
        raise TrainingError(
            "option_unavailable", "use_8bit_adam: bitsandbytes is not installed"
        ) from error
    optimizer: torch.optim.Optimizer = AdamW8bit(groups, **_common(recipe))
    return optimizer


def _adafactor(recipe: Recipe, groups: WeightGroups) -> torch.optim.Optimizer:
    from transformers.optimization import Adafactor  # noqa: PLC0415 (rarely used)

    optimizer: torch.optim.Optimizer = Adafactor(
        groups,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        scale_parameter=False,
        relative_step=False,
        warmup_init=False,
    )
    return optimizer


def _prodigy(recipe: Recipe, groups: WeightGroups) -> torch.optim.Optimizer:
    try:
        from prodigyopt import Prodigy  # noqa: PLC0415 (rarely used)
    except ImportError as error:
        raise TrainingError(
            "option_unavailable", "optimizer: prodigyopt is not installed"
        ) from error
    with redirect_stdout(StringIO()):  # it prints to the metric lines' stream
        optimizer: torch.optim.Optimizer = Prodigy(
            groups, use_bias_correction=True, safeguard_warmup=True, **_common(recipe)
        )
    return optimizer


def _common(recipe: Recipe) -> dict[str, Any]:
    return {
        "lr": recipe.learning_rate,
        "betas": (recipe.adam_beta1, recipe.adam_beta2),
        "weight_decay": recipe.weight_decay,
    }


MAKERS: dict[str, Callable[[Recipe, WeightGroups], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "adafactor": _adafactor,
    "prodigy": _prodigy,
}


def make_schedule(recipe: Recipe) -> Callable[[int], float]:
    """Return the function from a step to the factor of the peak learning rate."""
    if recipe.lr_scheduler is None:
        return partial(warm_cosine, recipe)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=recipe.learning_rate)
    with warnings.catch_warnings(action="ignore"):
        schedule = get_scheduler(
            recipe.lr_scheduler,
            optimizer,
            num_warmup_steps=recipe.warm_up_steps,
            num_training_steps=recipe.steps,
            num_cycles=recipe.lr_num_cycles,
            power=recipe.lr_power,
        )
    factor: Callable[[int], float] = schedule.lr_lambdas[0]
    return factor


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to its peak times ``factor``."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def rate_of(optimizer: torch.optim.Optimizer) -> float:
    """Return the UNet's learning rate."""
    rate: float = optimizer.param_groups[0]["lr"]
    return rate
