"""SageMaker's configuration files: the hosts of the job, and its hyperparameters.

``resourceconfig.json`` names the hosts and the instance type. ``hyperparameters.json`` (all
values are text) may have:

users_per_step          users whose adapters are trained in one step; 1 by default
mixed_precision         no, bf16 or fp16 for the frozen networks (adapters are always float32); by
                        default bf16 where the GPU supports it; a request's own value has priority
num_processes           processes that train one adapter, one for each GPU; 1 by default
gradient_checkpointing  true saves memory and costs a third of the speed; false by default
watchdog_seconds        seconds without a step after which the watchdog logs where the job hangs;
                        120 by default, 0 for never
"""

import json
import os
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

from contracts.documents.training import TrainingPlan, TrainingTask
from contracts.documents.upload.options import Precision
from contracts.shared.instances.gpu_check import (
    ALLOW_CPU,
    NoGpuError,
    check_gpu,
    find_gpus,
    image_cuda,
)
from trainer.process.results import TrainingError


class Machine(BaseModel):
    """This host and the settings of its job."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    current_host: str = "algo-1"

    hosts: tuple[str, ...] = ("algo-1",)

    current_instance_type: str | None = None

    users_per_step: int = Field(default=1, ge=1)

    mixed_precision: Precision | None = None

    num_processes: int = Field(default=1, ge=1, le=16)

    gradient_checkpointing: bool = False

    watchdog_seconds: float = Field(default=120, ge=0)

    @field_validator("num_processes")
    @classmethod
    def _no_users_per_step(cls, number: int, info: ValidationInfo) -> int:
        if number > 1 and info.data.get("users_per_step", 1) > 1:
            message = "num_processes above 1 needs users_per_step 1"
            raise ValueError(message)
        return number

    @classmethod
    def read(cls, root: Path) -> "Machine":
        """Read SageMaker's files; without them, the job has one host and one user per step.

        Raises:
            TrainingError: ``plan_invalid``; a hyperparameter has an invalid value.
        """
        values = _read(root, "resourceconfig.json") | _read(root, "hyperparameters.json")
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            fields = sorted({str(e["loc"][0]) for e in error.errors()})
            message = f"check the hyperparameters {', '.join(fields)}"
            raise TrainingError("plan_invalid", message) from error

    def check_gpu(self) -> str:
        """Return a line for the log about the device.

        Raises:
            TrainingError: ``no_gpu``; the instance type has a GPU, and it cannot be used.
        """
        cuda = image_cuda(torch.version.cuda, os.environ.get("CUDA_VERSION"))
        allow_cpu = os.environ.get(ALLOW_CPU) == "1"
        try:
            kind = self.current_instance_type or ""
            return check_gpu(kind, cuda, find_gpus(), allow_cpu=allow_cpu)
        except NoGpuError as error:
            remedy = "choose another TrainingInstanceType, or a training image for an older CUDA"
            raise TrainingError("no_gpu", f"{error}; {remedy} (docs/hosting.md)") from None

    def tasks_of_this_host(self, plan: TrainingPlan) -> list[TrainingTask]:
        """Return this host's tasks: its share by the plan, or dealt out to the hosts in turn.

        Raises:
            TrainingError: ``plan_invalid``; the plan was made for another number of hosts.
        """
        rank = sorted(self.hosts, key=rank_of).index(self.current_host)
        if not plan.shares:
            return list(plan.tasks[rank :: len(self.hosts)])
        if len(plan.shares) != len(self.hosts):
            message = f"the plan is for {len(plan.shares)} instances, not for {len(self.hosts)}"
            raise TrainingError("plan_invalid", message)
        first = sum(plan.shares[:rank])
        return list(plan.tasks[first : first + plan.shares[rank]])

    def dtype(self, device: torch.device, requested: Precision | None = None) -> torch.dtype:
        """Return the type of the frozen networks' weights; ``requested`` is the request's value.

        Raises:
            TrainingError: ``option_unavailable``; the device does not support it.
        """
        on_gpu = device.type == "cuda"
        supported = has_bf16(device)
        precision = requested or self.mixed_precision or ("bf16" if on_gpu and supported else "no")
        if precision == "fp16" and not on_gpu:
            raise TrainingError("option_unavailable", "mixed_precision: fp16 needs a GPU")
        if precision == "bf16" and not supported:
            raise TrainingError(
                "option_unavailable", "mixed_precision: this GPU does not support bf16"
            )
        return DTYPES[precision]


def has_bf16(device: torch.device) -> bool:
    """Return whether a device computes in bf16 itself; a T4 and a V100 only emulate it, slowly."""
    return device.type != "cuda" or bool(torch.cuda.is_bf16_supported(including_emulation=False))


def rank_of(host: str) -> tuple[int, str]:
    """Return a host's sort key: ``algo-10`` comes after ``algo-2``."""
    number = host.rpartition("-")[2]
    return (int(number) if number.isdecimal() else 0, host)


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
