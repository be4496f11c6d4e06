"""Which part of the work is this machine's, and how it does it: SageMaker's configuration files.

``resourceconfig.json`` lists a job's machines. ``hyperparameters.json`` (all values are text) may
hold, under diffusers' names:

users_per_step          how many users are trained in one forward pass; 1
mixed_precision         no, or bf16 for the frozen networks (adapters are always float32); bf16
                        where the GPU has it
gradient_checkpointing  true saves memory and costs a third of the speed; false
"""

import json
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.training import TrainingTask
from trainer.outcome import TrainingError


class Machine(BaseModel):
    """This machine among a job's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    current_host: str = "algo-1"

    hosts: tuple[str, ...] = ("algo-1",)

    users_per_step: int = Field(default=1, ge=1)

    mixed_precision: Literal["no", "bf16"] | None = None

    gradient_checkpointing: bool = False

    @classmethod
    def read(cls, root: Path) -> "Machine":
        """Read SageMaker's files; what is not there means one machine and one user at a time.

        Raises:
            TrainingError: ``plan_invalid``; a hyperparameter has a value that it cannot have.
        """
        values = _read(root, "resourceconfig.json") | _read(root, "hyperparameters.json")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            fields = sorted({str(e["loc"][0]) for e in error.errors()})
            message = f"check the hyperparameters {', '.join(fields)}"
            raise TrainingError("plan_invalid", message) from error

    def share(self, tasks: tuple[TrainingTask, ...]) -> list[TrainingTask]:
        """Return this machine's tasks: of several machines, every one takes its turn."""
        return list(tasks[sorted(self.hosts).index(self.current_host) :: len(self.hosts)])

    def dtype(self, device: torch.device) -> torch.dtype:
        """Return the type of the frozen networks' weights."""
        can = device.type == "cuda" and torch.cuda.is_bf16_supported()
        wanted = self.mixed_precision or ("bf16" if can else "no")
        return torch.bfloat16 if wanted == "bf16" else torch.float32


def _read(root: Path, name: str) -> dict[str, object]:
    path = root / "input" / "config" / name
    if not path.is_file():
        return {}
    values = json.loads(path.read_bytes())
    # SageMaker's Python SDK writes text as JSON inside JSON: "\"bf16\"".
    return {key: v.strip('"') if isinstance(v, str) else v for key, v in values.items()}
