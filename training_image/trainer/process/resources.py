"""Which part of the work is this machine's, and how it does it: SageMaker's configuration files.

``resourceconfig.json`` lists a job's machines. ``hyperparameters.json`` (all values are text) may
hold, under diffusers' names:

users_per_step          how many users are trained in one forward pass; 1
mixed_precision         no, bf16 or fp16 for the frozen networks (adapters are always float32); bf16
                        where the GPU has it; a request may say otherwise for itself
num_processes           how many processes train one adapter together, one on each GPU; 1
gradient_checkpointing  true saves memory and costs a third of the speed; false
watchdog_seconds        after so long without a step the log says where it hangs; 120, 0 is never
"""

import json
from pathlib import Path

import torch
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from contracts.documents.training import TrainingTask
from contracts.documents.upload.options import Precision
from trainer.process.results import TrainingError


class Machine(BaseModel):
    """This machine among a job's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    current_host: str = "algo-1"

    hosts: tuple[str, ...] = ("algo-1",)

    users_per_step: int = Field(default=1, ge=1)

    mixed_precision: Precision | None = None

    num_processes: int = Field(default=1, ge=1, le=16)

    gradient_checkpointing: bool = False

    watchdog_seconds: float = Field(default=120, ge=0)

    @field_validator("num_processes")
    @classmethod
    def _no_users_per_step(cls, number: int, info: ValidationInfo) -> int:
        if number > 1 and info.data.get("users_per_step", 1) > 1:
            message = "several processes train one user at a time"
            raise ValueError(message)
        return number

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

    def tasks_of_this_host(self, tasks: tuple[TrainingTask, ...]) -> list[TrainingTask]:
        """Return this machine's tasks: of several machines, every one takes its turn."""
        return list(tasks[sorted(self.hosts).index(self.current_host) :: len(self.hosts)])

    def dtype(self, device: torch.device, requested: Precision | None = None) -> torch.dtype:
        """Return the type of the frozen networks' weights; ``wished`` is a request's own.

        Raises:
            TrainingError: ``option_unavailable``; the device cannot compute in it.
        """
        on_gpu = device.type == "cuda"
        has_bf16 = torch.cuda.is_bf16_supported() if on_gpu else True
        precision = requested or self.mixed_precision or ("bf16" if on_gpu and has_bf16 else "no")
        if precision == "fp16" and not on_gpu:
            raise TrainingError("option_unavailable", "mixed_precision: fp16 needs a GPU")
        if precision == "bf16" and not has_bf16:
            raise TrainingError("option_unavailable", "mixed_precision: this GPU has no bf16")
        return DTYPES[precision]


DTYPES: dict[Precision, torch.dtype] = {
    "no": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


def _read(root: Path, name: str) -> dict[str, object]:
    path = root / "input" / "config" / name
    if not path.is_file():
        return {}
    values = json.loads(path.read_bytes())
    # SageMaker's Python SDK writes text as JSON inside JSON: "\"bf16\"".
    return {key: v.strip('"') if isinstance(v, str) else v for key, v in values.items()}
