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

    @classmethod
    def none(cls) -> "Progress":
        """Return the beginning."""
        return cls(0, [], 0.0)

    def advance(self, loss: float, seconds: float) -> None:
        """Count one step."""
        self.step += 1
        self.losses.append(loss)
        self.seconds += seconds


@dataclass(frozen=True)
class State:
    """One saved step."""

    progress: Progress

    tensors: dict[str, Tensor]
    """``weight/<name>``, and Adam's ``first/<name>`` and ``second/<name>`` moments."""


def capture(
    weights: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, Tensor]:
    """Return all that a step leaves behind, by State's names."""
    tensors = {}
    for name, weight in weights.items():
        tensors[f"weight/{name}"] = weight.detach()
        moments = optimizer.state[weight]
        if moments:
            tensors[f"first/{name}"] = moments["exp_avg"]
            tensors[f"second/{name}"] = moments["exp_avg_sq"]
    return tensors


def reinstate(
    state: State, weights: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> None:
    """Put back what ``capture`` returned."""
    for name, weight in weights.items():
        with torch.no_grad():
            weight.copy_(state.tensors[f"weight/{name}"])
        if f"first/{name}" in state.tensors:
            optimizer.state[weight] = {
                "step": torch.tensor(float(state.progress.step)),
                "exp_avg": state.tensors[f"first/{name}"].to(weight.device),
                "exp_avg_sq": state.tensors[f"second/{name}"].to(weight.device),
            }


def save_state(folder: Path, fingerprint: str, state: State) -> None:
    """Save one step, whole or not at all, and forget all but the newest ``KEPT``."""
    progress = state.progress
    about = {
        "fingerprint": fingerprint,
        "step": progress.step,
        "seconds": progress.seconds,
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}
    tensors["losses"] = torch.tensor(progress.losses, dtype=torch.float64)
    path = folder / f"step-{progress.step:06d}.safetensors"
    write_atomically(path, save(tensors, metadata={"about": json.dumps(about)}))
    for old in _newest_first(folder)[KEPT:]:
        old.unlink()


def load_state(folder: Path, fingerprint: str) -> State | None:
    """Return the newest usable state; None to begin at step 0.

    ``fingerprint`` is of recipe, photos and base: a state of another training is not used.
    """
    for path in _newest_first(folder):
        state = _read(path, fingerprint)
        if state is not None:
            return state
        say(f"checkpoint {path.name} cannot be used; an older one is tried")
    return None


def _read(path: Path, fingerprint: str) -> State | None:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
    if about["fingerprint"] != fingerprint:
        return None
    losses = tensors.pop("losses").tolist()
    return State(Progress(about["step"], losses, about["seconds"]), tensors)


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.safetensors"), reverse=True)
