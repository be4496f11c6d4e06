"""What a later attempt needs to go on as if nothing had happened.

One safetensors file for each saved step. No random state: chance depends on the step alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from trainer.outcome import say, write_atomically

KEPT = 2


@dataclass
class Progress:
    """How far training is."""

    step: int
    """Optimiser steps done."""

    losses: list[float]
    """One for each step done."""

    seconds: float
    """Of training, over all attempts."""


def save_state(
    folder: Path,
    fingerprint: str,
    progress: Progress,
    weights: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Save one step, whole or not at all, and forget all but the newest ``KEPT``."""
    tensors = {"losses": torch.tensor(progress.losses, dtype=torch.float64)}
    for name, weight in weights.items():
        state = optimizer.state[weight]
        tensors[f"weight/{name}"] = weight.detach().cpu().contiguous()
        if state:
            tensors[f"first/{name}"] = state["exp_avg"].cpu().contiguous()
            tensors[f"second/{name}"] = state["exp_avg_sq"].cpu().contiguous()
    about = {
        "fingerprint": fingerprint,
        "step": progress.step,
        "seconds": progress.seconds,
    }
    path = folder / f"step-{progress.step:06d}.safetensors"
    write_atomically(path, save(tensors, metadata={"about": json.dumps(about)}))
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()


def load_state(
    folder: Path,
    fingerprint: str,
    weights: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> Progress:
    """Go on from the newest usable state; without one, from step 0.

    ``fingerprint`` is of recipe, photos and base: a state of another training is not used.
    """
    for path in _newest_first(folder):
        loaded = _read(path, fingerprint)
        if loaded is None:
            say(f"checkpoint {path.name} cannot be used; an older one is tried")
            continue
        progress, tensors = loaded
        _restore(tensors, progress.step, weights, optimizer)
        return progress
    return Progress(0, [], 0.0)


def _read(path: Path, fingerprint: str) -> tuple[Progress, dict[str, Tensor]] | None:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
    if about["fingerprint"] != fingerprint:
        return None
    return Progress(about["step"], tensors["losses"].tolist(), about["seconds"]), tensors


def _restore(
    tensors: dict[str, Tensor],
    step: int,
    weights: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
) -> None:
    for name, weight in weights.items():
        with torch.no_grad():
            weight.copy_(tensors[f"weight/{name}"])
        if f"first/{name}" in tensors:
            optimizer.state[weight] = {
                "step": torch.tensor(float(step)),
                "exp_avg": tensors[f"first/{name}"].to(weight.device),
                "exp_avg_sq": tensors[f"second/{name}"].to(weight.device),
            }


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.safetensors"), reverse=True)
