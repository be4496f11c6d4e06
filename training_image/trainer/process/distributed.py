"""Several processes that train one adapter, one on each GPU: accelerate starts and joins them.

Every process draws its own batches, and all average their gradients: what comes out is what one
process with as many times ``gradient_accumulation_steps`` would have made. The adapter is small,
so its gradients travel as one tensor, and every process holds the whole optimiser.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from trainer.process.results import TrainingError


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those of one training."""

    accelerator: Accelerator

    @classmethod
    def join(cls) -> "ProcessGroup":
        """Meet the others, where there are any.

        Raises:
            TrainingError: ``option_unavailable``; they were started in a way that does not help.
        """
        expected = int(os.environ.get("WORLD_SIZE", "1"))
        if expected > 1 and not torch.cuda.is_available():
            os.environ["ACCELERATE_USE_CPU"] = "true"  # else accelerate takes each for a lone one
        accelerator = Accelerator()
        if accelerator.num_processes != expected:
            raise TrainingError("option_unavailable", "num_processes: they did not find each other")
        if accelerator.distributed_type not in {"NO", "MULTI_GPU", "MULTI_CPU"}:
            kind = accelerator.distributed_type.value
            raise TrainingError("option_unavailable", f"this trainer cannot run under {kind}")
        return cls(accelerator)

    @property
    def world_size(self) -> int:
        """Return how many there are."""
        count: int = self.accelerator.num_processes
        return count

    @property
    def rank(self) -> int:
        """Return which one this is, from 0; the first one writes."""
        rank: int = self.accelerator.process_index
        return rank

    def all_reduce_mean(self, weights: Iterable[nn.Parameter], error: Tensor) -> Tensor:
        """Average every gradient over the crew; return the average error."""
        if self.world_size == 1:
            return error
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([error.reshape(1), *(gradient.reshape(-1) for gradient in gradients)])
        shared: Tensor = self.accelerator.reduce(flat, reduction="mean")
        sizes = [1, *(gradient.numel() for gradient in gradients)]
        mean, *parts = shared.split(sizes)
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return mean[0]

    def check_equal(self, weights: Iterable[nn.Parameter]) -> None:
        """Make sure that every process ends with the same weights.

        Raises:
            TrainingError: ``training_failed``; they went different ways.
        """
        if self.world_size == 1:
            return
        own = torch.stack([weight.detach().double().sum() for weight in weights]).sum().reshape(1)
        sums: Tensor = self.accelerator.gather(own)
        if not bool((sums == sums[0]).all()):
            raise TrainingError("training_failed", "the processes of this training disagree")

    def any_rank(self, flag: bool) -> bool:
        """Return whether anyone of the crew wishes it: they must stop at the same step."""
        if self.world_size == 1:
            return flag
        flags = torch.tensor([float(flag)], device=self.accelerator.device)
        total: Tensor = self.accelerator.reduce(flags, reduction="sum")
        return bool(total.item())
