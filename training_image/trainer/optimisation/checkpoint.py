"""Checkpoints: everything that a resumed training needs to continue exactly.

Each checkpoint is one safetensors file. It holds no random state, because every random value
depends on the seed and the step alone.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from trainer.model import lora
from trainer.process.results import atomic_path, log

MAX_CHECKPOINTS = 2
"""The number of checkpoints that are kept."""

Numbers = dict[str, int | float]


@dataclass
class Progress:
    """How far a training is."""

    step: int
    """The number of optimizer steps done."""

    losses: list[float]
    """The loss of each step done."""

    seconds: float
    """The time spent on steps, over all attempts."""

    gradient_spikes: int = 0
    """The number of steps with a gradient norm far above ``max_grad_norm``."""

    begun_at: int = 0
    """The step at which this job began: the last one of the sweep's rung before, or 0."""

    @classmethod
    def none(cls) -> "Progress":
        """Return the progress of a training that has not begun."""
        return cls(0, [], 0.0)

    def advance(self, loss: float, seconds: float, *, is_spike: bool = False) -> None:
        """Count one step."""
        self.gradient_spikes += is_spike
        self.step += 1
        self.losses.append(loss)
        self.seconds += seconds


@dataclass(frozen=True)
class TrainingState:
    """The weights and the optimizer's state after one step."""

    progress: Progress

    tensors: dict[str, Tensor]
    """``weight/<name>``, ``optimizer/<key>/<name>`` and perhaps ``ema/<name>`` of each weight."""

    numbers: Numbers = field(default_factory=dict)
    """``optimizer/<key>/<name>`` and ``group/<number>/<key>``: the optimizer's plain numbers."""

    def adapter(self) -> dict[str, Tensor]:
        """Return the weights to export by the names of ``lora.weights``, float32 on the CPU.

        They are the average of the weights where the training keeps one.
        """
        prefix = "ema/" if any(name.startswith("ema/") for name in self.tensors) else "weight/"
        return {
            lora.file_key(name.removeprefix(prefix)): tensor.float().cpu().contiguous()
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def state_dict(
    progress: Progress, weights: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> TrainingState:
    """Return everything that a training needs to resume, for any optimizer."""
    tensors, numbers = {}, {}
    for name, weight in weights.items():
        tensors[f"weight/{name}"] = weight.detach()
        for key, value in optimizer.state[weight].items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{key}/{name}"] = value
            else:
                numbers[f"optimizer/{key}/{name}"] = value
    for number, group in enumerate(optimizer.param_groups):
        own = {key: value for key, value in group.items() if _is_number(value)}
        numbers |= {f"group/{number}/{key}": value for key, value in own.items()}
    return TrainingState(progress, tensors, numbers)


def load_state(
    state: TrainingState, weights: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> None:
    """Restore what ``state_dict`` returned."""
    for name, weight in weights.items():
        with torch.no_grad():
            weight.copy_(state.tensors[f"weight/{name}"])
    parts: dict[str, dict[str, Tensor | float]] = {name: {} for name in weights}
    for path, value in (state.tensors | state.numbers).items():
        kind, _, rest = path.partition("/")
        key, _, name = rest.partition("/")
        if kind == "optimizer":
            parts[name][key] = _beside(weights[name], value)
        elif kind == "group":
            optimizer.param_groups[int(key)][name] = value
    for name, weight in weights.items():
        if parts[name]:
            optimizer.state[weight] = parts[name]


def _beside(weight: nn.Parameter, value: Tensor | float) -> Tensor | float:
    """Return an optimizer's value on the right device; AdamW keeps its counters on the CPU."""
    return value.to(weight.device) if isinstance(value, Tensor) and value.ndim else value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def save_checkpoint(folder: Path, fingerprint: str, state: TrainingState) -> None:
    """Save a checkpoint atomically, and delete all but the newest ``MAX_CHECKPOINTS``."""
    progress = state.progress
    about: dict[str, object] = {
        "fingerprint": fingerprint,
        "step": progress.step,
        "seconds": progress.seconds,
        "explosions": progress.gradient_spikes,
        "begun_at": progress.begun_at,
        "numbers": state.numbers,
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}
    tensors["losses"] = torch.tensor(progress.losses, dtype=torch.float64)
    path = folder / f"step-{progress.step:06d}.safetensors"
    with atomic_path(path) as partial:
        save_file(tensors, partial, metadata={"about": json.dumps(about)})
    for old in _newest_first(folder)[MAX_CHECKPOINTS:]:
        old.unlink()


def load_checkpoint(folder: Path, fingerprint: str) -> TrainingState | None:
    """Return the newest usable checkpoint; None to begin at step 0.

    ``fingerprint`` is the hash of recipe, photos and base: a checkpoint of another training is not
    usable.
    """
    for path in _newest_first(folder):
        state = _read(path, fingerprint)
        if state is not None:
            return state
        log(f"checkpoint {path.name} cannot be used; trying an older one")
    return None


def _read(path: Path, fingerprint: str) -> TrainingState | None:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None
    if about["fingerprint"] != fingerprint:
        return None
    losses = tensors.pop("losses").tolist()
    progress = Progress(
        about["step"],
        losses,
        about["seconds"],
        about["explosions"],
        about.get("begun_at", 0),  # absent in checkpoints from before 2026-12
    )
    return TrainingState(progress, tensors, about["numbers"])


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.safetensors"), reverse=True)
